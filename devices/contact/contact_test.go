package contact

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/adc/adctest"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

func build(text string, pin *bustest.Pin, in *adctest.Input) (devices.Device, error) {
	var own Own
	if err := conf.Decode("x.yaml", []byte(text), &own); err != nil {
		return nil, err
	}
	return own.Device(devices.Info{ID: "alarm"}, pin.Buses(), in.Open)
}

// watch runs a device and hands out what it emits.
func watch(t *testing.T, dev devices.Device) (points chan telemetry.Point, ended chan error) {
	t.Helper()
	points, ended = make(chan telemetry.Point, 1000), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- dev.Run(ctx, telemetry.Clock{}, func(p telemetry.Point) { points <- p })
	}()
	t.Cleanup(cancel)
	return points, ended
}

func next(t *testing.T, points chan telemetry.Point, within time.Duration, value float64, q telemetry.Quality) {
	t.Helper()
	select {
	case p := <-points:
		if p.Value != value || p.Quality != q || p.Metric != "contact" {
			t.Errorf("got %v, want %g %v", p, value, q)
		}
	case <-time.After(within):
		t.Errorf("nothing within %v, want %g %v", within, value, q)
	}
}

func TestContactAtALine(t *testing.T) {
	for _, c := range []struct {
		normally string
		quiet    bool // the line's level
	}{{"open", true}, {"closed", false}} {
		synctest.Test(t, func(t *testing.T) {
			pin := &bustest.Pin{}
			pin.Set(c.quiet)
			dev, err := build("line: 17\nnormally: "+c.normally+"\n", pin, nil)
			if err != nil {
				t.Fatal(err)
			}
			points, _ := watch(t, dev)
			next(t, points, 200*time.Millisecond, 0, telemetry.Good)
			for range 5 { // it bounces
				pin.Set(!c.quiet)
				time.Sleep(60 * time.Millisecond)
				pin.Set(c.quiet)
				time.Sleep(60 * time.Millisecond)
			}
			if len(points) > 0 {
				t.Errorf("%v while it bounced", <-points)
			}
			pin.Set(!c.quiet)
			next(t, points, 150*time.Millisecond, 1, telemetry.Good)
			began := time.Now()
			next(t, points, time.Minute, 1, telemetry.Good)
			if d := time.Since(began); d < 9*time.Second || d > 11*time.Second {
				t.Errorf("told again after %v", d)
			}
			pin.Set(c.quiet)
			next(t, points, 150*time.Millisecond, 0, telemetry.Good)
		})
	}
}

// A wire that is loose, or an alarm that pulses its relay faster than debounce, has no
// state: neither the one before, nor quiet from the start.
func TestNeverStill(t *testing.T) {
	for _, before := range []time.Duration{0, time.Second} {
		synctest.Test(t, func(t *testing.T) {
			pin := &bustest.Pin{}
			pin.Set(true)
			dev, err := build("line: 17\nnormally: open\n", pin, nil)
			if err != nil {
				t.Fatal(err)
			}
			chatter, stop := time.NewTicker(50*time.Millisecond), make(chan bool)
			go func() {
				defer chatter.Stop()
				time.Sleep(before)
				for level := false; ; level = !level {
					pin.Set(level)
					select {
					case <-stop:
						pin.Set(false)
						return
					case <-chatter.C:
					}
				}
			}()
			points, _ := watch(t, dev)
			if before > 0 {
				next(t, points, 200*time.Millisecond, 0, telemetry.Good)
			}
			next(t, points, before+2200*time.Millisecond, 0, telemetry.BadFrame)
			next(t, points, 11*time.Second, 0, telemetry.BadFrame) // again, each interval
			close(stop)
			next(t, points, 200*time.Millisecond, 1, telemetry.Good)
		})
	}
}

// A line that cannot be read is neither open nor closed.
func TestLineFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		pin := &bustest.Pin{}
		pin.Set(true)
		dev, err := build("line: 17\nnormally: open\n", pin, nil)
		if err != nil {
			t.Fatal(err)
		}
		points, ended := watch(t, dev)
		next(t, points, 200*time.Millisecond, 0, telemetry.Good)
		pin.Fail(errors.New("gone"))
		if err := <-ended; devices.QualityOf(err) != telemetry.NoResponse {
			t.Errorf("got %v", err)
		}
		if len(points) > 0 {
			t.Errorf("got %v from a line that is gone", <-points)
		}
		release := pin.Hang()
		pin.Set(true)
		points, ended = watch(t, dev)
		if err := <-ended; devices.QualityOf(err) != telemetry.NoResponse || len(points) > 0 {
			t.Errorf("a line that hangs: %v, %d points", err, len(points))
		}
		release()
		synctest.Wait()
		points, _ = watch(t, dev)
		next(t, points, 200*time.Millisecond, 0, telemetry.Good)
	})
}

const noLoop = "adc: {kind: test}\nnormally: open\nend_of_line: 10000\nalarm_resistor: 4700\n"
const ncLoop = "adc: {kind: test}\nnormally: closed\nend_of_line: 4700\nalarm_resistor: 10000\n"

// volts at the input for a loop of r Ω behind 10 kΩ at 3.3 V.
func volts(r float64) float64 { return 3.3 * r / (r + 10_000) }

func TestContactWithEndOfLine(t *testing.T) {
	for _, c := range []struct {
		text        string
		rest, alarm float64 // Ω
	}{{noLoop, 10_000, 3197}, {ncLoop, 4700, 14_700}} {
		synctest.Test(t, func(t *testing.T) {
			in := &adctest.Input{}
			dev, err := build(c.text, &bustest.Pin{}, in)
			if err != nil {
				t.Fatal(err)
			}
			in.Set(volts(c.rest * 1.05))
			points, _ := watch(t, dev)
			next(t, points, time.Second, 0, telemetry.Good)
			for _, s := range []struct {
				set   func()
				value float64
				q     telemetry.Quality
			}{
				{func() { in.Set(volts(c.alarm * 0.95)) }, 1, telemetry.Good},
				{func() { in.Set(3.299) }, 0, telemetry.Open},
				{func() { in.Set(volts(c.rest)) }, 0, telemetry.Good},
				{func() { in.Fail(adc.ErrEnd) }, 0, telemetry.Open},
				{func() { in.Set(volts(5)) }, 0, telemetry.Short},
				{func() { in.Set(volts((c.rest + c.alarm) / 2 * 0.9)) }, 0, telemetry.BadFrame},
			} {
				s.set()
				next(t, points, time.Second, s.value, s.q)
			}
		})
	}
}

// A converter that is away, or answers what it cannot have measured, is neither rest nor
// alarm, and ends the run with its own fault; once it is no more than a look.
func TestConverterFails(t *testing.T) {
	for _, want := range []telemetry.Quality{telemetry.NoResponse, telemetry.BadFrame} {
		synctest.Test(t, func(t *testing.T) {
			in := &adctest.Input{}
			dev, err := build(noLoop, &bustest.Pin{}, in)
			if err != nil {
				t.Fatal(err)
			}
			in.Set(volts(10_000))
			points, ended := watch(t, dev)
			next(t, points, time.Second, 0, telemetry.Good)
			in.Fail(devices.Fault(want, errors.New("once")))
			time.Sleep(lookInput)
			in.Set(volts(10_000))
			time.Sleep(time.Second)
			if len(points) > 0 || len(ended) > 0 {
				t.Errorf("one look that failed: %d points, %d ends", len(points), len(ended))
			}
			in.Fail(devices.Fault(want, errors.New("for good")))
			if err := <-ended; devices.QualityOf(err) != want || len(points) > 0 {
				t.Errorf("got %v, %d points, want %v", err, len(points), want)
			}
			in.Set(volts(3197))
			points, _ = watch(t, dev)
			next(t, points, time.Second, 1, telemetry.Good)
		})
	}
}

func TestConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		noLoop: "", ncLoop: "",
		"line: 17\nnormally: open\ndebounce: 1s\npull: none\n": "",
		"line: 17\n":                            "x.yaml:1:1: normally is missing",
		"line: 17\nnormally: shut\n":            `x.yaml:2:11: normally is open or closed, not "shut"`,
		"normally: open\n":                      "x.yaml:1:1: line is missing",
		"line: 4\nnormally: open\npull: down\n": "x.yaml:3:7: pull is up or none",
		"line: 4\nnormally: open\nsupply: 5\n":  "x.yaml:3:9: supply needs a converter",
		noLoop + "line: 4\n":                    "x.yaml:5:7: line is given, and adc",
		"adc: {kind: test}\nnormally: open\n":   "x.yaml:1:6: end_of_line and alarm_resistor are needed",
		"adc: {kind: test}\nnormally: open\nend_of_line: 1000\nalarm_resistor: 100000\n": "x.yaml:4:17: at rest the loop has 1000 Ω and in alarm 990: too near",
	} {
		if _, err := build(text, &bustest.Pin{}, &adctest.Input{}); (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
}

// A voltage is one state, and no voltage beyond the supply is a contact.
func FuzzJudge(f *testing.F) {
	f.Add(1.65)
	f.Fuzz(func(t *testing.T, v float64) {
		l := &loop{supply: 3.3, pullUp: 10_000, rest: 10_000, alarm: 3197}
		if s := l.judge(v); !s.Quality.Fault() && !(v > 0.5 && v < 2) {
			t.Errorf("%g V: got %+v", v, s)
		}
	})
}
