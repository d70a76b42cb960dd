package bus_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"
	"periph.io/x/conn/v3/spi"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// part is a bus whose transactions are the test's.
type part struct {
	tx     func(addr uint16, w, r []byte) error
	closed func()
}

func (p part) String() string                    { return "test" }
func (p part) SetSpeed(physic.Frequency) error   { return nil }
func (p part) Tx(addr uint16, w, r []byte) error { return p.tx(addr, w, r) }
func (p part) Close() error {
	if p.closed != nil {
		p.closed()
	}
	return nil
}

func wantStuck(t *testing.T, err error, took time.Duration) {
	t.Helper()
	if !errors.Is(err, bus.ErrStuck) || devices.QualityOf(err) != telemetry.NoResponse {
		t.Errorf("got %v, want a stuck bus as no_response", err)
	}
	if took > bus.Limit {
		t.Errorf("took %v", took)
	}
}

// A transaction that hangs costs its caller the limit, those who wait no more than
// that, those who come later nothing, and the other bus nothing at all.
func TestHungBusStallsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var hung atomic.Bool
		b := bus.New(bus.Openers{I2C: func(path string) (i2c.BusCloser, error) {
			return part{tx: func(_ uint16, _, r []byte) error {
				if path == "/dev/i2c-1" && !hung.Swap(true) {
					<-release
				}
				r[0] = 7
				return nil
			}}, nil
		}})
		sick, other, well := b.I2C("/dev/i2c-1", 0x40), b.I2C("/dev/i2c-1", 0x41), b.I2C("/dev/i2c-2", 0x40)
		r := make([]byte, 1)
		began := time.Now()
		waited := make(chan error, 1)
		go func() {
			time.Sleep(bus.Limit / 2)
			waited <- other.Tx(t.Context(), nil, make([]byte, 1))
		}()
		wantStuck(t, sick.Tx(t.Context(), []byte{1}, r), time.Since(began))
		if r[0] != 0 {
			t.Error("a buffer of a transaction that failed was written to")
		}
		wantStuck(t, <-waited, time.Since(began))
		now := time.Now()
		wantStuck(t, other.Tx(t.Context(), nil, r), 0)
		if err := well.Tx(t.Context(), nil, r); err != nil || r[0] != 7 {
			t.Errorf("the other bus: %v", err)
		}
		if time.Since(now) != 0 {
			t.Errorf("later callers waited for %v", time.Since(now))
		}
		r[0] = 0
		close(release)
		synctest.Wait()
		if r[0] != 0 {
			t.Error("a transaction that returned late wrote into its caller's buffer")
		}
		if err := sick.Tx(t.Context(), nil, r); err != nil || r[0] != 7 {
			t.Errorf("after it returned: %v", err)
		}
	})
}

// A bus that stays stuck is opened anew after a pause, and left alone when too much
// has been left behind.
func TestStuckBusIsOpenedAnew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var opened, closed atomic.Int32
		var well atomic.Bool
		b := bus.New(bus.Openers{I2C: func(string) (i2c.BusCloser, error) {
			opened.Add(1)
			return part{
				tx: func(uint16, []byte, []byte) error {
					if !well.Load() {
						<-release
					}
					return nil
				},
				closed: func() { closed.Add(1) },
			}, nil
		}})
		c := b.I2C("/dev/i2c-1", 0x40)
		for range 100 {
			wantStuck(t, c.Tx(t.Context(), nil, nil), 0)
			time.Sleep(10 * time.Second)
		}
		if opened.Load() != 4 {
			t.Errorf("opened %d times, want 4: no more may be left behind", opened.Load())
		}
		well.Store(true)
		close(release)
		synctest.Wait()
		if err := c.Tx(t.Context(), nil, nil); err != nil {
			t.Error(err)
		}
		if closed.Load() != 3 {
			t.Errorf("%d ports closed, want those 3 that were replaced", closed.Load())
		}
	})
}

func TestStuckBusReopened(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		var opened atomic.Int32
		b := bus.New(bus.Openers{I2C: func(string) (i2c.BusCloser, error) {
			first := opened.Add(1) == 1
			return part{tx: func(uint16, []byte, []byte) error {
				if first {
					<-release
				}
				return nil
			}}, nil
		}})
		c := b.I2C("/dev/i2c-1", 0x40)
		wantStuck(t, c.Tx(t.Context(), nil, nil), 0)
		wantStuck(t, c.Tx(t.Context(), nil, nil), 0)
		time.Sleep(5 * time.Second)
		if err := c.Tx(t.Context(), nil, nil); err != nil || opened.Load() != 2 {
			t.Errorf("opened %d times, %v", opened.Load(), err)
		}
	})
}

// An adapter that was pulled out and put back is opened anew.
func TestFailingBusIsOpenedAnew(t *testing.T) {
	opened := 0
	b := bus.New(bus.Openers{I2C: func(string) (i2c.BusCloser, error) {
		opened++
		gone := opened == 1
		return part{tx: func(uint16, []byte, []byte) error {
			if gone {
				return errors.New("no such device")
			}
			return nil
		}}, nil
	}})
	c := b.I2C("/dev/i2c-1", 0x40)
	n := 0
	for err := c.Tx(t.Context(), nil, nil); err != nil; err = c.Tx(t.Context(), nil, nil) {
		if want := "no_response: /dev/i2c-1: 0x40: no such device"; err.Error() != want {
			t.Fatalf("got %q, want %q", err, want)
		}
		if n++; n > 100 {
			t.Fatal("never opened anew")
		}
	}
}

func TestOpeningHasADeadlineToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		defer close(release)
		b := bus.New(bus.Openers{GPIO: func(string, int) (bus.GPIO, error) {
			<-release
			return nil, errors.New("too late")
		}})
		_, err := b.Pin("/dev/gpiochip0", 4).Read(t.Context(), bus.PullUp)
		wantStuck(t, err, 0)
	})
}

func TestTurnsEndWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := bus.New(bus.Openers{I2C: func(string) (i2c.BusCloser, error) {
			return part{tx: func(uint16, []byte, []byte) error { time.Sleep(bus.Limit / 2); return nil }}, nil
		}})
		c := b.I2C("/dev/i2c-1", 0x40)
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := c.Tx(ctx, nil, nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		if err := c.Tx(t.Context(), nil, nil); err != nil {
			t.Errorf("the next one: %v", err)
		}
	})
}

func TestSPIAndPinAndOneWire(t *testing.T) {
	play := bustest.Play(bustest.IO{W: []byte{1, 2}, R: []byte{3, 4}})
	r := make([]byte, 2)
	if err := play.Buses().SPI("/dev/spidev0.0", 1_000_000, spi.Mode0).Tx(t.Context(), []byte{1, 2}, r); err != nil || r[1] != 4 {
		t.Errorf("got %v, %v", r, err)
	}
	pin := &bustest.Pin{}
	p := pin.Buses().Pin("/dev/gpiochip0", 17)
	pin.Set(true)
	if level, err := p.Read(t.Context(), bus.PullUp); err != nil || !level {
		t.Errorf("got %v, %v", level, err)
	}
	pin.Fail(errors.New("busy"))
	if _, err := p.Read(t.Context(), bus.PullUp); devices.QualityOf(err) != telemetry.NoResponse || !strings.Contains(err.Error(), "/dev/gpiochip0 line 17: busy") {
		t.Errorf("a line that cannot be read: got %v", err)
	}
	pin.Set(false)
	if err := p.Write(t.Context(), true); err != nil || len(pin.Outs) != 1 {
		t.Errorf("got %v, %v", pin.Outs, err)
	}
	host := bus.New(bus.Host())
	if _, err := host.OneWire(t.TempDir(), "28-none").Read(t.Context(), "w1_slave"); err == nil {
		t.Error("a part that is not there was read")
	}
	if _, err := host.Pin("/dev/null", 3).Read(t.Context(), bus.PullNone); err == nil || !strings.Contains(err.Error(), "ask for the line") {
		t.Errorf("a file that is no chip: got %v", err)
	}
	if err := host.I2C("/dev/i2c-99", 0x40).Tx(t.Context(), nil, r); err == nil {
		t.Error("a bus that is not there was opened")
	}
	if err := host.Close(); err != nil {
		t.Error(err)
	}
}

func TestConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"address: 0x40\n":                  "",
		"address: 64\n":                    "",
		"bus: /dev/i2c-3\naddress: 0x41\n": "",
		"address: 0x80\n":                  `x.yaml:1:10: "0x80" is not the address of a part`,
		"address: 0x42\n":                  "x.yaml:1:10: this part cannot have the address 0x42 (one of 0x40, 0x41)",
		"bus: i2c-1\n":                     `x.yaml:1:6: bus "i2c-1" is not an I²C bus`,
		"bus: /dev/i2c-4\n":                "x.yaml:7:1: address 0x40 on /dev/i2c-4 is taken by another: give one of them another",
		"adress: 0x40\n":                   `x.yaml:1:1: unknown key "adress", did you mean "address"?`,
	} {
		var own struct {
			bus.OnI2C `yaml:",inline"`
		}
		b := bus.New(bus.Openers{})
		b.Claim("/dev/i2c-4 0x40", "another")
		err := conf.Decode("x.yaml", []byte(text), &own)
		if err == nil {
			var errs conf.Errors
			own.Conn(b, &errs, conf.Pos{File: "x.yaml", Line: 7, Column: 1}, "me", 0x40, 0x41)
			err = errs.Err()
		}
		if err == nil && want != "" || err != nil && (want == "" || !strings.HasPrefix(err.Error(), want)) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	var g bus.OnGPIO
	var errs conf.Errors
	g.Pin(bus.New(bus.Openers{}), &errs, conf.Pos{}, "me")
	g.Chip = conf.At[string]{V: "gpio"}
	g.Line = conf.At[int]{V: 1000, Pos: conf.Pos{Line: 1}}
	g.Pin(bus.New(bus.Openers{}), &errs, conf.Pos{}, "me")
	if len(errs) != 3 {
		t.Errorf("got %v", errs)
	}
}
