package edge

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"time"

	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/gateway/edgerules"
	"weishao.dev/weishao/internal/unixsocket"
	"weishao.dev/weishao/telemetry"
)

// serveControl opens the gateway's own door and serves it until ctx ends. A disk on
// which no socket can be made costs the door, and nothing else: it is tried again.
func serveControl(ctx context.Context, path string, w *edgerules.Watch, log *slog.Logger) {
	told := false
	for ctx.Err() == nil {
		l, err := unixsocket.Listen(path)
		if err == nil {
			told = false
			err = serveDoor(ctx, l, w)
		}
		if ctx.Err() == nil && !told {
			told = true
			log.Error("nobody can speak to this gateway: valves and sirens are reset by their buttons only", "socket", path, "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * time.Second):
		}
	}
}

func serveDoor(ctx context.Context, l net.Listener, w *edgerules.Watch) error {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /actuator", unixsocket.Answer(obey(w)))
	mux.HandleFunc("POST /actuators", unixsocket.Answer(statuses(w)))
	srv := &http.Server{Handler: mux, ReadTimeout: 5 * time.Second, WriteTimeout: 5 * time.Second, MaxHeaderBytes: 16 << 10}
	stop := context.AfterFunc(ctx, func() { srv.Close() })
	defer stop()
	return srv.Serve(l)
}

const controlHelp = `weishao-gateway %s

Usage: %s

It speaks to the gateway that runs with FILE, over its control socket, which only the
gateway's user and root can open.

Exit codes: 0 done, 1 refused, or no gateway runs, or a mistake in the file, 2 called wrongly.

Flags:
`

// command is one that speaks to a running gateway.
type command struct {
	does, usage string
	named       bool // takes an actuator's name
	force       bool // has --force
}

var commands = map[string]command{
	"actuators": {"lists valves, sirens and relays: what they do, and what made them act", "weishao-gateway actuators --config FILE", false, false},
	"reset":     {"ends what a rule has tripped: the valve may be opened, the siren is quiet", "weishao-gateway reset NAME --config FILE [--force]", true, true},
	"silence":   {"makes a siren quiet until the next alarm; it stays latched, and valves stay closed", "weishao-gateway silence NAME --config FILE", true, false},
	"trip":      {"makes an actuator act, as a rule would: to try it out", "weishao-gateway trip NAME --config FILE", true, false},
}

// speak runs one of the commands.
func speak(ctx context.Context, name string, args []string, stdout, stderr io.Writer) int {
	cmd := commands[name]
	flags := flag.NewFlagSet(name, flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config", "", "the gateway's configuration `FILE`")
	force := false
	if cmd.force {
		flags.BoolVar(&force, "force", false, "although the danger is not known to be over")
	}
	words, err := interspersed(flags, args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprintf(stdout, controlHelp, name+" "+cmd.does+".", cmd.usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	}
	switch {
	case err != nil:
	case *file == "":
		err = errors.New("--config is needed")
	case cmd.named && len(words) != 1:
		err = errors.New("one actuator's name is needed")
	case !cmd.named && len(words) > 0:
		err = fmt.Errorf("%q is not expected", words[0])
	}
	if err != nil {
		fmt.Fprintf(stderr, "weishao-gateway: %v, see weishao-gateway %s --help\n", err, name)
		return 2
	}
	cfg, err := gateway.Load(*file, Kinds(telemetry.NewCatalogue(telemetry.LEL{}), slog.New(slog.DiscardHandler)))
	switch {
	case err != nil:
	case cmd.named:
		err = askActuator(ctx, cfg, request{Actuator: words[0], Do: name, Force: force}, stdout)
	default:
		err = listActuators(ctx, cfg, stdout)
	}
	if errors.Is(err, unixsocket.ErrNobody) {
		err = fmt.Errorf("no gateway runs with %s, or it has no actuators: %w", *file, err)
	}
	return exit(err, stderr)
}

// interspersed parses flags that stand before, between and after words.
func interspersed(flags *flag.FlagSet, args []string) (words []string, err error) {
	for {
		if err := flags.Parse(args); err != nil {
			return nil, err
		}
		if flags.NArg() == 0 {
			return words, nil
		}
		words, args = append(words, flags.Arg(0)), flags.Args()[1:]
	}
}
