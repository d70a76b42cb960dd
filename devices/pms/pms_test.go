package pms

import (
	"encoding/binary"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/devices/serialline/linetest"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// real are frames of a real part, ten seconds apart, with what the program that
// captured them (PyPMS, whose tests have them) printed.
var real = []struct {
	frame string
	pm25  float64
	count uint16 // above 0.3 µm
}{
	{"424d001c00000008000b00000008000b00b40039002e001e00000000970002a1", 8, 180},
	{"424d001c000000080008000000080008011d005c001e001e0000000097000218", 8, 285},
	{"424d001c0000000500050000000500050024000c000c000c000000009700019e", 5, 36},
	{"424d001c000000020004000000020004001e000a000300030003000397000182", 2, 30},
	{"424d001c00000000000100000000000100120006000300030003000397000168", 0, 18},
}

func raw(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// made is a frame with a changed word and a right sum.
func made(t testing.TB, change map[int]uint16) []byte {
	f := raw(t, real[0].frame)
	for i, w := range change {
		binary.BigEndian.PutUint16(f[4+2*i:], w)
	}
	sum := uint16(0)
	for _, b := range f[:30] {
		sum += uint16(b)
	}
	binary.BigEndian.PutUint16(f[30:], sum)
	return f
}

func TestRealFrames(t *testing.T) {
	for _, c := range real {
		frame, used, err := Scan(append([]byte{0x42, 0x42, 0x4D}, raw(t, c.frame)...))
		if err != nil || used != 35 || len(frame) != size {
			t.Fatalf("%s: %x, %d, %v", c.frame, frame, used, err)
		}
		if f := Decode(frame); f.PM25() != c.pm25 || f[6] != c.count || f.ErrorCode() != 0 {
			t.Errorf("%s: got %v", c.frame, f)
		}
	}
}

func device(t *testing.T, port, more string) devices.Device {
	t.Helper()
	dev, err := parse("port: " + port + "\ntimeout: 150ms\n" + more)
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

func parse(text string) (devices.Device, error) {
	var o Own
	if err := conf.Decode("f.yaml", []byte(text), &o); err != nil {
		return nil, err
	}
	return o.Device(devices.Info{ID: "d", Interval: 20 * time.Millisecond}, o.Pos, serialline.NewLines())
}

func good(t *testing.T) func(int) []byte {
	return func(n int) []byte { return made(t, map[int]uint16{7: uint16(n)}) }
}

func TestDrill(t *testing.T) {
	bad := func(name, told string, f func() []byte) linetest.Failure {
		return linetest.Failure{Name: name, Told: told, Fault: telemetry.BadFrame, Frames: func(int) []byte { return f() }}
	}
	linetest.Drill(t, func(t *testing.T, port string) devices.Device { return device(t, port, "warmup: 0s") }, good(t),
		func(m map[string]telemetry.Point) bool {
			return m["pm2_5"].Value == 8 && m["pm2_5"].Quality == telemetry.Good
		},
		bad("short frame", "checksum is wrong", func() []byte { return made(t, nil)[:20] }),
		bad("wrong checksum", "checksum is wrong", func() []byte { f := made(t, nil); f[13]++; return f }),
		bad("garbage", "no whole frame", func() []byte { return []byte{0xFF, 0x42, 0x4D, 0, 20, 1} }),
		bad("another length", "no whole frame", func() []byte { f := made(t, nil); f[3] = 20; return f }),
		linetest.Failure{Name: "its own error", Told: "reports an error", Fault: telemetry.NoResponse, Frames: func(int) []byte { return made(t, map[int]uint16{12: 0x9702}) }},
	)
}

var began = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// heard is what a sensor makes of a frame with changed words, some time after it began.
func heard(t *testing.T, s *sensor, after time.Duration, change map[int]uint16) telemetry.Quality {
	t.Helper()
	points, err := s.points(began.Add(after), made(t, change))
	if err != nil {
		return devices.QualityOf(err)
	}
	return points[0].Quality
}

// It warms up when it is first heard and after silence; full scale is told even so.
func TestWarmup(t *testing.T) {
	s := &sensor{warmup: 30 * time.Second, silence: 5 * time.Second}
	for _, c := range []struct {
		after  time.Duration
		change map[int]uint16
		want   telemetry.Quality
	}{
		{0, map[int]uint16{4: 1000}, telemetry.Saturated},
		{time.Second, nil, telemetry.Warmup},
		{29 * time.Second, nil, telemetry.Warmup}, // it was silent before: it begins anew
		{30 * time.Second, nil, telemetry.Warmup},
		{34 * time.Second, nil, telemetry.Warmup},
		{39 * time.Second, nil, telemetry.Warmup},
		{44 * time.Second, nil, telemetry.Warmup},
		{49 * time.Second, nil, telemetry.Warmup},
		{54 * time.Second, nil, telemetry.Warmup},
		{59 * time.Second, nil, telemetry.Good},
		{64 * time.Second, nil, telemetry.Good},
		{69*time.Second + 1, nil, telemetry.Warmup},
	} {
		if got := heard(t, s, c.after, c.change); got != c.want {
			t.Errorf("after %v: got %v, want %v", c.after, got, c.want)
		}
	}
}

func TestStuck(t *testing.T) {
	for name, c := range map[string]struct {
		change func(n int) map[int]uint16
		want   telemetry.Quality
	}{
		"the same":      {func(int) map[int]uint16 { return nil }, telemetry.Stuck},
		"counts differ": {func(n int) map[int]uint16 { return map[int]uint16{7: uint16(n)} }, telemetry.Good},
		"clean air":     {func(int) map[int]uint16 { return map[int]uint16{4: 0, 6: 0} }, telemetry.Good},
	} {
		s := &sensor{silence: 5 * time.Second, stuck: devices.Stuck{After: 30 * time.Minute}}
		for n := range 31 * 60 {
			want := telemetry.Good
			if n > 30*60 {
				want = c.want
			}
			if got := heard(t, s, time.Duration(n)*time.Second, c.change(n)); got != want {
				t.Fatalf("%s: after %d s got %v, want %v", name, n, got, want)
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	for want, text := range map[string]string{
		"f.yaml:1:1: port is missing":             "warmup: 30s",
		"f.yaml:2:10: timeout 1ms is not":         "port: /dev/x\ntimeout: 1ms",
		`f.yaml:2:1: unknown key "slave"`:         "port: /dev/x\nslave: 1",
		"f.yaml:2:9: warmup -30s is not between":  "port: /dev/x\nwarmup: -30s",
		"f.yaml:2:14: stuck_after -1h0m0s is not": "port: /dev/x\nstuck_after: -1h",
		`f.yaml:2:9: "30" is not a duration`:      "port: /dev/x\nwarmup: 30",
		"f.yaml:2:7: baud 9601 is not one of":     "port: /dev/x\nbaud: 9601",
		`f.yaml:1:7: port "serial0" is no path`:   "port: serial0",
	} {
		if dev, err := parse(text); dev != nil || err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%q: got %v, want %s", text, err, want)
		}
	}
}

// No panic, no standstill, and no frame whose sum is wrong.
func FuzzScan(f *testing.F) {
	f.Add([]byte{})
	f.Add(raw(f, real[0].frame))
	f.Add(append([]byte{0x42}, raw(f, real[1].frame)[:31]...))
	f.Fuzz(func(t *testing.T, buf []byte) {
		frame, used, err := Scan(buf)
		if used < 0 || used > len(buf) || (err != nil || frame != nil) && used == 0 || err != nil && frame != nil {
			t.Fatalf("%x: %x, %d, %v", buf, frame, used, err)
		}
		if frame == nil {
			return
		}
		sum := 0
		for _, b := range frame[:30] {
			sum += int(b)
		}
		if len(frame) != size || frame[30] != byte(sum>>8) || frame[31] != byte(sum) {
			t.Errorf("taken: %x", frame)
		}
		Decode(frame)
	})
}
