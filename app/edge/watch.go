package edge

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"weishao.dev/weishao/app/edge/watching"
	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/telemetry"
)

const watchHelp = `Usage: weishao-gateway watch --config FILE [--for DURATION]

Shows what the devices of a configuration measure, as it comes: value with unit,
quality, and age. On a terminal the table is drawn in place, elsewhere each reading is
a line. Nothing is kept, nothing is sent to a hub, and no valve or siren is touched.

A serial port and a GPIO line belong to one program at a time: stop the gateway
before, or watch a configuration that has other parts.

Flags:
`

// watch is the command of that name.
func watch(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("weishao-gateway watch", flag.ContinueOnError)
	config := flags.String("config", "", "the gateway's configuration `FILE`")
	length := flags.Duration("for", 0, "end after so long; default: until it is stopped")
	if code, done := parseFlags(flags, args, watchHelp, 0, stdout, stderr, config); done {
		return code
	}
	if *length > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, *length)
		defer cancel()
	}
	return exit(watchOn(ctx, newWiring(bus.Host()), *config, stdout, stderr, onTerminal(stdout)), stderr)
}

// parseFlags reads a command's flags, of which the first is needed, and at most extra
// arguments behind them. done: there is nothing left to do but to exit.
func parseFlags(flags *flag.FlagSet, args []string, help string, extra int, stdout, stderr io.Writer, config *string) (code int, done bool) {
	flags.SetOutput(io.Discard)
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0, true
	case err == nil && flags.NArg() > extra:
		err = fmt.Errorf("%q is not expected", flags.Arg(extra))
	case err == nil && config != nil && *config == "":
		err = errors.New("--config is needed")
	}
	if err != nil {
		fmt.Fprintf(stderr, "%s: %v, see --help\n", flags.Name(), err)
		return 2, true
	}
	return 0, false
}

// onTerminal reports whether somebody looks at the output.
func onTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("TERM") == "dumb" {
		return false
	}
	st, err := f.Stat()
	return err == nil && st.Mode()&os.ModeCharDevice != 0
}

// redraw is how often the table is drawn.
const redraw = 500 * time.Millisecond

func watchOn(ctx context.Context, w *wiring, file string, stdout, stderr io.Writer, inPlace bool) error {
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	board := watching.New(catalogue)
	log := slog.New(slog.NewTextHandler(stderr, nil))
	if inPlace {
		log = slog.New(slog.NewTextHandler(board, nil))
	}
	kinds := kindsOn(w, catalogue, log)
	cfg, err := inEffect(file, goodFile, kinds)
	if err != nil {
		return err
	}
	var mu sync.Mutex // of stdout
	see := func(d devices.Info, p telemetry.Point) {
		if inPlace {
			board.See(d.ID, p, time.Now())
			return
		}
		mu.Lock()
		defer mu.Unlock()
		_, _ = io.WriteString(stdout, watching.Line(catalogue, d.ID, p)) // whoever read it has gone
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var drawing sync.WaitGroup
	if inPlace {
		drawing.Go(func() { draw(ctx, board, stdout) })
	}
	err = gateway.Observe(ctx, cfg, gateway.Deps{Log: log, Kinds: kinds, Dir: filepath.Dir(file), Catalogue: catalogue, Built: w.rooms.Check}, board.Announce, see)
	stop()
	drawing.Wait()
	return err
}

func draw(ctx context.Context, board *watching.Board, stdout io.Writer) {
	t := time.NewTicker(redraw)
	defer t.Stop()
	for lines := 0; ; {
		var err error
		if lines, err = board.Draw(stdout, time.Now(), lines); err != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
	}
}
