package actuator

import (
	"context"
	"fmt"
	"log/slog"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// The metrics of an actuator.
const (
	MetricState   = "actuator.state"
	MetricLatched = "actuator.latched"
)

// Actuator is one thing that acts. It is safe for concurrent use.
type Actuator struct {
	id       string
	kind     *kind
	cfg      *Config
	out      Output
	feedback Input // nil: none
	buttons  []button
	disk     Disk
	file     string
	kept     *Latch // what is on disk; nil: not known. keep's own
	log      *slog.Logger

	wake  chan struct{} // for drive: what is wanted has changed
	news  chan struct{} // for report: something is to be said
	dirty chan struct{} // for keep: the latch has changed

	mu      sync.Mutex // never held while waiting for anything
	clock   telemetry.Clock
	latch   Latch
	round   int // counts raises: each makes it act anew
	moved   bool
	acting  bool // what the output was last told, once moved
	outErr  error
	seen    bool // the feedback, once looked
	looked  bool
	seenErr error
	overdue bool // it does not do as it was told in its time
	said    map[string]telemetry.Point
	unsaid  []telemetry.Point
	lines   []line    // of the log, for report to write: a log may block
	told    bool      // that it is in trouble
	well    time.Time // when it last was, while told
	reset   func() error
}

// Info is the device that the hub sees.
func (a *Actuator) Info() devices.Info {
	return devices.Info{ID: a.id, Model: a.cfg.Model, Serial: a.cfg.Serial, Placement: a.cfg.placement(), Interval: a.cfg.interval(),
		Metrics: []string{MetricState, MetricLatched}}
}

// ID is its name within the gateway, Kind one of Kinds, Target what rules call it.
func (a *Actuator) ID() string     { return a.id }
func (a *Actuator) Kind() string   { return a.kind.name }
func (a *Actuator) Target() string { return a.cfg.target() }

// Config is what it was made of.
func (a *Actuator) Config() *Config { return a.cfg }

// Answers reports whether an action at a device of the gateway is for this actuator.
func (a *Actuator) Answers(verb, target, device, placement string) bool {
	return a.Does(verb, target) && a.cfg.serves(device, placement)
}

// Does reports whether it carries out an action at all.
func (a *Actuator) Does(verb, target string) bool {
	return target == a.cfg.target() && (a.kind.verb == "" || a.kind.verb == verb)
}

// Trip makes it act until it is reset. It does not wait for anything.
func (a *Actuator) Trip(c Cause) {
	a.change(func() {
		a.latch = a.latch.Trip(c)
		a.round++
		a.tell(slog.LevelWarn, "an actuator acts", "rule", c.Rule, "device", c.Device)
	})
}

// Reset ends the latch. Whether the hazard still holds is for whoever calls to know.
func (a *Actuator) Reset() {
	a.change(func() {
		a.latch = a.latch.Reset()
		a.tell(slog.LevelWarn, "an actuator was reset")
	})
}

// Silence makes a siren quiet until the next raise, and leaves its latch.
func (a *Actuator) Silence() error {
	if !a.kind.silent {
		return fmt.Errorf("%s is a %s and cannot be silenced: reset it when the danger is over", a.id, a.kind.name)
	}
	a.change(func() {
		a.latch = a.latch.Silence()
		a.tell(slog.LevelWarn, "an actuator was silenced")
	})
	return nil
}

// ResetBy is asked instead of Reset when somebody presses the reset button: it may
// refuse. It is called before Run.
func (a *Actuator) ResetBy(f func() error) { a.reset = f }

// Resume has it remember what it did in an earlier life of the gateway within this
// process, whatever the disk has of that. It is called before Run.
func (a *Actuator) Resume(l Latch) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.latch = l
}

// Latch is what it remembers at the moment.
func (a *Actuator) Latch() Latch {
	a.mu.Lock()
	defer a.mu.Unlock()
	l := a.latch
	l.Causes = slices.Clone(l.Causes)
	return l
}

// Status is what people see of it.
type Status struct {
	ID      string  `json:"id"`
	Kind    string  `json:"kind"`
	Latch   Latch   `json:"latch"`
	State   float64 `json:"state"`           // actuator.state
	Fault   string  `json:"fault,omitempty"` // instead of a state
	Known   bool    `json:"known"`           // false: it has not been moved or looked at yet
	Problem string  `json:"problem,omitempty"`
}

// Status is a snapshot.
func (a *Actuator) Status() Status {
	s := Status{ID: a.id, Kind: a.kind.name, Latch: a.Latch()}
	a.mu.Lock()
	defer a.mu.Unlock()
	p, known := a.state()
	s.State, s.Known = p.Value, known
	if q, err := a.trouble(); err != nil {
		s.Fault, s.Problem = q.String(), err.Error()
	}
	return s
}

// change changes what is wanted and tells those whom it concerns.
func (a *Actuator) change(f func()) {
	a.mu.Lock()
	f()
	a.note()
	a.mu.Unlock()
	signal(a.wake)
	signal(a.dirty)
}

// line is one of the log.
type line struct {
	level slog.Level
	text  string
	attrs []any
}

// tell keeps a line for the log. The caller holds mu.
func (a *Actuator) tell(level slog.Level, text string, attrs ...any) {
	if len(a.lines) < maxUnsaid {
		a.lines = append(a.lines, line{level, text, append([]any{"actuator", a.id}, attrs...)})
	}
	signal(a.news)
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Run moves, watches and reports until ctx ends; then it does what fail_safe says.
func (a *Actuator) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	a.mu.Lock()
	a.clock = clock
	a.mu.Unlock()
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var loops sync.WaitGroup
	run := func(loop func(context.Context)) {
		loops.Go(func() {
			defer func() {
				if r := recover(); r != nil {
					a.log.Error("an actuator's part panicked", "actuator", a.id, "panic", fmt.Sprint(r), "stack", string(debug.Stack()))
					stop(fmt.Errorf("%w: %v", errPanic, r))
				}
			}()
			loop(ctx)
		})
	}
	run(a.drive)
	run(a.keep)
	run(func(ctx context.Context) { a.report(ctx, emit) })
	for _, b := range a.buttons {
		run(b.watch)
	}
	loops.Wait()
	return panicOf(ctx)
}

// holder is a wire that wants to be kept open while it is used.
type holder interface {
	Holding(devices.Device) devices.Device
}

// Device is the actuator with its wires held while it runs.
func (a *Actuator) Device() devices.Device {
	wires := []any{a.out, a.feedback}
	for _, b := range a.buttons {
		wires = append(wires, b.in)
	}
	d := devices.Device(a)
	for _, w := range wires {
		if h, ok := w.(holder); ok {
			d = h.Holding(d)
		}
	}
	return d
}
