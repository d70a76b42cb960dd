package edge

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Version is set by the release build.
var Version = "0.1.0-dev"

const help = `weishao-gateway reads sensors and carries their readings to a Weishao hub.

Usage: weishao-gateway --config FILE [--check]
       weishao-gateway enrol --config FILE --from FILE|-        with what the hub printed
       weishao-gateway probe                                    what hangs on this board, and the YAML to paste
       weishao-gateway watch --config FILE                      live readings, sent nowhere
       weishao-gateway calibrate DEVICE --config FILE           of a gas sensor, in clean air
       weishao-gateway actuators --config FILE
       weishao-gateway reset|silence|trip NAME --config FILE    of a valve, siren or relay

It needs one YAML file, in which every mistake is reported as file:line:column
before anything starts. The smallest is

    group: beixin
    node: gw-17
    mqtt: {password_file: ./password}
    devices:
      - {id: kitchen-301, kind: simulated, placement: kitchen_gas, simulate: {gas: {}}}

The hub enrols the gateway and prints the password, once:

    weishao gateway-enrol --config hub.yaml --group beixin --node gw-17

docs/gateway.yaml shows every key. The log goes to standard error. SIGTERM ends the
gateway within about five seconds, with everything that was sampled on disk.

Exit codes: 0 stopped as asked, 1 failed, by a mistake in the file too, 2 called wrongly.

Flags:
`

// Main runs the gateway until ctx ends, and returns the process's exit code: 0
// stopped as asked, 1 failed, 2 called wrongly.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	if len(args) > 0 {
		switch args[0] {
		case "enrol":
			return enrol(args[1:], os.Stdin, stdout, stderr)
		case "watch":
			return watch(ctx, args[1:], stdout, stderr)
		case "probe":
			return probe(ctx, args[1:], stdout, stderr)
		case "calibrate":
			return calibrate(ctx, args[1:], os.Stdin, stdout, stderr)
		}
		if _, ok := commands[args[0]]; ok {
			return speak(ctx, args[0], args[1:], stdout, stderr)
		}
	}
	flags := flag.NewFlagSet("weishao-gateway", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	file := flags.String("config", "", "the gateway's configuration `FILE`")
	check := flags.Bool("check", false, "check the configuration and its devices, print what it has, and end")
	version := flags.Bool("version", false, "print the version and end")
	err := flags.Parse(args)
	switch {
	case errors.Is(err, flag.ErrHelp):
		fmt.Fprint(stdout, help)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return 0
	case err == nil && *version:
		fmt.Fprintln(stdout, Version)
		return 0
	case err == nil && flags.NArg() > 0:
		err = fmt.Errorf("%q is not expected%s", flags.Arg(0), telemetry.Suggest(flags.Arg(0), []string{"enrol", "probe", "watch", "calibrate", "actuators", "reset", "silence", "trip"}))
	case err == nil && *file == "":
		err = errors.New("--config is needed")
	}
	if err != nil {
		fmt.Fprintf(stderr, "weishao-gateway: %v, see --help\n", err)
		return 2
	}
	if *check {
		err = Check(*file, stdout)
	} else {
		limitMemory()
		log, flush := newLog(stderr)
		err = Run(ctx, *file, log)
		flush()
	}
	return exit(err, stderr)
}

// exit tells of an error, mistakes of a file bare, for editors to read, and returns
// the exit code.
func exit(err error, stderr io.Writer) int {
	if err == nil {
		return 0
	}
	if mistakes, ok := errors.AsType[conf.Errors](err); ok && strings.HasPrefix(err.Error(), mistakes.Error()) {
		fmt.Fprintln(stderr, err)
		return 1
	}
	fmt.Fprintf(stderr, "weishao-gateway: %v\n", err)
	return 1
}
