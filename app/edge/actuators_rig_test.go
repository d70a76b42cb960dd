package edge

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
)

// header is a GPIO chip whose lines a test sees.
type header struct {
	mu     sync.Mutex
	levels map[int]bool
	moved  chan move // each change of an output
}

type move struct {
	line  int
	level bool
	at    time.Time
}

func newHeader() *header {
	return &header{levels: map[int]bool{}, moved: make(chan move, 1024)}
}

func (b *header) openers() bus.Openers {
	return bus.Openers{GPIO: func(_ string, line int) (bus.GPIO, error) { return onBoard{b, line}, nil }}
}

func (b *header) level(line int) bool     { b.mu.Lock(); defer b.mu.Unlock(); return b.levels[line] }
func (b *header) set(line int, high bool) { b.mu.Lock(); defer b.mu.Unlock(); b.levels[line] = high }

type onBoard struct {
	*header
	line int
}

func (p onBoard) Close() error { return nil }

func (p onBoard) In(bus.Pull) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.levels[p.line], nil
}

func (p onBoard) Out(high bool) error {
	now := time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.levels[p.line] != high {
		p.moved <- move{p.line, high, now}
	}
	p.levels[p.line] = high
	return nil
}

// want waits for an output to change.
func (b *header) want(t testing.TB, line int, high bool) time.Time {
	t.Helper()
	limit := time.After(20 * time.Second)
	for {
		select {
		case m := <-b.moved:
			if m.line == line && m.level == high {
				return m.at
			}
		case <-limit:
			t.Fatalf("line %d did not become %v", line, high)
		}
	}
}

// nose is a gas sensor that measures what it is told.
type nose struct {
	mu   sync.Mutex
	emit func(telemetry.Point)
	up   chan struct{}
	at   int64 // of the last reading: seconds pass as the test says
}

func newNose() *nose { return &nose{up: make(chan struct{}), at: time.Now().UnixMilli()} }

func (n *nose) Info() devices.Info {
	return devices.Info{ID: "kitchen", Placement: "kitchen_gas", Interval: time.Minute, Metrics: []string{"gas.ch4"}}
}

func (n *nose) Run(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
	n.mu.Lock()
	n.emit = emit
	n.mu.Unlock()
	close(n.up)
	<-ctx.Done()
	return nil
}

// smells is a reading a second later.
func (n *nose) smells(level float64) {
	<-n.up
	n.mu.Lock()
	defer n.mu.Unlock()
	n.at += 1000
	n.emit(telemetry.Point{Metric: "gas.ch4", Time: n.at, Value: level})
}

// running is a gateway of a configuration, with a board and a sensor of the test's.
type running struct {
	*parts
	board *header
	nose  *nose
	file  string
	log   *lines
	stop  func() error
}

// runGateway runs one until stop is called or the test ends; fs nil is the machine's.
func runGateway(t testing.TB, file string, fs outbox.FS, more ...devices.Device) *running {
	t.Helper()
	log := &lines{more: make(chan struct{}, 1)}
	r := runLogged(t, file, fs, slog.New(slog.NewTextHandler(log, nil)), more...)
	r.log = log
	return r
}

// runLogged is runGateway with a log of the test's.
func runLogged(t testing.TB, file string, fs outbox.FS, log *slog.Logger, more ...devices.Device) *running {
	t.Helper()
	r := &running{board: newHeader(), nose: newNose(), file: file}
	p, err := loadOn(newWiring(r.board.openers()), file, log)
	if err != nil {
		t.Fatal(err)
	}
	p.deps.FS = fs
	p.deps.Devices = append(append(p.deps.Devices, r.nose), more...)
	r.parts = p
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.run(ctx, log) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-done })
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	return r
}

const house = `
group: g
node: n
mqtt: {url: "tcp://127.0.0.1:1"} # nobody listens
supervision: {interval: 0s}
outbox: {commit_interval: 20ms}
devices:
  - {id: stairs, kind: simulated, placement: stair_smoke, simulate: {room: {}}}
actuators:
  - {id: valve, kind: gas_valve, output: {gpio: {line: 1}}, reset: {gpio: {line: 3}}}
  - {id: horn, kind: siren, output: {gpio: {line: 2, active: low}}}
`

// badDisk is one that fails, or hangs until it is released, from a moment on.
type badDisk struct {
	outbox.FS
	mu   sync.Mutex
	err  error
	hang chan struct{}
}

func (d *badDisk) turn(err error, hang chan struct{}) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.err, d.hang = err, hang
}

func (d *badDisk) bad() error {
	d.mu.Lock()
	err, hang := d.err, d.hang
	d.mu.Unlock()
	if hang != nil {
		<-hang
	}
	return err
}

func (d *badDisk) OpenFile(name string, flag int) (outbox.File, error) {
	if err := d.bad(); err != nil {
		return nil, err
	}
	f, err := d.FS.OpenFile(name, flag)
	return badFile{f, d}, err
}

func (d *badDisk) MkdirAll(dir string) error {
	if err := d.bad(); err != nil {
		return err
	}
	return d.FS.MkdirAll(dir)
}

type badFile struct {
	outbox.File
	disk *badDisk
}

func (f badFile) WriteAt(b []byte, off int64) (int, error) {
	if err := f.disk.bad(); err != nil {
		return 0, err
	}
	return f.File.WriteAt(b, off)
}

func (f badFile) Sync() error {
	if err := f.disk.bad(); err != nil {
		return err
	}
	return f.File.Sync()
}
