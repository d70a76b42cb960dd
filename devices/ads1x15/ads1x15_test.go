package ads1x15

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/telemetry"
)

// meter shows one input as a voltage.
func meter(m Model, n, r int) func(*bus.Buses) devices.Device {
	return func(b *bus.Buses) devices.Device {
		in := New(b.I2C("/dev/i2c-1", 0x48), m).Input(n, r)
		info := devices.Info{ID: "v", Interval: time.Second, Metrics: []string{"voltage"}}
		return devices.Poll(info, func(ctx context.Context, _ time.Time) ([]telemetry.Point, error) {
			v, err := in.Volts(ctx)
			if err != nil {
				return nil, err
			}
			return []telemetry.Point{{Metric: "voltage", Value: v}}, nil
		})
	}
}

func read(reg byte, hi, lo byte) bustest.IO {
	return bustest.IO{Addr: 0x48, W: []byte{reg}, R: []byte{hi, lo}}
}

func single(config uint16, hi, lo byte) []bustest.IO {
	h, l := byte(config>>8), byte(config)
	return []bustest.IO{
		read(1, 0x85, 0x83),
		{Addr: 0x48, W: []byte{1, h, l}},
		read(1, h&0x7f, l), // still converting
		read(1, h, l),
		read(0, hi, lo),
		read(0, hi, lo),
	}
}

// At ±4.096 V a step is 125 µV; input 2 is MUX 110.
func TestSingleConversion(t *testing.T) {
	for _, c := range []struct {
		m      Model
		config uint16
		hi, lo byte
		want   float64
	}{
		{ADS1115, 0xe383, 0x3e, 0x80, 2.0},
		{ADS1115, 0xe383, 0xff, 0xff, -0.000125},
		{ADS1015, 0xe383, 0x3e, 0x80, 2.0},
	} {
		bustest.Check(t, bustest.Case{
			Ops:    single(c.config, c.hi, c.lo),
			Device: meter(c.m, 2, 1),
			Want:   []telemetry.Point{{Metric: "voltage", Value: c.want}},
		})
	}
}

func fault(t *testing.T, m Model, ops []bustest.IO) error {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) {
		_, err = bustest.Round(t, meter(m, 2, 1)(bustest.Play(ops...).Buses()), 2)
	})
	return err
}

func TestEndsOfTheRange(t *testing.T) {
	for _, c := range []struct {
		m      Model
		hi, lo byte
	}{{ADS1115, 0x7f, 0xff}, {ADS1015, 0x7f, 0xf0}} {
		if err := fault(t, c.m, single(0xe383, c.hi, c.lo)); !errors.Is(err, adc.ErrEnd) || devices.QualityOf(err) != telemetry.Saturated {
			t.Errorf("%s %#x%02x: got %v", c.m.Name, c.hi, c.lo, err)
		}
	}
	for _, m := range []Model{ADS1115, ADS1015} { // no input can be that far below ground, and no gas brings it there
		if err := fault(t, m, single(0xe383, 0x80, 0x00)); devices.QualityOf(err) != telemetry.BadFrame {
			t.Errorf("%s, the lower end: got %v", m.Name, err)
		}
	}
	if err := fault(t, ADS1015, single(0xe383, 0x12, 0x34)); devices.QualityOf(err) != telemetry.BadFrame {
		t.Errorf("bits that an ADS1015 does not have: got %v", err)
	}
}

func TestConversionThatDoesNotEnd(t *testing.T) {
	busy := read(1, 0x63, 0x83)
	ops := []bustest.IO{read(1, 0x85, 0x83), {Addr: 0x48, W: []byte{1, 0xe3, 0x83}}, busy, busy, busy}
	if err := fault(t, ADS1115, ops); devices.QualityOf(err) != telemetry.BadFrame || !errors.Is(err, errNotReady) {
		t.Errorf("got %v", err)
	}
}

// The configuration of before the second sample tells a part that lost its supply, and
// one that somebody else uses.
func TestResetIsSeen(t *testing.T) {
	for _, c := range []struct {
		found  bustest.IO
		resets int
		fault  bool
	}{{read(1, 0xe3, 0x83), 0, false}, {read(1, 0x85, 0x83), 1, false}, {read(1, 0xc3, 0x83), 0, true}} {
		synctest.Test(t, func(t *testing.T) {
			first, second := single(0xe383, 1, 0), single(0xe383, 1, 0)
			first[0], second[0] = read(1, 0xe3, 0x83), c.found
			in := New(bustest.Play(append(first, second...)...).Buses().I2C("", 0x48), ADS1115).Input(2, 1)
			if _, err := in.Volts(t.Context()); err != nil {
				t.Fatal(err)
			}
			_, err := in.Volts(t.Context())
			if in.Resets() != c.resets || (err != nil) != c.fault {
				t.Errorf("found %v: %d resets, %v", c.found.R, in.Resets(), err)
			}
		})
	}
}

// A burst of 20 ms at 860 samples a second is 18 samples, evenly spaced.
func TestBurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := []bustest.IO{read(1, 0x85, 0x83), {Addr: 0x48, W: []byte{1, 0xc2, 0xe3}}}
		for range 18 {
			ops = append(ops, read(0, 0x10, 0x00))
		}
		play := bustest.Play(append(ops, read(1, 0x42, 0xe3))...)
		in := New(play.Buses().I2C("", 0x48), ADS1115).Input(0, 1)
		samples, err := in.Burst(t.Context(), 20*time.Millisecond)
		if err != nil || len(samples) != 18 || samples[17].At != 17*(time.Second/860) || math.Abs(samples[3].Volts-0.512) > 1e-9 {
			t.Errorf("got %v, %v", samples, err)
		}
		if err := play.Done(); err != nil {
			t.Error(err)
		}
	})
}

// What fails within a burst spoils it all.
func TestBurstFails(t *testing.T) {
	ops := []bustest.IO{read(1, 0x85, 0x83), {Addr: 0x48, W: []byte{1, 0xc2, 0xe3}}, read(0, 0x10, 0), read(0, 0x10, 0), read(1, 0x42, 0xe3)}
	for step := range ops {
		for _, kind := range []bustest.Kind{bustest.NoAnswer, bustest.Hang, bustest.AllOnes} {
			if kind == bustest.AllOnes && step < 4 {
				continue // a result of −1 step is one; what held the bus is found at the end
			}
			synctest.Test(t, func(t *testing.T) {
				play := bustest.Play(ops...)
				play.Fail(step, bustest.Way{Kind: kind})
				in := New(play.Buses().I2C("", 0x48), ADS1115).Input(0, 1)
				if s, err := in.Burst(t.Context(), time.Second/860); !devices.QualityOf(err).Fault() || err == nil {
					t.Errorf("step %d, %v: got %v, %v", step, kind, s, err)
				}
				play.Mend()
				synctest.Wait()
				if _, err := in.Burst(t.Context(), time.Second/860); err != nil {
					t.Errorf("step %d: after it came back: %v", step, err)
				}
			})
		}
	}
}

// Two inputs of one chip take turns.
func TestInputsTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ops := append(single(0xc383, 1, 0), single(0xd383, 2, 0)...)
		ops[6] = read(1, 0xc3, 0x83)
		chip := New(bustest.Play(ops...).Buses().I2C("", 0x48), ADS1115)
		second := make(chan error)
		first := make(chan error)
		go func() { _, err := chip.Input(0, 1).Volts(t.Context()); first <- err }()
		synctest.Wait()
		go func() { _, err := chip.Input(1, 1).Volts(t.Context()); second <- err }()
		for _, c := range []chan error{first, second} {
			if err := <-c; err != nil {
				t.Error(err)
			}
		}
	})
}

// No result is taken for a voltage beyond the range.
func FuzzVolts(f *testing.F) {
	f.Add(uint16(0x7fff), 0, true)
	f.Add(uint16(0x8000), 5, false)
	f.Fuzz(func(t *testing.T, code uint16, r int, small bool) {
		m := ADS1115
		if small {
			m = ADS1015
		}
		in := &input{New(nil, m), 0, int(uint(r) % uint(len(Ranges)))}
		v, err := in.volts(code)
		if err == nil && math.Abs(v) >= Ranges[in.scale] || err != nil && v != 0 {
			t.Errorf("%#x: got %v, %v", code, v, err)
		}
	})
}
