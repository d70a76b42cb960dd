package app

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"time"

	"weishao.dev/weishao/app/benchload"
)

const benchHelp = `
Starts a hub of its own, with the shipped rules and its history, and sends it real
MQTT traffic: N gateways, each with its connection, its devices and its sequences,
10 readings in a message, as our own gateways do. Meanwhile some devices leak gas,
and it measures how long until the verdict and until the incident reaches an open
page. In the end it reads the hub's log and counts what is missing or twice.

    weishao bench ingest --json                        as fast as it is acknowledged
    weishao bench ingest --rate 10000 --duration 60s   10,000 readings a second
    weishao bench ingest --backlog 1h                  alarms while an hour of backlog drains

readings_per_s counts until rules and history have had every reading; CPU is the
hub's process alone, rss_mb its peak. The verdict's latency ends with the hub's
clock when it applied the verdict, the incident's with the arrival of the
server-sent event; both begin when the message is published. Load generator and hub
share this machine's processors. docs/performance.md explains the figures. Linux.`

func runBench(c *call) error {
	var o benchload.Options
	c.flags.IntVar(&o.Gateways, "gateways", 10, "gateways, each with a connection of its own")
	c.flags.IntVar(&o.Devices, "devices", 50, "devices of each gateway, with 5 metrics each")
	c.flags.IntVar(&o.Rate, "rate", 0, "readings a second of all together; 0: as fast as they are acknowledged")
	c.flags.IntVar(&o.PerMessage, "readings-per-message", 10, "readings in a message")
	c.flags.DurationVar(&o.Duration, "duration", 30*time.Second, "how long to send; with --backlog, how long to measure when it has drained")
	c.flags.DurationVar(&o.Backlog, "backlog", 0, "instead: let one gateway of 50 devices at 10 readings/s come back after so long, and measure alarms while its backlog drains")
	c.flags.StringVar(&o.Profile, "profile", "", "write a CPU profile of the hub to a `FILE`")
	dir := c.flags.String("dir", "", "a `DIR` for the hub's data while it runs; default: the system's folder for temporary files")
	asJSON := c.flags.Bool("json", false, "print one JSON object")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	switch {
	case o.Gateways < 1 || o.Devices < 1 || o.PerMessage < 1 || o.PerMessage > 1000:
		return usageError("--gateways and --devices are at least 1, --readings-per-message 1 to 1000")
	case o.Rate < 0 || o.Duration < time.Second || o.Backlog < 0:
		return usageError("--rate is not negative, --duration at least 1s, --backlog not negative")
	}
	var err error
	if o.Program, err = os.Executable(); err != nil {
		return err
	}
	if o.Dir, err = os.MkdirTemp(*dir, "weishao-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.Dir)
	o.Door, o.LogFolder, o.Log = benchDoor{}, logFolder, c.logger
	res, err := benchload.Run(c.ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(c.stdout).Encode(res)
	}
	printBench(c.stdout, res)
	return nil
}

// benchDoor asks the hub that the bench has started, as the commands do.
type benchDoor struct{}

func (benchDoor) ask(ctx context.Context, config, path string, question, reply any) error {
	cfg, err := LoadHubConfig(config)
	if err != nil {
		return err
	}
	return callControl(ctx, cfg.Data, path, question, reply)
}

func (d benchDoor) Token(ctx context.Context, config string) (string, error) {
	var link, token secretReply
	if err := d.ask(ctx, config, "/sign-in", signInRequest{User: "bench", Role: "operator"}, &link); err != nil {
		return "", err
	}
	err := d.ask(ctx, config, "/token", tokenRequest{User: "bench"}, &token)
	return token.Secret, err
}

func (d benchDoor) Enrol(ctx context.Context, config, group, node string) (username, password string, err error) {
	var e Enrolment
	err = d.ask(ctx, config, "/gateway-enrol", enrolRequest{Group: group, Node: node}, &e)
	return e.Username, e.Password, err
}

func printBench(w io.Writer, r *benchload.Result) {
	ms := func(v *float64) string {
		if v == nil {
			return "none came"
		}
		return fmt.Sprintf("%.1f ms", *v)
	}
	line := func(what, format string, args ...any) {
		fmt.Fprintf(w, "%-28s %s\n", what, fmt.Sprintf(format, args...))
	}
	line("readings", "%d sent, %d committed, %d lost, %d twice", r.Sent, r.Committed, r.Lost, r.Duplicates)
	line("rate", "%.0f readings/s, %.0f messages/s, %d readings in a message", r.ReadingsPerS, r.MessagesPerS, r.PerMessage)
	line("hub's CPU", "%.2f µs a reading", r.CPUPerReading)
	line("hub's memory", "%.0f MB at most, %.0f MB in the end", r.RSS, r.RSSEnd)
	line("publish to verdict", "median %s, 99 %% %s", ms(r.VerdictP50), ms(r.VerdictP99))
	line("publish to incident on page", "99 %% %s; %d of %d hazards, %d unexpected", ms(r.IncidentP99), r.Incidents, r.Hazards, r.Unexpected)
	if d := r.Backlog; d != nil {
		line("backlog", "%d readings of %v in %.1f s: %.0f times real time", d.Readings, time.Duration(d.Span)*time.Second, d.Seconds, d.TimesReal)
		line("  publish to verdict", "median %s, 99 %% %s while it drained", ms(d.VerdictP50), ms(d.VerdictP99))
		line("  publish to incident", "99 %% %s; %d of %d hazards while it drained", ms(d.IncidentP99), d.Incidents, d.Hazards)
	}
}
