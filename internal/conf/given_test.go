package conf_test

import (
	"testing"
	"time"

	"weishao.dev/weishao/internal/conf"
)

func TestGiven(t *testing.T) {
	var o struct {
		Volts conf.At[float64]       `yaml:"volts"`
		Wait  conf.At[conf.Duration] `yaml:"wait"`
	}
	for _, c := range []struct {
		text  string
		volts float64
		wait  time.Duration
		want  string
	}{
		{"{}", 5, time.Minute, ""},
		{"volts: 12\nwait: 0s", 12, 0, ""},
		{"volts: 12.5", 12.5, time.Minute, "f.yaml:1:8: volts 12.5 is not between 1 and 12"},
		{"wait: -3m", 5, -3 * time.Minute, "f.yaml:1:7: wait -3m0s is not between 0s and 1h0m0s"},
	} {
		o.Volts, o.Wait = conf.At[float64]{}, conf.At[conf.Duration]{}
		if err := conf.Decode("f.yaml", []byte(c.text), &o); err != nil {
			t.Fatal(err)
		}
		var errs conf.Errors
		volts, wait := conf.Given(&errs, "volts", o.Volts, 5, 1, 12), conf.Span(&errs, "wait", o.Wait, time.Minute, 0, time.Hour)
		if volts != c.volts || wait != c.wait || errs.Error() != c.want {
			t.Errorf("%q: got %g, %v, %q, want %g, %v, %q", c.text, volts, wait, errs.Error(), c.volts, c.wait, c.want)
		}
	}
}
