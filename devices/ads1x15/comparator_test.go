package ads1x15

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// part is an ADS1115 with its registers.
type part struct {
	mu   sync.Mutex
	regs [4]uint16
	err  error
	ones bool          // nobody drives the bus
	hung chan struct{} // it does not return
}

func (*part) String() string                  { return "test" }
func (*part) Close() error                    { return nil }
func (*part) SetSpeed(physic.Frequency) error { return nil }

func (p *part) Tx(_ uint16, w, r []byte) error {
	p.mu.Lock()
	if hung := p.hung; hung != nil {
		p.mu.Unlock()
		<-hung
		p.mu.Lock()
	}
	defer p.mu.Unlock()
	if p.err != nil {
		return p.err
	}
	if p.ones {
		copy(r, []byte{0xff, 0xff})
		return nil
	}
	if len(w) == 3 {
		p.regs[w[0]] = uint16(w[1])<<8 | uint16(w[2])
	}
	if len(r) == 2 {
		v := p.regs[w[0]]
		if w[0] == regConfig {
			v &^= start // converting all the time
		}
		r[0], r[1] = byte(v>>8), byte(v)
	}
	return nil
}

func (p *part) set(reg int, v uint16) { p.mu.Lock(); defer p.mu.Unlock(); p.regs[reg] = v }
func (p *part) fail(err error)        { p.mu.Lock(); defer p.mu.Unlock(); p.err = err }

// 2 V and 1.5 V at ±4.096 V are 0x3e80 and 0x2ee0.
const alert = "channel: 1\nhigh: 2\nlow: 1.5\nline: 27\n"

func buildAlert(text string, p *part, pin *bustest.Pin) (devices.Device, error) {
	var own OwnComparator
	if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
		return nil, err
	}
	return own.Device(ADS1115, devices.Info{ID: "flame"}, bus.New(bus.Openers{
		I2C:  func(string) (i2c.BusCloser, error) { return p, nil },
		GPIO: func(string, int) (bus.GPIO, error) { return pin, nil },
	}))
}

func TestComparator(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, pin := &part{}, &bustest.Pin{}
		pin.Set(true)
		dev, err := buildAlert(alert, p, pin)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		points := make(chan telemetry.Point, 100)
		ended := make(chan error, 1)
		go func() { ended <- dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { points <- p }) }()
		next := func(within time.Duration, value float64, q telemetry.Quality) {
			t.Helper()
			select {
			case p := <-points:
				if p.Value != value || p.Quality != q {
					t.Errorf("got %v, want %g %v", p, value, q)
				}
			case err := <-ended:
				t.Fatal(err)
			case <-time.After(within):
				t.Errorf("nothing within %v", within)
			}
		}
		next(100*time.Millisecond, 0, telemetry.Good)
		p.mu.Lock()
		if p.regs != [4]uint16{0, 0xd2e1, 0x2ee0, 0x3e80} {
			t.Errorf("registers %#x", p.regs)
		}
		p.mu.Unlock()

		p.set(regResult, 0x4000)
		pin.Set(false)
		next(70*time.Millisecond, 1, telemetry.Good)
		p.set(regResult, 0x1000)
		pin.Set(true)
		next(1100*time.Millisecond, 0, telemetry.Good)

		p.set(regResult, 0x4000) // and the pin does not follow
		next(4*time.Second, 0, telemetry.Open)
		pin.Set(false)
		next(2*time.Second, 1, telemetry.Good)
		p.set(regResult, 0x1000)
		next(4*time.Second, 0, telemetry.Short)
		pin.Set(true)
		next(2*time.Second, 0, telemetry.Good)

		p.set(regConfig, reset) // it lost its supply: set up again, and nothing is said
		time.Sleep(1100 * time.Millisecond)
		p.mu.Lock()
		if p.regs[regConfig] != 0xd2e1 {
			t.Errorf("a part that was reset was not set up again: %#x", p.regs)
		}
		p.mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

// A flame flickers some ten times a second: it is one alarm, and over when it is out.
func TestFlicker(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, pin := &part{}, &bustest.Pin{}
		pin.Set(true)
		p.set(regResult, 0x3000) // between the thresholds
		dev, err := buildAlert(alert, p, pin)
		if err != nil {
			t.Fatal(err)
		}
		points := make(chan telemetry.Point, 100)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			_ = dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { points <- p })
		}()
		time.Sleep(500 * time.Millisecond)
		for range 60 {
			pin.Set(false)
			time.Sleep(33 * time.Millisecond)
			pin.Set(true)
			time.Sleep(33 * time.Millisecond)
		}
		time.Sleep(1500 * time.Millisecond)
		var got []float64
		for len(points) > 0 {
			p := <-points
			if p.Quality != telemetry.Good {
				t.Errorf("got %v", p)
			}
			got = append(got, p.Value)
		}
		if !slices.Equal(got, []float64{0, 1, 0}) {
			t.Errorf("got %v", got)
		}
	})
}

func TestComparatorFails(t *testing.T) {
	for name, c := range map[string]struct {
		fail func(*part, *bustest.Pin)
		want telemetry.Quality
	}{
		"part away":             {func(p *part, _ *bustest.Pin) { p.fail(errors.New("no acknowledge")) }, telemetry.NoResponse},
		"nobody drives the bus": {func(p *part, _ *bustest.Pin) { p.mu.Lock(); p.ones = true; p.mu.Unlock() }, telemetry.BadFrame},
		"part hangs":            {func(p *part, _ *bustest.Pin) { p.mu.Lock(); p.hung = make(chan struct{}); p.mu.Unlock() }, telemetry.NoResponse},
		"line away":             {func(_ *part, pin *bustest.Pin) { pin.Fail(errors.New("busy")) }, telemetry.NoResponse},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, pin := &part{}, &bustest.Pin{}
				pin.Set(true)
				dev, err := buildAlert(alert, p, pin)
				if err != nil {
					t.Fatal(err)
				}
				if points, err := bustest.Round(t, dev, 1); err != nil || points[0].Quality != telemetry.Good {
					t.Fatalf("got %v, %v", points, err)
				}
				c.fail(p, pin)
				time.Sleep(2 * time.Second)
				if points, err := bustest.Round(t, dev, 1); devices.QualityOf(err) != c.want || len(points) > 0 {
					t.Errorf("got %v, %v", points, err)
				}
				p.mu.Lock()
				if p.hung != nil {
					close(p.hung)
				}
				p.err, p.ones, p.hung = nil, false, nil
				p.mu.Unlock()
				synctest.Wait()
				pin.Set(true)
				if points, err := bustest.Round(t, dev, 1); err != nil || points[0].Quality != telemetry.Good {
					t.Errorf("when it came back: got %v, %v", points, err)
				}
			})
		})
	}
}

func TestComparatorConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		alert: "",
		strings.Replace(alert, "low: 1.5", "low: 2.5", 1): "x.yaml:1:1: high and low are voltages",
		alert + "range: 1.024\n":                          "x.yaml:1:1: high and low are voltages",
		strings.Replace(alert, "channel: 1\n", "", 1):     "x.yaml:1:1: channel is missing",
		strings.Replace(alert, "line: 27\n", "", 1):       "x.yaml:1:1: line is missing",
	} {
		if _, err := buildAlert(text, &part{}, &bustest.Pin{}); (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}
