package serialline

import (
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/internal/conf"
)

func TestSettings(t *testing.T) {
	if got := At9600.Chars(96); got != 100*time.Millisecond {
		t.Errorf("96 characters of 10 bits at 9600 baud: %v", got)
	}
	if got := (Settings{2400, Even, 2}).Chars(1); got != 5*time.Millisecond {
		t.Errorf("a character of 12 bits at 2400 baud: %v", got)
	}
	for want, text := range map[string]string{
		`f.yaml:1:1: port is missing: name the serial port of "d"`: "baud: 9600",
		`f.yaml:1:7: port "ttyUSB0" is no path`:                    "port: ttyUSB0",
		`f.yaml:2:7: baud 9601 is not one of`:                      "port: /dev/x\nbaud: 9601",
		`f.yaml:2:9: parity "evn" is not none, even or odd, did`:   "port: /dev/x\nparity: evn",
		`f.yaml:2:12: stop_bits 3 is not 1 or 2`:                   "port: /dev/x\nstop_bits: 3",
		`f.yaml:1:7: port: /dev/used runs at 9600`:                 "port: /dev/used\nbaud: 4800",
		`f.yaml:1:7: port: /dev/alone is the line of device "b"`:   "port: /dev/alone",
	} {
		lines := NewLines()
		_, _ = lines.Line("/dev/used", At9600, "a", false)
		_, _ = lines.Line("/dev/alone", At9600, "b", true)
		var o struct {
			Pos conf.Pos `yaml:"-"`
			Own `yaml:",inline"`
		}
		if err := conf.Decode("f.yaml", []byte(text), &o); err != nil {
			t.Fatal(err)
		}
		var errs conf.Errors
		if l := o.Line(lines, "d", o.Pos, At9600, false, &errs); l != nil || len(errs) != 1 || !strings.HasPrefix(errs[0].Error(), want) {
			t.Errorf("%q: got %v, want %s", text, errs, want)
		}
	}
}
