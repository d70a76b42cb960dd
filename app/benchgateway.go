package app

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"weishao.dev/weishao/app/benchload"
)

const benchGatewayHelp = `
Starts a hub of its own and a real weishao-gateway with simulated sensors at 1 Hz,
the shipped rules, and a configuration that says nothing more. It measures what the
gateway's process uses; then it puts an outage into the gateway's outbox, starts the
gateway again, and measures how long the outage takes to drain and what that does to
live readings.

    weishao bench gateway                       64 sensors, 60 s, 24 h of outage
    weishao bench gateway --mixed --outage 0    meters, smoke and boxes too
    weishao bench gateway --json

CPU includes the simulation. Latencies run from the sample to the hub's log, and the
gateway collects for a second before it commits. The outage is written through the
outbox itself, second by second, but not synced each second. Gateway and hub share
this machine's processors and disk. docs/performance.md explains the figures. Linux.`

func runBenchGateway(c *call) error {
	var o benchload.EdgeOptions
	c.flags.StringVar(&o.Program, "gateway", "", "the gateway's `PROGRAM`; default: weishao-gateway beside this one")
	c.flags.IntVar(&o.Sensors, "sensors", 64, "simulated sensors")
	c.flags.BoolVar(&o.Mixed, "mixed", false, "let a quarter of the sensors be meters of four metrics and another quarter smoke and meter boxes of two; else all measure gas alone")
	c.flags.DurationVar(&o.Steady, "steady", time.Minute, "how long to measure while nothing happens")
	c.flags.DurationVar(&o.Outage, "outage", 24*time.Hour, "how long an outage to come back from; 0: none")
	dir := c.flags.String("dir", "", "a `DIR` for all data while it runs; default: the system's folder for temporary files")
	asJSON := c.flags.Bool("json", false, "print one JSON object")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if o.Sensors < 1 || o.Sensors > 999 || o.Steady < time.Second || o.Outage < 0 {
		return usageError("--sensors is 1 to 999, --steady at least 1s, --outage not negative")
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	if o.Program == "" {
		o.Program = filepath.Join(filepath.Dir(program), "weishao-gateway")
	}
	o.Hub = benchload.Options{Program: program, Door: benchDoor{}, LogFolder: logFolder, Log: c.logger}
	if o.Hub.Dir, err = os.MkdirTemp(*dir, "weishao-bench-"); err != nil {
		return err
	}
	defer os.RemoveAll(o.Hub.Dir)
	res, err := benchload.RunEdge(c.ctx, o)
	if err != nil {
		return err
	}
	if *asJSON {
		return json.NewEncoder(c.stdout).Encode(res)
	}
	printBenchGateway(c.stdout, res)
	return nil
}

func printBenchGateway(w io.Writer, r *benchload.EdgeResult) {
	line := func(what, goal, format string, args ...any) {
		if goal != "" {
			goal = "at most " + goal
		}
		fmt.Fprintf(w, "%-26s %-44s %s\n", what, fmt.Sprintf(format, args...), goal)
	}
	line("sensors", "", "%d at 1 Hz, %d readings/s", r.Sensors, r.PerSecond)
	line("binary", "25 MB", "%.1f MB", r.Binary)
	line("start to first sample", "1 s", "%.0f ms", r.FirstSample)
	line("start to reading at hub", "1 s", "%.0f ms", r.FirstAtHub)
	line("CPU", "2 %", "%.2f %% of one core", r.CPU)
	line("RSS", "32 MB", "%.1f MB at most, %.1f MB in the end", r.RSS, r.RSSEnd)
	line("outbox writes", "", "%.0f MB a day, as pages %.0f MB a day", r.Written, r.Dirtied)
	line("sample to hub's log", "", "median %.0f ms, 99 %% %.0f ms", r.LiveP50, r.LiveP99)
	if d := r.Outage; d != nil {
		line("outage", "120 MB", "%.0f h, %d readings in %.1f MB", d.Span/3600, d.Readings, d.Disk)
		line("  start to first sample", "1 s", "%.0f ms", d.FirstSample)
		line("  start to reading at hub", "", "%.0f ms, live, ahead of the backlog", d.FirstAtHub)
		line("  drained in", "10 min", "%.1f s", d.Seconds)
		line("  RSS", "32 MB", "%.1f MB at most", d.RSS)
		line("  sample to hub's log", "", "median %.0f ms, 99 %% %.0f ms, most %.0f ms", d.LiveP50, d.LiveP99, d.LiveMax)
	}
	line("lost, twice", "0", "%d, %d", r.Lost, r.Duplicates)
}
