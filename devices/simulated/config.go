package simulated

import (
	"cmp"
	"hash/fnv"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/sim"
)

// Own is what a device of kind "simulated" has in a gateway's configuration
// beside what all devices have:
//
//   - id: kitchen-301
//     kind: simulated
//     placement: kitchen_gas
//     interval: 5s
//     simulate:
//     gas: {volume: 8, air_changes: 0.5, leak: 0.1, after: 10m, for: 30m}
//
//   - id: socket-3
//     kind: simulated
//     placement: corridor_socket
//     interval: 2s
//     simulate:
//     charger: {power: 240, battery: lead_acid, depth: 0.8, after: 10s, every: 24h}
//
// Parts may stand together: a room with fire and gas. house and charger share one
// meter. Times count from "start", or else from the device's first reading: then a
// gateway that is started again begins its story again.
type Own struct {
	Pos      conf.Pos `yaml:"-"`
	Simulate Config   `yaml:"simulate"`
}

// Config is the mapping "simulate". At least one part is given; an empty part
// ({}) is one in which nothing happens.
type Config struct {
	Pos     conf.Pos     `yaml:"-"`
	Seed    int64        `yaml:"seed"`  // default: by the device's id
	Start   time.Time    `yaml:"start"` // when the story begins; default: with the first reading
	Gas     *GasPart     `yaml:"gas"`
	House   *struct{}    `yaml:"house"`
	Charger *ChargerPart `yaml:"charger"`
	Room    *struct{}    `yaml:"room"` // smoke and temperature; nothing burns
	Fire    *FirePart    `yaml:"fire"` // smoke, temperature and CO
	Box     *BoxPart     `yaml:"box"`  // a meter box: temperature and residual current
}

// GasPart is a room with a sensor for fuel gas.
type GasPart struct {
	Metric     conf.At[string]        `yaml:"metric"`      // gas.ch4 (default) or gas.lpg
	Volume     conf.At[float64]       `yaml:"volume"`      // m³; default 8
	AirChanges conf.At[float64]       `yaml:"air_changes"` // per hour; default 0.5
	Leak       conf.At[float64]       `yaml:"leak"`        // m³/h; default none
	Burst      conf.At[float64]       `yaml:"burst"`       // %LEL at its peak: cooking wine, hair spray; default none
	After      conf.At[conf.Duration] `yaml:"after"`
	For        conf.At[conf.Duration] `yaml:"for"` // of the leak; default for ever
}

// ChargerPart is an e-bike's charger on the circuit.
type ChargerPart struct {
	Power   conf.At[float64]       `yaml:"power"`        // W from the wall; default 240
	Battery conf.At[string]        `yaml:"battery"`      // lead_acid (default) or lithium
	Depth   conf.At[float64]       `yaml:"depth"`        // how empty the battery is, 0.05 to 1; default 0.8
	Factor  conf.At[float64]       `yaml:"power_factor"` // default 0.58; with correction 0.97
	After   conf.At[conf.Duration] `yaml:"after"`
	Every   conf.At[conf.Duration] `yaml:"every"` // default once
}

// FirePart is a room in which something catches fire.
type FirePart struct {
	Growth conf.At[string]        `yaml:"growth"` // slow, medium (default), fast
	After  conf.At[conf.Duration] `yaml:"after"`
}

// BoxPart is a meter box.
type BoxPart struct {
	Amps     conf.At[float64] `yaml:"amps"`     // in its worst joint; default 8
	Residual conf.At[float64] `yaml:"residual"` // mA; default 12
}

// Device makes the device of a configuration. The error is of type conf.Errors.
func (o *Own) Device(info devices.Info) (devices.Device, error) {
	var errs conf.Errors
	c := &o.Simulate
	if info.Interval <= 0 {
		info.Interval = 10 * time.Second
	}
	if c.Seed == 0 {
		c.Seed = int64(SeedOf(info.ID) >> 1)
	}
	channels := c.channels(&errs)
	if len(channels) == 0 && len(errs) == 0 {
		pos := c.Pos
		if pos.Line == 0 {
			pos = o.Pos
		}
		errs.Add(pos, "nothing to simulate: give at least one of gas, house, charger, room, fire, box under \"simulate\"")
	}
	if err := errs.Err(); err != nil {
		return nil, err
	}
	start := &Start{}
	if !c.Start.IsZero() {
		start = StartAt(c.Start)
	}
	return New(info, start, channels...), nil
}

// SeedOf is the seed of a device that is given none.
func SeedOf(id string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(id)) // never fails
	return h.Sum64() | 1
}

func (c *Config) channels(errs *conf.Errors) []Channel {
	var out []Channel
	seed := uint64(c.Seed)
	if c.Gas != nil {
		out = append(out, c.Gas.channel(seed, errs))
	}
	var loads []Load
	if c.House != nil {
		loads = append(loads, Household(seed))
	}
	if c.Charger != nil {
		loads = append(loads, c.Charger.load(seed, errs))
	}
	if len(loads) > 0 {
		out = append(out, Meter(seed+100, Sum(loads...))...)
	}
	if c.Room != nil && c.Fire != nil || (c.Room != nil || c.Fire != nil) && c.Box != nil {
		errs.Add(c.Pos, "room, fire and box each measure a temperature: give one of them")
		return out
	}
	switch {
	case c.Fire != nil:
		out = append(out, c.Fire.channels(seed+200, errs)...)
	case c.Room != nil:
		out = append(out, Smoke(seed+200, func(Moment) float64 { return 0 }), Temperature(seed+201, Ambient(seed)))
	case c.Box != nil:
		out = append(out, c.Box.channels(seed+300, errs)...)
	}
	return out
}

// given is the value in the file within [lo, hi], or def where there is none.
func given(errs *conf.Errors, what string, v conf.At[float64], def, lo, hi float64) float64 {
	if v.Pos.Line == 0 {
		return def
	}
	if !(v.V >= lo && v.V <= hi) {
		errs.Add(v.Pos, "%s %g is not between %g and %g", what, v.V, lo, hi)
	}
	return v.V
}

// choice is the entry of a table that the file names; the first name is the default.
func choice[T any](errs *conf.Errors, what string, v conf.At[string], names []string, table []T) T {
	name := cmp.Or(v.V, names[0])
	for i, n := range names {
		if n == name {
			return table[i]
		}
	}
	errs.Add(v.Pos, "unknown %s %q (one of %v)", what, v.V, names)
	return table[0]
}

func (g *GasPart) channel(seed uint64, errs *conf.Errors) Channel {
	metric := choice(errs, "metric", g.Metric, []string{"gas.ch4", "gas.lpg"}, []string{"gas.ch4", "gas.lpg"})
	room := sim.Room{Volume: given(errs, "volume", g.Volume, 8, 1, 10_000), AirChanges: given(errs, "air_changes", g.AirChanges, 0.5, 0, 100)}
	if metric == "gas.lpg" {
		room.LEL = 2.1
	}
	leak := given(errs, "leak", g.Leak, 0, 0, 100)
	burst := sim.Burst{Peak: given(errs, "burst", g.Burst, 0, 0, 100), Rise: 4 * time.Second, Decay: 70 * time.Second}
	after, open := time.Duration(g.After.V), time.Duration(g.For.V)
	return Gas(seed, metric, func(m Moment) float64 {
		t := m.Since - after
		level := burst.At(t)
		switch {
		case leak == 0:
		case open > 0:
			level += room.LeakFor(leak, open, t)
		default:
			level += room.Leak(leak, t)
		}
		return level
	})
}

func (p *ChargerPart) load(seed uint64, errs *conf.Errors) Load {
	power := given(errs, "power", p.Power, 240, 30, 3000)
	depth := given(errs, "depth", p.Depth, 0.8, 0.05, 1)
	factor := given(errs, "power_factor", p.Factor, 0.58, 0.3, 1)
	c := choice(errs, "battery", p.Battery, []string{"lead_acid", "lithium"}, []func(float64, float64, float64) sim.Charger{sim.LeadAcid, sim.Lithium})(power, depth, factor)
	c.Seed = seed
	return Charging(c, time.Duration(p.After.V), time.Duration(p.Every.V))
}

func (p *FirePart) channels(seed uint64, errs *conf.Errors) []Channel {
	fire := sim.Fire{Alpha: choice(errs, "growth", p.Growth, []string{"medium", "slow", "fast"}, []float64{0.0117, 0.0029, 0.0469})}
	after, ambient := time.Duration(p.After.V), Ambient(seed)
	return []Channel{
		Smoke(seed, func(m Moment) float64 { return fire.Smoke(m.Since - after) }),
		Temperature(seed+1, func(m Moment) float64 { return ambient(m) + fire.Rise(m.Since-after) }),
		CO(seed+2, func(m Moment) float64 { return fire.CO(m.Since - after) }),
	}
}

func (p *BoxPart) channels(seed uint64, errs *conf.Errors) []Channel {
	amps, residual := given(errs, "amps", p.Amps, 8, 0, 100), given(errs, "residual", p.Residual, 12, 0, 5000)
	ambient := Ambient(seed)
	return []Channel{
		Temperature(seed, func(m Moment) float64 { return sim.BoxTemperature(ambient(m), amps) }),
		Residual(seed+1, func(m Moment) float64 { return residual + float64(2*sim.Wander(seed, m.Since.Seconds(), 900)) }),
	}
}
