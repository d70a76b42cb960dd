package pzem

import (
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/devicetest"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/modbus/modbustest"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/telemetry"
)

// real are answers of real meters: the first stands in a comment of Tasmota's
// xnrg_05_pzem_ac.ino, the others in the log of Tasmota's issue 7674 (a PZEM-016).
var real = []struct {
	frame string
	want  Measurement
}{
	{"01 04 14 08 D1 00 6C 00 00 00 F4 00 00 00 26 00 00 01 F4 00 64 00 00 51 34", Measurement{225.7, 0.108, 24.4, 38, 50.0, 1.0, false}},
	{"01 04 14 09 2B 05 66 00 00 09 69 00 00 FF 4C 00 00 01 F3 00 4A 00 00 5F CB", Measurement{234.7, 1.382, 240.9, 65356, 49.9, 0.74, false}},
	{"01 04 14 09 2F 05 66 00 00 09 66 00 00 FF 4C 00 00 01 F4 00 4A 00 00 0F 34", Measurement{235.1, 1.382, 240.6, 65356, 50.0, 0.74, false}},
	{"01 04 14 09 31 05 67 00 00 09 65 00 00 FF 4C 00 00 01 F3 00 4A 00 00 40 8D", Measurement{235.3, 1.383, 240.5, 65356, 49.9, 0.74, false}},
	{"01 04 14 09 33 05 6C 00 00 09 6F 00 00 FF 4C 00 00 01 F3 00 4A 00 00 56 0D", Measurement{235.5, 1.388, 241.5, 65356, 49.9, 0.74, false}},
	{"01 04 14 09 33 05 70 00 00 09 79 00 00 FF 4C 00 00 01 F4 00 4A 00 00 1C 5D", Measurement{235.5, 1.392, 242.5, 65356, 50.0, 0.74, false}},
}

func frame(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(text, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func wordsOf(f []byte) (r [Words]uint16) {
	for i := range r {
		r[i] = uint16(f[3+2*i])<<8 | uint16(f[4+2*i])
	}
	return r
}

func TestDecodeRealFrames(t *testing.T) {
	for _, c := range real {
		if got := Decode(wordsOf(frame(t, c.frame))); got != c.want || got.Check() != nil {
			t.Errorf("%s: got %+v (%v), want %+v", c.frame, got, got.Check(), c.want)
		}
	}
}

func meterAt(t *testing.T, port string, every, stuck time.Duration) devices.Device {
	t.Helper()
	lines := serialline.NewLines()
	l, err := lines.Line(port, serialline.Settings{Baud: 115200, Parity: serialline.None, StopBits: 1}, "m", false)
	if err != nil {
		t.Fatal(err)
	}
	slave := modbus.NewBuses(lines).Serial(l, 1, 100*time.Millisecond)
	return New(devices.Info{ID: "m", Interval: every}, slave, devices.Stuck{After: stuck})
}

func meterOn(t *testing.T, line *modbustest.Line, stuck time.Duration) *devicetest.Running {
	t.Helper()
	return devicetest.Run(t, meterAt(t, line.Path, 150*time.Millisecond, stuck))
}

// The real frames over a real file descriptor, byte for byte.
func TestRealFramesOverALine(t *testing.T) {
	line := modbustest.New(t)
	line.Put(1, func([]byte) []byte { return []byte{4, 0} })
	dev := meterOn(t, line, time.Hour)
	for _, c := range real {
		line.Distort(func(_, _ []byte) []byte { return frame(t, c.frame) })
		dev.Until("the values of "+c.frame, func(m map[string]telemetry.Point) bool {
			return m["voltage"].Value == c.want.Voltage && m["current"].Value == c.want.Current && m["power"].Value == c.want.Power &&
				m["power_factor"].Value == c.want.PowerFactor && m["frequency"].Value == c.want.Frequency && m["power"].Quality == telemetry.Good
		})
	}
	if e := dev.Events(); e != nil {
		t.Errorf("told %q", e)
	}
	dev.Stop()
}

func TestDrill(t *testing.T) {
	w := wordsOf(frame(t, real[1].frame))
	modbustest.Drill(t, modbustest.NewRegisters(0, w[:]...).Slave(4), func(t *testing.T, port string) devices.Device {
		return meterAt(t, port, 400*time.Millisecond, time.Hour)
	})
}

func TestValuesThatNoMainsHas(t *testing.T) {
	line := modbustest.New(t)
	regs := modbustest.NewRegisters(0, make([]uint16, Words)...)
	line.Put(1, regs.Slave(4))
	dev := meterOn(t, line, time.Hour)
	dev.Faulty(telemetry.Open) // zeros: no mains, and not 0 W
	good := wordsOf(frame(t, real[0].frame))
	for i, x := range map[uint16]uint16{0: 5000, 2: 2, 4: 6, 7: 0, 8: 101} {
		regs.Set(0, good[:]...)
		dev.Works()
		regs.Set(i, x)
		dev.Faulty(telemetry.BadFrame)
	}
}

func TestStuck(t *testing.T) {
	line := modbustest.New(t)
	good := wordsOf(frame(t, real[0].frame))
	regs := modbustest.NewRegisters(0, good[:]...)
	line.Put(1, regs.Slave(4))
	dev := meterOn(t, line, time.Second)
	dev.Works()
	dev.Faulty(telemetry.Stuck)
	regs.Set(0, good[0]+1) // a tenth of a volt is enough
	dev.Works()
}
