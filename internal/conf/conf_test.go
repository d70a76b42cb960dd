package conf_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/internal/conf"
)

type inner struct {
	Pos  conf.Pos         `yaml:"-"`
	Name conf.At[string]  `yaml:"name"`
	Wait conf.Duration    `yaml:"wait"`
	On   bool             `yaml:"on"`
	N    int              `yaml:"n"`
	F    float64          `yaml:"f"`
	Day  time.Time        `yaml:"day"`
	Raw  yaml.Node        `yaml:"raw"`
	Tab  map[string]inner `yaml:"tab"`
}

type outer struct {
	Items []inner `yaml:"items"`
	Ptr   *inner  `yaml:"ptr"`
}

func TestDecodeReadsEveryKind(t *testing.T) {
	var o outer
	err := conf.Decode("x.yaml", []byte("items:\n  - {name: 301, wait: 1m30s, on: true, n: -4, f: 2.5, day: 2026-01-31, raw: {a: [1]}, tab: {k: {n: 7}}}\n  - wait: 14d\nptr:\n  name: p\n"), &o)
	if err != nil {
		t.Fatal(err)
	}
	i := o.Items[0]
	if i.Name.V != "301" || i.Name.Pos != (conf.Pos{File: "x.yaml", Line: 2, Column: 12}) || i.Pos.Line != 2 {
		t.Errorf("name: got %+v at %v", i.Name, i.Pos)
	}
	if time.Duration(i.Wait) != 90*time.Second || !i.On || i.N != -4 || i.F != 2.5 || i.Day.Day() != 31 || i.Tab["k"].N != 7 || i.Raw.Kind != yaml.MappingNode {
		t.Errorf("got %+v", i)
	}
	if time.Duration(o.Items[1].Wait) != 14*24*time.Hour || o.Ptr.Name.V != "p" {
		t.Errorf("got %+v %+v", o.Items[1], o.Ptr)
	}
}

func TestMistakesStandWithTheirPlace(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"unknown key", "items:\n  - nmae: x\n", `x.yaml:2:5: unknown key "nmae", did you mean "name"?`},
		{"twice", "ptr: {n: 1}\nptr: {n: 2}\n", `x.yaml:2:1: key "ptr" is given twice (first in line 1)`},
		{"bare duration", "ptr: {wait: 10}\n", `x.yaml:1:13: "10" is not a duration`},
		{"bool as text", "ptr: {name: yes}\n", ``},
		{"true as text", "ptr: {name: true}\n", `x.yaml:1:13: text belongs here: write "true" in quotes`},
		{"not a number", "ptr: {n: 1.5}\n", `x.yaml:1:10: "1.5" is not a whole number`},
		{"nan", "ptr: {f: .nan}\n", `x.yaml:1:10: ".nan" is not a finite number`},
		{"list for mapping", "ptr: [1]\n", `x.yaml:1:6: a mapping (key: value) belongs here, not a list`},
		{"mapping for list", "items: {a: 1}\n", `x.yaml:1:8: a list belongs here, not a mapping`},
		{"alias", "ptr: &a {n: 1}\n", `x.yaml:1:6: anchors and aliases are not used here`},
		{"bad date", "ptr: {day: tomorrow}\n", `x.yaml:1:12: "tomorrow" is not a date`},
		{"broken yaml", "ptr: {n: 1\n", `not valid YAML`},
		{"empty", "", `x.yaml:1:1: the file is empty`},
		{"two mistakes", "ptr: {n: x, f: y}\n", "x.yaml:1:16: \"y\""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var o outer
			err := conf.Decode("x.yaml", []byte(c.text), &o)
			if c.want == "" {
				if err != nil {
					t.Fatalf("got %v, want none", err)
				}
				return
			}
			var errs conf.Errors
			if !errors.As(err, &errs) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte("items:\n - name: x\n"))
	f.Add([]byte("ptr: {tab: {a: {wait: 1s}}}"))
	f.Fuzz(func(t *testing.T, b []byte) {
		var o outer
		_ = conf.Decode("f", b, &o)
	})
}
