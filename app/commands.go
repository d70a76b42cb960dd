package app

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"

	"weishao.dev/weishao/access"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// command is one of weishao's commands, named by one or two words.
type command struct {
	name  string
	args  string // after the flags, for the usage line
	short string
	long  string
	run   func(c *call) error
}

// call is one invocation of a command.
type call struct {
	ctx            context.Context
	command        *command
	flags          *flag.FlagSet
	args           []string
	stdout, stderr io.Writer
	logger         *slog.Logger
}

// parse reads the flags that the command has declared; the rest is in c.args.
func (c *call) parse(min, max int) error {
	if err := c.flags.Parse(c.args); err != nil {
		return err
	}
	c.args = c.flags.Args()
	if len(c.args) < min {
		return usageError(c.command.args + " is needed, see --help")
	}
	if max >= 0 && len(c.args) > max {
		return usageError(fmt.Sprintf("%q is not expected, see --help", c.args[max]))
	}
	return nil
}

// need refuses a flag that was left empty.
func need(name, value string) error {
	if value == "" {
		return usageError("--" + name + " is needed, see --help")
	}
	return nil
}

type usageError string

func (e usageError) Error() string { return string(e) }

// errReported ends a command with exit code 1 whose text is printed already.
var errReported = errors.New("reported")

func commands() []command {
	return []command{
		{"demo", "", "a neighbourhood with simulated sensors, nothing to set up", demoHelp, runDemo},
		{"hub", "", "run the hub from a configuration file", hubHelp, runHub},
		{"sign-in", "", "print a one-time sign-in link; makes the first user too", signInHelp, runSignIn},
		{"token", "", "print an API token for a user, once", tokenHelp, runToken},
		{"gateway-enrol", "", "print a gateway's credentials, once, as JSON", enrolHelp, runEnrol},
		{"gateway-push", "FILE", "send a gateway parts of its configuration", pushHelp, runPush},
		{"revoke", "", "shut a user or a gateway out", revokeHelp, runRevoke},
		{"reload", "", "have the running hub read site, rules and certificates again", reloadHelp, runReload},
		{"rules check", "FILE|DIR...", "check rule files: every mistake with file:line:column", checkHelp, runRulesCheck},
		{"rules test", "FILE|DIR...", "run scenario files against rules", testHelp, runRulesTest},
		{"rules backtest", "", "what rules would have said over recorded readings", backtestHelp, runBacktest},
		{"rules replay", "", "evaluate a hub's stored log again and compare the verdicts", replayHelp, runReplay},
		{"bench ingest", "", "measure a hub under real MQTT traffic", benchHelp, runBench},
		{"bench gateway", "", "measure a gateway: its memory, its CPU, its return after a day", benchGatewayHelp, runBenchGateway},
		{"version", "", "print the version", "Prints the version of this binary.", runVersion},
	}
}

// Main runs one command and returns the process's exit code: 0 done, 1 failed,
// 2 called wrongly. It returns when the command is done or ctx ends.
func Main(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	cmd, rest := find(args)
	if cmd == nil {
		return help(args, stdout, stderr)
	}
	c := &call{ctx: ctx, command: cmd, args: rest, stdout: stdout, stderr: stderr, flags: flag.NewFlagSet("weishao "+cmd.name, flag.ContinueOnError),
		logger: slog.New(slog.NewTextHandler(stderr, nil))}
	c.flags.SetOutput(io.Discard)
	var shown bool
	c.flags.Usage = func() {
		shown = true
		fmt.Fprintf(stdout, "Usage: %s\n\n%s\n\nFlags:\n", strings.TrimSpace("weishao "+cmd.name+" [flags] "+cmd.args), strings.TrimSpace(cmd.long))
		c.flags.SetOutput(stdout)
		c.flags.PrintDefaults()
		c.flags.SetOutput(io.Discard)
	}
	err := cmd.run(c)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, flag.ErrHelp):
		return 0
	case errors.Is(err, errReported):
		return 1
	case errors.As(err, &usage), !c.flags.Parsed(), shown:
		fmt.Fprintf(stderr, "weishao %s: %v\n", cmd.name, err)
		return 2
	}
	if mistakes, ok := errors.AsType[conf.Errors](err); ok && err.Error() == mistakes.Error() {
		fmt.Fprintln(stderr, mistakes) // bare, one a line, for editors to read
		return 1
	}
	fmt.Fprintf(stderr, "weishao %s: %v\n", cmd.name, err)
	return 1
}

// find takes the longest command name that args begin with.
func find(args []string) (*command, []string) {
	list := commands()
	for n := min(2, len(args)); n > 0; n-- {
		name := strings.Join(args[:n], " ")
		for i := range list {
			if list[i].name == name {
				return &list[i], args[n:]
			}
		}
	}
	return nil, nil
}

func help(args []string, stdout, stderr io.Writer) int {
	out, code := stdout, 0
	list := commands()
	if len(args) > 0 && args[0] != "help" && args[0] != "--help" && args[0] != "-h" {
		var names []string
		for _, c := range list {
			names = append(names, c.name)
		}
		given := strings.Join(args[:min(2, len(args))], " ")
		fmt.Fprintf(stderr, "weishao: unknown command %q%s\n\n", given, telemetry.Suggest(given, names))
		out, code = stderr, 2
	}
	fmt.Fprintf(out, "Weishao (微哨) watches residential buildings for gas, fire and flying-wire charging.\n\nUsage: weishao COMMAND [flags]\n\n")
	for _, c := range list {
		fmt.Fprintf(out, "  %-15s %s\n", c.name, c.short)
	}
	fmt.Fprintf(out, "\nBegin with `weishao demo`. `weishao COMMAND --help` tells more of each.\n")
	return code
}

const hubHelp = `
Runs the hub: broker, ingest, log, rules, incidents, history and pages in one
process, from one strict YAML file. A mistake in the file is reported with
file:line:column before anything starts. SIGHUP, or weishao reload, reads the
site and the rules again; both versions stay in the log. The smallest file is

    data: ./data
    http: {addr: "127.0.0.1:8080"}
    mqtt: {addr: "127.0.0.1:1883"}

and docs/hub.yaml shows every key.`

func runHub(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := need("config", *file); err != nil {
		return err
	}
	cfg, err := LoadHubConfig(*file)
	if err != nil {
		return err
	}
	ownFiles()
	if err := serveDebug(c.ctx, c.logger); err != nil {
		return err
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP) // before the start: from then on it must not end the hub
	defer signal.Stop(again)
	h, err := OpenHub(c.ctx, cfg, c.logger)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "weishao hub: pages on %s, MQTT on %s\n", h.URL(), h.MQTT())
	ctx, cancel := context.WithCancel(c.ctx)
	var reloading sync.WaitGroup
	reloading.Go(func() { h.reloadOn(ctx, again) })
	err = h.Run(ctx)
	cancel()
	reloading.Wait()
	return err
}

// reloadOn reloads at each signal until ctx ends. What goes wrong stands in the
// hub's log, and the versions before stay in effect.
func (h *Hub) reloadOn(ctx context.Context, again <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
			_, _ = h.Reload(ctx) // it has told
		}
	}
}

const signInHelp = `
Asks the running hub for a link that signs one person in, once, within 15
minutes. The user is made if there is none yet: this is how the first operator
comes in. Roles: warden, officer, operator.`

func runSignIn(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	user := c.flags.String("user", "", "the user's `ID`, as in the site file where the person is there")
	role := c.flags.String("role", "", "warden, officer or operator")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := errors.Join(need("config", *file), need("user", *user), need("role", *role)); err != nil {
		return usageError(err.Error())
	}
	if !access.Role(*role).Valid() {
		return usageError(fmt.Sprintf("--role %q: one of warden, officer, operator", *role))
	}
	var reply secretReply
	if err := c.ask(*file, "/sign-in", signInRequest{User: *user, Role: *role}, &reply); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, reply.Secret)
	return nil
}

const tokenHelp = `
Prints an API token for a user that exists. It is shown once: the hub keeps
only its hash. Send it as "Authorization: Bearer TOKEN".`

func runToken(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	user := c.flags.String("user", "", "the user's `ID`")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := errors.Join(need("config", *file), need("user", *user)); err != nil {
		return usageError(err.Error())
	}
	var reply secretReply
	if err := c.ask(*file, "/token", tokenRequest{User: *user}, &reply); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, reply.Secret)
	return nil
}

const revokeHelp = `
Shuts a user out, with every session, link and token, or a gateway, whose
connection ends at once. What they did and measured stays. A user comes in again
by sign-in, a gateway by gateway-enrol.`

func runRevoke(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	user := c.flags.String("user", "", "the user's `ID`")
	gateway := c.flags.String("gateway", "", "the gateway, `GROUP/NODE`")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := need("config", *file); err != nil {
		return err
	}
	if (*user == "") == (*gateway == "") {
		return usageError("one of --user and --gateway is needed, see --help")
	}
	return c.ask(*file, "/revoke", revokeRequest{User: *user, Gateway: *gateway}, &struct{}{})
}

const reloadHelp = `
Asks the running hub to read the site, the rules and the certificates again, as
SIGHUP does, and prints what is in effect from then on. With a mistake in any of
them all stay as they were, and the mistake is printed.`

func runReload(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := need("config", *file); err != nil {
		return err
	}
	var reply reloadReply
	if err := c.ask(*file, "/reload", struct{}{}, &reply); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, reply.Says)
	return nil
}

func (c *call) ask(file, path string, question, reply any) error {
	cfg, err := LoadHubConfig(file)
	if err != nil {
		return err
	}
	return callControl(c.ctx, cfg.Data, path, question, reply)
}

func runVersion(c *call) error {
	if err := c.parse(0, 0); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, Version)
	return nil
}

// Version is set by the release build.
var Version = "0.1.0-dev"
