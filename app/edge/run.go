package edge

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/gateway"
	machine "weishao.dev/weishao/gateway/board"
	"weishao.dev/weishao/gateway/edgerules"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/systemd"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// Run runs the gateway of a configuration file until ctx ends.
func Run(ctx context.Context, file string, log *slog.Logger) error {
	s, err := newStage(file, log)
	if err != nil {
		return err
	}
	ctx, stop := context.WithCancel(ctx)
	var guard sync.WaitGroup
	guard.Go(func() { systemd.FromEnv().Guard(ctx, log, s.health) })
	err = s.run(ctx)
	stop()
	guard.Wait()
	return err
}

// run is one life of a gateway.
func (p *parts) run(ctx context.Context, log *slog.Logger) error {
	g, err := gateway.New(p.cfg, p.deps)
	if err != nil {
		return err
	}
	p.watch.Announce(g.Node(), g.Devices())
	ctx, stop := context.WithCancel(ctx)
	var others sync.WaitGroup
	if p.cfg.Metrics.V != "" {
		serve, err := listenMetrics(p.cfg.Metrics, g, log)
		if err != nil {
			stop()
			return errors.Join(err, g.Close())
		}
		others.Go(func() { serve(ctx) })
	}
	others.Go(func() { p.watch.Run(ctx) })
	if len(p.watch.Actuators()) > 0 {
		others.Go(func() { serveControl(ctx, p.cfg.Control.V, p.watch, log) })
	}
	if p.beside != nil {
		others.Go(func() { p.beside(ctx, g) })
	}
	err = g.Run(ctx)
	stop()
	others.Wait()
	log.Info("gateway stopped", "node", g.Node())
	return err
}

// Check reads a configuration as Run does, builds its devices, and says what it
// has. It leaves the outbox alone: a gateway may be running on it.
func Check(file string, out io.Writer) error {
	p, err := load(file, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	infos, err := gateway.Describe(p.cfg, p.deps)
	if err != nil {
		return err
	}
	for _, d := range infos {
		fmt.Fprintf(out, "%-24s %-18s every %-6s %s\n", d.ID, d.Placement, d.Interval, strings.Join(d.Metrics, ", "))
	}
	describeActuators(out, p.watch)
	describePlacements(out, p.cfg.Devices, p.watch)
	for _, path := range p.cfg.MQTT.Loose() {
		fmt.Fprintf(out, "everybody on this machine may read %s, which is a secret: chmod 600 %s\n", path, path)
	}
	fmt.Fprintf(out, "%s: %s/%s, %d devices; no mistakes found\n", file, p.cfg.Group.V, p.cfg.Node.V, len(infos))
	return nil
}

// parts are what a gateway is made of.
type parts struct {
	cfg   *gateway.Config
	deps  gateway.Deps
	watch *edgerules.Watch
	buses *bus.Buses

	beside func(context.Context, *gateway.Gateway) // runs as long as the gateway does; may be nil
}

func load(file string, log *slog.Logger) (*parts, error) {
	return loadOn(newWiring(bus.Host()), file, log)
}

// loadOn is the gateway of a file, with what its hub has pushed.
func loadOn(wiring *wiring, file string, log *slog.Logger) (*parts, error) {
	return loadPushed(wiring, file, goodFile, log)
}

// loadPushed is the gateway of a file, with what the hub has pushed where the state
// folder has a file of that name.
func loadPushed(wiring *wiring, file, pushed string, log *slog.Logger) (*parts, error) {
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	kinds := kindsOn(wiring, catalogue, log)
	cfg, err := inEffect(file, pushed, kinds)
	if err != nil {
		return nil, err
	}
	cfg.Version = Version
	files, err := ruleFiles(cfg.Rules)
	if err != nil {
		return nil, err
	}
	dir := filepath.Dir(file)
	actuators, err := actuator.Build(file, cfg.Actuators, actuator.Deps{Log: log, Dir: cfg.State.V, Wires: wiring.wires(dir)})
	if err != nil {
		return nil, err
	}
	// The rules' time goes on evenly: a clock that is set from 1970 to today would let
	// decades pass in a moment.
	steady := telemetry.NewClockAt(time.Now(), 1)
	watch, err := edgerules.New(edgerules.Config{Files: files, Catalogue: catalogue, Clock: steady, Log: log, Actuators: actuators})
	if err != nil {
		return nil, err
	}
	if err := checkActuators(cfg, watch); err != nil {
		return nil, err
	}
	deps := gateway.Deps{Log: log, Kinds: kinds, Dir: dir, Catalogue: catalogue, Urgent: watch.Urgent, Built: wiring.rooms.Check,
		ClockDoubt: func() bool { return machine.ClockDoubtful("/") }}
	for _, a := range actuators {
		deps.Devices = append(deps.Devices, a.Device())
	}
	return &parts{cfg: cfg, deps: deps, watch: watch, buses: wiring.buses}, nil
}

// inEffect is the configuration of a file, with what the hub has pushed where the state
// folder has a file of that name.
func inEffect(file, pushed string, kinds map[string]gateway.Factory) (*gateway.Config, error) {
	cfg, err := gateway.Load(file, kinds)
	if err != nil || pushed == "" {
		return cfg, err
	}
	if path := filepath.Join(cfg.State.V, pushed); exists(path) {
		return gateway.LoadWith(file, path, kinds)
	}
	return cfg, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// ruleFiles reads what "rules" names: files, and of folders their *.yaml files but
// for scenarios (*.test.yaml).
func ruleFiles(paths []conf.At[string]) ([]record.File, error) {
	var files []record.File
	var errs conf.Errors
	for _, p := range paths {
		err := filepath.WalkDir(p.V, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path != p.V && !isRules(path) {
				return err
			}
			data, err := os.ReadFile(path)
			files = append(files, record.File{Name: path, Data: data})
			return err
		})
		if err != nil {
			errs.Add(p.Pos, "rules: %v", err)
		}
	}
	if len(paths) > 0 && len(files) == 0 && len(errs) == 0 {
		errs.Add(paths[0].Pos, "rules: no *.yaml file in %s", paths[0].V)
	}
	return files, errs.Err()
}

func isRules(path string) bool {
	ext := filepath.Ext(path)
	return (ext == ".yaml" || ext == ".yml") && !strings.HasSuffix(path, ".test"+ext)
}
