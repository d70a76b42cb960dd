package ds18b20

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// text is what the kernel shows for a scratchpad, the CRC made right.
func text(b ...byte) string {
	c := crc(b)
	hex := ""
	for _, x := range append(b, c) {
		hex += fmt.Sprintf("%02x ", x)
	}
	return hex + fmt.Sprintf(": crc=%02x YES\n", c) + hex + "t=0\n"
}

func scratch(lo, hi byte) []byte { return []byte{lo, hi, 0x4b, 0x46, 0x7f, 0xff, 0x0e, 0x10} }

// The examples of the data sheet's table 1, and what must not become a number.
func TestDecode(t *testing.T) {
	cut := append([]byte(nil), scratch(0xd7, 0x00)...)
	cut[4] = 0x1f // 9 bits: 0xd7 → 0xd0
	good := text(scratch(0x72, 0x01)...)
	for _, c := range []struct {
		name, text string
		want       float64
		q          telemetry.Quality
	}{
		{"as a kernel wrote it", "72 01 4b 46 7f ff 0e 10 57 : crc=57 YES\n72 01 4b 46 7f ff 0e 10 57 t=23125\n", 23.125, telemetry.Good},
		{"125", text(scratch(0xd0, 0x07)...), 125, telemetry.Good},
		{"-55", text(scratch(0x90, 0xfc)...), -55, telemetry.Good},
		{"-0.5", text(scratch(0xf8, 0xff)...), -0.5, telemetry.Good},
		{"85 measured", text(0x50, 0x05, 0x4b, 0x46, 0x7f, 0xff, 0x10, 0x10), 85, telemetry.Good},
		{"9 bits", text(cut...), 13, telemetry.Good},
		{"85 of power-up", text(0x50, 0x05, 0x4b, 0x46, 0x7f, 0xff, 0x0c, 0x10), 0, telemetry.BadFrame},
		{"shorted", text(make([]byte, 8)...), 0, telemetry.Short},
		{"nobody", strings.Repeat("ff ", 9) + ": crc=c9 NO\n", 0, telemetry.Open},
		{"wrong byte", strings.Replace(good, "72", "73", 1), 0, telemetry.BadFrame},
		{"kernel says NO, and is right", "72 01 4b 46 7f ff 0e 10 58 : crc=57 NO\n", 0, telemetry.BadFrame},
		{"hotter than its range", text(scratch(0xe0, 0x07)...), 0, telemetry.Saturated},
		{"colder than it can be", text(scratch(0x00, 0x80)...), 0, telemetry.BadFrame},
		{"no configuration", text(0x72, 0x01, 0x4b, 0x46, 0x00, 0xff, 0x0e, 0x10), 0, telemetry.BadFrame},
		{"cut off", good[:20], 0, telemetry.BadFrame},
		{"shifted", "00 " + good, 0, telemetry.BadFrame},
		{"empty", "", 0, telemetry.BadFrame},
	} {
		got, q, err := decode(c.text)
		if got != c.want || q != c.q || (err != nil) != c.q.Fault() {
			t.Errorf("%s: got %g %v %v, want %g %v", c.name, got, q, err, c.want, c.q)
		}
	}
}

// part is a folder of the kernel's.
type part struct{ read func() ([]byte, error) }

func (part) Close() error                      { return nil }
func (p part) ReadFile(string) ([]byte, error) { return p.read() }

// Away, garbled, hanging, and well again: thrice a fault, then an error, then it goes on.
func TestFailsAndComesBack(t *testing.T) {
	good := []byte(text(scratch(0x72, 0x01)...))
	for _, c := range []struct {
		name string
		fail func(release chan struct{}) ([]byte, error)
		want telemetry.Quality
	}{
		{"away", func(chan struct{}) ([]byte, error) { return nil, errors.New("no such file") }, telemetry.NoResponse},
		{"garbled", func(chan struct{}) ([]byte, error) { return good[:30], nil }, telemetry.BadFrame},
		{"hangs", func(release chan struct{}) ([]byte, error) { <-release; return good, nil }, telemetry.NoResponse},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var well atomic.Bool
				release := make(chan struct{})
				b := bus.New(bus.Openers{OneWire: func(string) (bus.OneWire, error) {
					return part{func() ([]byte, error) {
						if well.Load() {
							return good, nil
						}
						return c.fail(release)
					}}, nil
				}})
				own := Own{Part: conf.At[string]{V: "28-0316a2795dff"}}
				dev, err := own.Device(devices.Info{ID: "box"}, b)
				if err != nil {
					t.Fatal(err)
				}
				points, err := bustest.Round(t, dev, 3)
				if len(points) != 2 || points[0].Quality != c.want || devices.QualityOf(err) != c.want {
					t.Errorf("got %v, %v, want %v", points, err, c.want)
				}
				well.Store(true)
				close(release)
				synctest.Wait()
				points, err = bustest.Round(t, dev, 1)
				if err != nil || points[0].Quality != telemetry.Good || points[0].Value != 23.125 {
					t.Errorf("when it came back: got %v, %v", points, err)
				}
			})
		})
	}
}

func TestConfiguration(t *testing.T) {
	for text, want := range map[string]string{
		"part: 28-0316a2795dff\n": "",
		"root: /sys\n":            "x.yaml:1:1: part is missing",
		"part: 10-0316a2795dff\n": `x.yaml:1:7: part "10-0316a2795dff" is not that of a DS18B20`,
	} {
		var own Own
		err := conf.Decode("x.yaml", []byte(text), &own)
		if err == nil {
			_, err = own.Device(devices.Info{ID: "box"}, bus.New(bus.Openers{}))
		}
		if (err != nil) != (want != "") || err != nil && !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	own := Own{Part: conf.At[string]{V: "28-0316a2795dff"}}
	if _, err := own.Device(devices.Info{ID: "box", Interval: 100 * time.Millisecond}, bus.New(bus.Openers{})); err == nil {
		t.Error("ten readings a second were accepted")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(text(scratch(0x72, 0x01)...))
	f.Fuzz(func(t *testing.T, s string) {
		v, q, err := decode(s)
		if (err != nil) != q.Fault() || err == nil && (v < -55 || v > 125) {
			t.Errorf("%q: got %g %v %v", s, v, q, err)
		}
	})
}
