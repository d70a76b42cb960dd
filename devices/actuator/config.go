package actuator

import (
	"cmp"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Config is one entry of `actuators` in a gateway's configuration.
type Config struct {
	Pos        conf.Pos               `yaml:"-"`
	ID         conf.At[string]        `yaml:"id"`         // name within the gateway, beside those of the devices
	Kind       conf.At[string]        `yaml:"kind"`       // gas_valve, siren, beacon, contactor, relay
	Target     conf.At[string]        `yaml:"target"`     // what rules call it; default by kind
	Devices    []conf.At[string]      `yaml:"devices"`    // whose alarms it answers; default all of the gateway
	Placements []conf.At[string]      `yaml:"placements"` // likewise, by what they watch
	Model      string                 `yaml:"model"`
	Serial     string                 `yaml:"serial"`
	Placement  string                 `yaml:"placement"` // default the kind
	Interval   conf.At[conf.Duration] `yaml:"interval"`  // between two reports of an actuator that rests; default 30s
	Output     yaml.Node              `yaml:"output"`    // one of the Wires: {gpio: {line: 17}}
	Pulse      conf.At[conf.Duration] `yaml:"pulse"`     // the output acts for this long; default for as long as the actuator does
	Feedback   yaml.Node              `yaml:"feedback"`  // an input that says that it acts
	Within     conf.At[conf.Duration] `yaml:"within"`    // time to confirm; default 5s
	FailSafe   conf.At[string]        `yaml:"fail_safe"` // keep (default), act or rest
	Reset      yaml.Node              `yaml:"reset"`     // an input: a button
	Silence    yaml.Node              `yaml:"silence"`   // an input: a button; of sirens
}

// kind is a sort of thing that acts.
type kind struct {
	name   string
	verb   string // of the actions that are for it; empty: all
	target string // default
	silent bool   // can be silenced
	rests  bool   // rests when its output does; others wait for a hand
}

var kinds = []kind{
	{name: "gas_valve", verb: "close", target: "gas_valve"},
	{name: "siren", verb: "sound", target: "siren", silent: true, rests: true},
	{name: "beacon", verb: "sound", target: "siren", rests: true},
	{name: "contactor", verb: "open", target: "relay"},
	{name: "relay"},
}

// What an actuator does when the gateway stops.
const (
	failKeep = "keep"
	failAct  = "act"
	failRest = "rest"
)

func (c *Config) pulse() time.Duration    { return time.Duration(c.Pulse.V) }
func (c *Config) within() time.Duration   { return cmp.Or(time.Duration(c.Within.V), 5*time.Second) }
func (c *Config) interval() time.Duration { return cmp.Or(time.Duration(c.Interval.V), 30*time.Second) }
func (c *Config) placement() string       { return cmp.Or(c.Placement, c.Kind.V) }

func (c *Config) kind() *kind {
	if i := slices.IndexFunc(kinds, func(k kind) bool { return k.name == c.Kind.V }); i >= 0 {
		return &kinds[i]
	}
	return nil
}

func (c *Config) target() string {
	if c.Target.V == "" {
		return c.kind().target
	}
	return c.Target.V
}

// serves reports whether an alarm at a device of the gateway is its business.
func (c *Config) serves(device, placement string) bool {
	is := func(list []conf.At[string], name string) bool {
		return slices.ContainsFunc(list, func(v conf.At[string]) bool { return v.V == name })
	}
	return len(c.Devices)+len(c.Placements) == 0 || is(c.Devices, device) || is(c.Placements, placement)
}

// Deps are what actuators are given beside their configuration.
type Deps struct {
	Log   *slog.Logger
	Dir   string           // of the files that keep latches
	Wires map[string]Wires // by name: "gpio", ...
	Disk  Disk             // default the machine's
}

// Build makes the actuators of a configuration's list. It reads their latches and
// touches no wire. Errors are of type conf.Errors.
func Build(file string, list []yaml.Node, deps Deps) ([]*Actuator, error) {
	if deps.Disk == nil {
		deps.Disk = hostDisk{}
	}
	b := builder{deps: deps, moved: map[string]string{}}
	var made []*Actuator
	for i := range list {
		c := &Config{}
		if err := conf.DecodeNode(file, &list[i], c); err != nil {
			b.collect(err)
			continue
		}
		if a := b.build(c); a != nil {
			made = append(made, a)
		}
	}
	return made, b.errs.Err()
}

type builder struct {
	deps  Deps
	errs  conf.Errors
	moved map[string]string // who moves an output, by what it is
}

// alone reports an output that another actuator moves: the one's reset would open the
// valve that the other keeps closed.
func (b *builder) alone(c *Config, out Output, p *Part) {
	if before := b.moved[out.String()]; before != "" {
		b.errs.Add(p.Pos, "%s is moved by %s: give one of them another output", out, before)
		return
	}
	b.moved[out.String()] = c.ID.V
}

// collect takes mistakes over; whatever reads YAML gives conf.Errors.
func (b *builder) collect(err error) {
	if more, ok := err.(conf.Errors); ok {
		b.errs = append(b.errs, more...)
	}
}

func (b *builder) build(c *Config) *Actuator {
	before := len(b.errs)
	b.check(c)
	a := &Actuator{id: c.ID.V, kind: c.kind(), cfg: c, disk: b.deps.Disk, file: filepath.Join(b.deps.Dir, c.ID.V+".json"), log: b.deps.Log,
		wake: make(chan struct{}, 1), news: make(chan struct{}, 1), dirty: make(chan struct{}, 1), said: map[string]telemetry.Point{}}
	if c.Output.Kind == 0 {
		b.errs.Add(c.Pos, "output is missing: say what moves %q, such as output: {gpio: {line: 17}}", c.ID.V)
	} else if p, w := b.part(c, "output", &c.Output); w != nil {
		out, err := w.Output(p)
		b.collect(err)
		if a.out = out; err == nil {
			b.alone(c, out, p)
		}
	}
	a.feedback = b.input(c, "feedback", &c.Feedback)
	a.reset = func() error { a.Reset(); return nil }
	if in := b.input(c, "reset", &c.Reset); in != nil {
		a.buttons = append(a.buttons, button{in, a.pressedReset})
	}
	if in := b.input(c, "silence", &c.Silence); in != nil {
		a.buttons = append(a.buttons, button{in, func() { _ = a.Silence() }}) // check lets only sirens have one
	}
	if len(b.errs) > before {
		return nil
	}
	a.remember()
	return a
}

func (a *Actuator) pressedReset() {
	if !a.Latch().Latched {
		return
	}
	if err := a.reset(); err != nil {
		a.log.Warn("somebody pressed reset, and it was refused", "actuator", a.id, "error", err)
	}
}

// remember reads the latch. One that is lost is what fail_safe says.
func (a *Actuator) remember() {
	l, err := load(a.disk, a.file)
	if err == nil {
		a.latch, a.kept = l, &l
		return
	}
	a.log.Error("an actuator's latch is lost", "actuator", a.id, "error", err, "fail_safe", cmp.Or(a.cfg.FailSafe.V, failKeep))
	if a.cfg.FailSafe.V == failAct {
		a.latch = a.latch.Trip(Cause{At: time.Now().UnixMilli()})
	}
}

func (b *builder) input(c *Config, key string, n *yaml.Node) Input {
	if n.Kind == 0 {
		return nil
	}
	p, w := b.part(c, key, n)
	if w == nil {
		return nil
	}
	in, err := w.Input(p)
	b.collect(err)
	return in
}

// part finds the wires that a mapping of one key names.
func (b *builder) part(c *Config, key string, n *yaml.Node) (*Part, *Wires) {
	at := conf.Pos{File: c.Pos.File, Line: n.Line, Column: n.Column}
	names := slices.Sorted(maps.Keys(b.deps.Wires))
	if n.Kind != yaml.MappingNode || len(n.Content) != 2 {
		b.errs.Add(at, "%s: one of %s belongs here, such as {gpio: {line: 17}}", key, strings.Join(names, ", "))
		return nil, nil
	}
	name := n.Content[0]
	w, ok := b.deps.Wires[name.Value]
	if !ok {
		b.errs.Add(conf.Pos{File: at.File, Line: name.Line, Column: name.Column}, "%s: %q is none of %s%s", key, name.Value, strings.Join(names, ", "), telemetry.Suggest(name.Value, names))
		return nil, nil
	}
	own := n.Content[1]
	return &Part{Who: fmt.Sprintf("%s (%s)", c.ID.V, key), Pos: conf.Pos{File: at.File, Line: own.Line, Column: own.Column}, node: *own}, &w
}

// maxPulse is what a motor valve may take; with fail_safe it has to end within the
// time that a gateway has for stopping.
const (
	maxPulse     = 30 * time.Second
	maxLastPulse = time.Second
)

func (b *builder) check(c *Config) {
	errs := &b.errs
	if !telemetry.ValidName(c.ID.V) {
		errs.Add(at(c.ID, c.Pos), "id %q is not 1 to 64 letters, digits, '.', '_' or '-'", c.ID.V)
	}
	k := c.kind()
	if k == nil {
		names := make([]string, len(kinds))
		for i := range kinds {
			names[i] = kinds[i].name
		}
		errs.Add(at(c.Kind, c.Pos), "kind %q is none of %s%s", c.Kind.V, strings.Join(names, ", "), telemetry.Suggest(c.Kind.V, names))
		k = &kind{silent: true, target: "unknown"}
	}
	if c.Target.V == "" && k.target == "" {
		errs.Add(c.Pos, "target is missing: what rules call this %s, such as relay", k.name)
	}
	if c.Silence.Kind != 0 && !k.silent {
		errs.Add(c.Pos, "silence is for sirens: a %s is reset", k.name)
	}
	conf.Span(errs, "interval", c.Interval, 0, time.Second, time.Hour)
	conf.Span(errs, "within", c.Within, 0, 100*time.Millisecond, 5*time.Minute)
	conf.Span(errs, "pulse", c.Pulse, 0, 10*time.Millisecond, maxPulse)
	if c.Within.Pos.Line != 0 && c.Feedback.Kind == 0 {
		errs.Add(c.Within.Pos, "within is the feedback's, and there is none")
	}
	switch c.FailSafe.V {
	case "", failKeep, failRest:
	case failAct:
		if c.pulse() > maxLastPulse {
			errs.Add(c.FailSafe.Pos, "fail_safe: act needs a pulse of at most %v: a gateway that stops has no more time", maxLastPulse)
		}
	default:
		errs.Add(c.FailSafe.Pos, "fail_safe %q is none of %s, %s, %s", c.FailSafe.V, failKeep, failAct, failRest)
	}
}

func at[T any](v conf.At[T], otherwise conf.Pos) conf.Pos {
	if v.Pos.Line == 0 {
		return otherwise
	}
	return v.Pos
}
