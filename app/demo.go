package app

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"weishao.dev/weishao/devices/replay"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"

	"weishao.dev/weishao/app/neighbourhood"
)

const demoHelp = `
Runs a whole neighbourhood in one process: three buildings with about sixty
simulated sensors on two gateways, the hub, and four wardens on a roster. It needs
no file and no argument, and prints a link that signs you in once. In its first
three minutes somebody charges an e-bike over a flying wire, gas leaks, cooking
bursts that must page nobody, and a gateway drops out and returns.

    weishao demo
    weishao demo --speed 10                         ten times as fast
    weishao demo --replay fire.csv.gz               a recorded file in the houses' place
    weishao demo --replay socket.csv --placement corridor_socket --speed 60

A recording (header time,device,metric,value[,quality]) plays through the same
drivers, its first row being now. Its devices get --placement or are placed by what
they measure: power on a corridor's socket, gas in a kitchen, smoke, heat and CO in
a room. It has a folder of its own below --data, so that no house's sensors are
missed while it plays.

When it is ready, DIR/demo.json holds the addresses, an API token, and MQTT
credentials for a client of your own; only you can read it. The log is
DIR/demo.log. Start it again on the same folder and devices and incidents are
still there, and the story begins anew. Ctrl-C stops it.`

// demoOptions are the demo's flags.
type demoOptions struct {
	data, http, mqtt  string
	replay, placement string
	speed             float64
	site, rules       string
}

func runDemo(c *call) error {
	var o demoOptions
	c.flags.StringVar(&o.data, "data", "./data", "the `DIR` for everything that is kept")
	c.flags.StringVar(&o.http, "http", "127.0.0.1:8080", "the `ADDR` of pages and API; port 0 takes a free one")
	c.flags.StringVar(&o.mqtt, "mqtt", "127.0.0.1:1883", "the `ADDR` of the MQTT broker; port 0 takes a free one")
	c.flags.StringVar(&o.replay, "replay", "", "play the readings of a `FILE`, .csv or .csv.gz, instead of the houses")
	c.flags.StringVar(&o.placement, "placement", "", "what devices that the site does not know watch, such as corridor_socket; default: by metric")
	c.flags.Float64Var(&o.speed, "speed", 1, "how many times as fast the demo's one clock runs, up to 1000")
	c.flags.StringVar(&o.site, "site", "", "a site `FILE` in place of the demo's own")
	c.flags.StringVar(&o.rules, "rules", "", "a `DIR` of rules in place of the shipped ones")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := o.check(); err != nil {
		return err
	}
	ownFiles()
	d, err := o.prepare()
	if err != nil {
		return err
	}
	defer d.close()
	d.out = newTeller(c.stdout)
	return d.run(c.ctx, c.stderr)
}

// maxSpeed is how fast the clock may run: beyond it, what the machine needs to
// hand a reading on is longer than what the rules wait for.
const maxSpeed = 1000

func (o *demoOptions) check() error {
	if !(o.speed > 0 && o.speed <= maxSpeed) {
		return usageError(fmt.Sprintf("--speed %g: write a number above 0, up to %d", o.speed, maxSpeed))
	}
	if o.placement != "" && o.replay == "" {
		return usageError("--placement says where the devices of a recording are: it goes with --replay FILE")
	}
	if o.placement != "" && !telemetry.ValidName(o.placement) {
		return usageError(fmt.Sprintf("--placement %q is no placement%s", o.placement, telemetry.Suggest(o.placement, site.Placements)))
	}
	return nil
}

// demo is one run of the demonstration.
type demo struct {
	demoOptions
	dir       string // of the hub: DIR, or one below it for each recording
	lock      *os.File
	clock     *demoClock
	siteFile  record.File
	site      *site.Site
	recording *replay.File // nil: the neighbourhood
	out       *teller
}

// prepare reads everything that may be wrong before anything starts.
func (o *demoOptions) prepare() (*demo, error) {
	d := &demo{demoOptions: *o}
	var err error
	if d.siteFile, err = o.readSite(); err != nil {
		return nil, err
	}
	if d.site, err = site.Load(d.siteFile.Name, d.siteFile.Data); err != nil {
		return nil, err
	}
	if o.replay != "" {
		if d.recording, err = replay.Open(o.replay, d.site.Catalogue, replay.Options{Placement: o.placement}); err != nil {
			return nil, err
		}
	}
	if d.siteFile, err = neighbourhood.Patient(d.siteFile, o.speed); err != nil {
		return nil, err
	}
	return d, d.occupy()
}

func (o *demoOptions) readSite() (record.File, error) {
	switch {
	case o.site != "":
		data, err := os.ReadFile(o.site)
		if err != nil {
			return record.File{}, fmt.Errorf("--site: %w", err)
		}
		return record.File{Name: o.site, Data: data}, nil
	case o.replay != "":
		return neighbourhood.WardensFile(), nil
	}
	return neighbourhood.SiteFile(), nil
}

// occupy takes the folder, and looks whether the ports can be had.
func (d *demo) occupy() (err error) {
	if d.data, err = filepath.Abs(d.data); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	d.dir = d.data
	if d.recording != nil {
		d.dir = filepath.Join(d.data, "replay", filepath.Base(d.replay))
	}
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("--data: %w", err)
	}
	if d.lock, err = lockDemo(d.data); err != nil {
		return err
	}
	err = errors.Join(portFree("--http", d.http), portFree("--mqtt", d.mqtt))
	if err == nil {
		err = removeIfThere(d.file("demo.json"))
	}
	if err == nil {
		d.clock, err = openDemoClock(filepath.Join(d.dir, "demo.clock"), d.speed)
	}
	if err != nil {
		d.close()
	}
	return err
}

func (d *demo) close() { d.lock.Close() }

// file is a file of the demo's own in the folder that the user gave.
func (d *demo) file(name string) string { return filepath.Join(d.data, name) }

func removeIfThere(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// portFree says of an address that cannot be listened on which flag to change.
func portFree(flag, addr string) error {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		return l.Close()
	}
	if errors.Is(err, syscall.EADDRINUSE) {
		return fmt.Errorf("%s %s: another program has this port; stop it, or choose another with %s, such as %s 127.0.0.1:0 for any free one", flag, addr, flag, flag)
	}
	return fmt.Errorf("%s %s: %w", flag, addr, err)
}
