package actuator

import (
	"context"

	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"

	"go.yaml.in/yaml/v3"
)

// Output is a wire that moves something.
type Output interface {
	// Set makes the output act or rest. It returns soon after ctx ends, and nil only
	// if the wire has taken it; whether the thing moved is for an Input to say. One
	// call at a time.
	Set(ctx context.Context, act bool) error
	String() string
}

// Input is a wire that says something: that a valve is closed, that a button is held.
type Input interface {
	// Get returns soon after ctx ends. What cannot be read is an error, never false.
	Get(ctx context.Context) (bool, error)
	String() string
}

// Wires make the outputs and inputs of one sort, such as gpio.
type Wires struct {
	Output func(*Part) (Output, error)
	Input  func(*Part) (Input, error)
}

// Part is what the configuration says of one wire.
type Part struct {
	Who  string   // "valve-301's feedback", for what takes a wire alone
	Pos  conf.Pos // for mistakes that no key stands for
	node yaml.Node
}

// Decode reads the wire's keys, strictly, into the struct that into points to. The
// error is of type conf.Errors.
func (p *Part) Decode(into any) error { return conf.DecodeNode(p.Pos.File, &p.node, into) }

// GPIO are the wires of a board's own header.
func GPIO(buses *bus.Buses) Wires {
	return Wires{
		Output: func(p *Part) (Output, error) {
			var own OutputPin
			if err := p.Decode(&own); err != nil {
				return nil, err
			}
			var errs conf.Errors
			low := level(&errs, own.Active, "high")
			pin := own.OnGPIO.Pin(buses, &errs, p.Pos, p.Who)
			return &outputPin{pin, low}, errs.Err()
		},
		Input: func(p *Part) (Input, error) {
			var own InputPin
			if err := p.Decode(&own); err != nil {
				return nil, err
			}
			var errs conf.Errors
			low := level(&errs, own.Active, "low")
			in := &inputPin{low: low}
			switch own.Pull.V {
			case "", "up":
				in.pull = bus.PullUp
			case "down":
				in.pull = bus.PullDown
			case "none":
			default:
				errs.Add(own.Pull.Pos, "pull %q is none of up, down, none", own.Pull.V)
			}
			in.pin = own.OnGPIO.Pin(buses, &errs, p.Pos, p.Who)
			return in, errs.Err()
		},
	}
}

// OutputPin are the keys of an output at a GPIO line.
type OutputPin struct {
	bus.OnGPIO `yaml:",inline"`
	Active     conf.At[string] `yaml:"active"` // the level that acts: high (default) or low
}

// InputPin are the keys of an input at a GPIO line.
type InputPin struct {
	bus.OnGPIO `yaml:",inline"`
	Pull       conf.At[string] `yaml:"pull"`   // up (default), down or none
	Active     conf.At[string] `yaml:"active"` // the level that means yes: low (default) or high
}

func level(errs *conf.Errors, active conf.At[string], otherwise string) (low bool) {
	v := active.V
	if v == "" {
		v = otherwise
	}
	if v != "high" && v != "low" {
		errs.Add(active.Pos, "active %q is neither high nor low", v)
	}
	return v == "low"
}

type outputPin struct {
	pin bus.Pin
	low bool
}

func (o *outputPin) String() string { return o.pin.String() }

func (o *outputPin) Set(ctx context.Context, act bool) error { return o.pin.Write(ctx, act != o.low) }

type inputPin struct {
	pin  bus.Pin
	pull bus.Pull
	low  bool
}

func (i *inputPin) String() string { return i.pin.String() }

func (i *inputPin) Get(ctx context.Context) (bool, error) {
	high, err := i.pin.Read(ctx, i.pull)
	return high != i.low, err
}
