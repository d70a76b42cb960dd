package winsen

import (
	"encoding/hex"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/devicetest"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/devices/serialline/linetest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// The manuals' own frames.
func TestFramesOfTheManual(t *testing.T) {
	for want, got := range map[string][]byte{
		"ff0186000000000079": Question(),
		"ff0178410000000046": ZE07CO.Switch(false),
		"ff0178400000000047": ZE07CO.Switch(true),
		"ff0178040000000083": ZE03.Switch(false),
		"ff0178030000000084": ZE03.Switch(true),
	} {
		if hex.EncodeToString(got) != want {
			t.Errorf("got %x, want %s", got, want)
		}
	}
}

// frame is bytes 1 to 7 with head and checksum.
func frame(b ...byte) []byte {
	f := append([]byte{0xFF}, append(b, make([]byte, 8-len(b))...)...)
	f[8] = Checksum(f)
	return f
}

func upload(tenths uint16) []byte {
	return frame(4, 3, 1, byte(tenths>>8), byte(tenths), 0x13, 0x88)
}

func TestValues(t *testing.T) {
	bad := telemetry.BadFrame
	for _, c := range []struct {
		name      string
		part      Part
		uploads   bool
		frame     []byte
		ppm, full float64
		q         telemetry.Quality
	}{
		{"3.7 ppm of 500", ZE07CO, true, upload(37), 3.7, 500, 0},
		{"whole ppm", ZE07CO, true, frame(4, 3, 0, 1, 0x2C, 1, 0xF4), 300, 500, 0},
		{"µg/m³", ZE07CO, true, frame(4, 4, 1, 0, 37, 0x13, 0x88), 0, 0, bad},
		{"four decimals", ZE07CO, true, frame(4, 3, 4, 0, 37, 0x13, 0x88), 0, 0, bad},
		{"no full scale: every value would be at its end", ZE07CO, true, frame(4, 3, 1, 0, 37, 0, 0), 0, 0, bad},
		{"an answer though it uploads", ZE07CO, true, frame(0x86, 0, 37), 0, 0, bad},
		{"an upload though it answers", ZE07CO, false, upload(37), 0, 0, bad},
		{"answer", ZE07CO, false, frame(0x86, 1, 0), 25.6, 500, 0},
		{"ZE03 answer", ZE03, false, frame(0x86, 1, 0), 256, 1000, 0},
		{"ZE03 upload", ZE03, true, frame(0x86, 1, 0), 256, 1000, 0},
		{"ZE03 configured, ZE07 there", ZE03, true, upload(37), 0, 0, bad},
	} {
		ppm, full, err := c.part.PPM(c.frame, c.uploads)
		if ppm != c.ppm || full != c.full || (err != nil) != (c.q != 0) || err != nil && devices.QualityOf(err) != c.q {
			t.Errorf("%s: got %v of %v, %v", c.name, ppm, full, err)
		}
	}
}

func parse(text string) (devices.Device, error) { return parseEvery(20*time.Millisecond, text) }

func parseEvery(interval time.Duration, text string) (devices.Device, error) {
	var o Own
	if err := conf.Decode("f.yaml", []byte(text), &o); err != nil {
		return nil, err
	}
	return o.Device(devices.Info{ID: "d", Interval: interval}, o.Pos, serialline.NewLines())
}

func device(t *testing.T, port, more string) devices.Device {
	t.Helper()
	dev, err := parse("port: " + port + "\ntimeout: 150ms\n" + more)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

func good(n int) []byte { return upload(37) }

func TestDrillOfUploads(t *testing.T) {
	bad := func(name, told string, f func() []byte) linetest.Failure {
		return linetest.Failure{Name: name, Told: told, Fault: telemetry.BadFrame, Frames: func(int) []byte { return f() }}
	}
	linetest.Drill(t, func(t *testing.T, port string) devices.Device { return device(t, port, "warmup: 0s") }, good,
		func(m map[string]telemetry.Point) bool {
			return m["co"].Value == 3.7 && m["co"].Quality == telemetry.Good
		},
		bad("short frame", "checksum is wrong", func() []byte { return upload(37)[:6] }),
		bad("wrong checksum", "checksum is wrong", func() []byte { f := upload(37); f[5] ^= 4; return f }),
		bad("garbage", "no whole frame", func() []byte { return []byte{0, 0xFF, 0x11, 0x80} }),
		bad("another module", "of another module", func() []byte { return frame(0x86, 0, 37) }),
		bad("another unit", "another gas", func() []byte { return frame(4, 4, 1, 0, 37, 0x13, 0x88) }),
	)
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// heard is what a module's upload means, some time after it began.
func heard(m *module, after time.Duration, tenths uint16) telemetry.Quality {
	points, err := m.points(began.Add(after), upload(tenths))
	if err != nil {
		return devices.QualityOf(err)
	}
	return points[0].Quality
}

// It warms up when it is first heard and after silence; full scale is told even so.
func TestWarmupAndFullScale(t *testing.T) {
	m := &module{part: ZE07CO, uploads: true, warmup: 10 * time.Second, within: 5 * time.Second}
	for _, c := range []struct {
		after  time.Duration
		tenths uint16
		want   telemetry.Quality
	}{
		{0, 5000, telemetry.Saturated},
		{time.Second, 37, telemetry.Warmup},
		{6 * time.Second, 37, telemetry.Warmup},
		{10 * time.Second, 37, telemetry.Good},
		{15 * time.Second, 37, telemetry.Good},
		{20*time.Second + 1, 37, telemetry.Warmup},
		{25 * time.Second, 5000, telemetry.Saturated},
	} {
		if got := heard(m, c.after, c.tenths); got != c.want {
			t.Errorf("after %v: got %v, want %v", c.after, got, c.want)
		}
	}
}

// Clean air keeps still for days; anything else does not for a day.
func TestStuck(t *testing.T) {
	for tenths, want := range map[uint16]telemetry.Quality{37: telemetry.Stuck, 0: telemetry.Good} {
		m := &module{part: ZE07CO, uploads: true, within: 5 * time.Minute, stuck: devices.Stuck{After: 24 * time.Hour}}
		for n := range 25 * 60 {
			q := telemetry.Good
			if n > 24*60 {
				q = want
			}
			if got := heard(m, time.Duration(n)*time.Minute, tenths); got != q {
				t.Fatalf("%d tenths: after %d min got %v, want %v", tenths, n, got, q)
			}
		}
	}
}

// A module that uploads is told to answer, is asked, and is told again when it was
// without power.
func TestQuestions(t *testing.T) {
	port := linetest.New(t)
	answers, power := make(chan bool, 100), make(chan bool, 1)
	serve := func() {
		told := false
		port.Serve(size, func(q []byte) []byte {
			select {
			case <-power:
				told = false
			default:
			}
			switch {
			case q[2] == switched:
				told = q[3] == 0x41
				return frame(switched, 1) // it confirms
			case !told:
				return nil
			}
			answers <- true
			return frame(answer, 0, 42)
		})
	}
	serve()
	r := devicetest.Run(t, device(t, port.Path, "mode: ask\nwarmup: 0s"))
	if m := r.Works(); m["co"].Value != 4.2 {
		t.Errorf("got %v", m)
	}
	power <- true
	r.Faulty(telemetry.NoResponse)
	r.Works()
	port.Unplug()
	r.Faulty(telemetry.NoResponse)
	port.Plug()
	serve()
	r.Works()
	if len(answers) < 3 {
		t.Errorf("answered %d times", len(answers))
	}
	r.Stop()
}

// A module that is asked and answers wrongly is a fault with its reason, and is asked on.
func TestQuestionsThatGoWrong(t *testing.T) {
	for _, c := range []struct {
		name   string
		spoil  func(f []byte) []byte
		want   telemetry.Quality
		reason string
	}{
		{"silence", func([]byte) []byte { return nil }, telemetry.NoResponse, "nothing was received"},
		{"short", func(f []byte) []byte { return f[:7] }, telemetry.BadFrame, "no whole frame"},
		{"wrong checksum", func(f []byte) []byte { f[8]++; return f }, telemetry.BadFrame, "checksum is wrong"},
		{"a bit turned", func(f []byte) []byte { f[3] ^= 0x10; return f }, telemetry.BadFrame, "checksum is wrong"},
		{"shifted", func(f []byte) []byte { return append(f[1:], 0) }, telemetry.BadFrame, "no whole frame"},
		{"an upload", func([]byte) []byte { return upload(42) }, telemetry.BadFrame, "of another module"},
	} {
		t.Run(strings.ReplaceAll(c.name, " ", "-"), func(t *testing.T) {
			t.Parallel()
			port := linetest.New(t)
			var bad atomic.Bool
			port.Serve(size, func(q []byte) []byte {
				switch {
				case q[2] == switched:
					return nil
				case bad.Load():
					return c.spoil(frame(answer, 0, 42))
				}
				return frame(answer, 0, 42)
			})
			dev, err := parseEvery(400*time.Millisecond, "port: "+port.Path+"\ntimeout: 150ms\nmode: ask\nwarmup: 0s") // a machine that tests may be busy
			if err != nil {
				t.Fatal(err)
			}
			r := devicetest.Run(t, dev)
			if m := r.Survives(c.want, func() { bad.Store(true) }, func() { bad.Store(false) }); m["co"].Value != 4.2 {
				t.Errorf("then it works, and gives %v", m)
			}
			if e := r.Events(); len(e) != 1 || !strings.Contains(e[0], c.reason) {
				t.Errorf("told %q, want one event with %q", e, c.reason)
			}
			r.Stop()
		})
	}
}

func TestMistakes(t *testing.T) {
	for want, text := range map[string]string{
		`f.yaml:2:7: unknown part "ze07" (one of ze07-co, ze03), did you mean`: "port: /dev/x\npart: ze07",
		`f.yaml:2:7: mode "poll" is not upload or ask`:                         "port: /dev/x\nmode: poll",
		"f.yaml:2:9: warmup -3m0s is not between":                              "port: /dev/x\nwarmup: -3m",
		"f.yaml:2:10: timeout 1ms is not":                                      "port: /dev/x\ntimeout: 1ms",
		"f.yaml:1:1: port is missing":                                          "part: ze03",
		`f.yaml:2:1: unknown key "warmpu"`:                                     "port: /dev/x\nwarmpu: 1m",
	} {
		if dev, err := parse(text); dev != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// No panic, no standstill, and no value from a frame whose checksum is wrong.
func FuzzScan(f *testing.F) {
	f.Add([]byte{})
	f.Add(upload(37))
	f.Add(append([]byte{0xFF, 0xFF, 4}, upload(37)...))
	f.Add(append(frame(switched, 1), frame(answer, 1, 2)...))
	f.Fuzz(func(t *testing.T, buf []byte) {
		got, used, err := Scan(buf)
		if used < 0 || used > len(buf) || (err != nil || got != nil) && used == 0 || err != nil && got != nil {
			t.Fatalf("%x: %x, %d, %v", buf, got, used, err)
		}
		if got == nil {
			return
		}
		sum := byte(0)
		for _, b := range got[1:] {
			sum += b
		}
		if len(got) != size || got[0] != 0xFF || sum != 0 {
			t.Errorf("taken: %x", got)
		}
		for _, p := range Parts {
			for _, uploads := range []bool{true, false} {
				if ppm, _, err := p.PPM(got, uploads); err == nil && (ppm < 0 || ppm > 65535) {
					t.Errorf("%x: %v ppm", got, ppm)
				}
			}
		}
	})
}
