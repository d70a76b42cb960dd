package conf_test

import (
	"bytes"
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
		{"unknown key, like none", "ptr: {wxyz: 1}\n", `x.yaml:1:7: unknown key "wxyz"`},
		{"unknown key among few", "nmbrs: x\n", `x.yaml:1:1: unknown key "nmbrs" (there are items, ptr)`},
		{"tab", "ptr:\n\tn: 1\n", `x.yaml:2:1: not valid YAML: a tab: YAML is indented by spaces alone`},
		{"tab after spaces", "ptr:\n  n: 1\n  \tf: 2\n", `x.yaml:3:3: not valid YAML: a tab: YAML is indented by spaces alone`},
		{"text with a colon", "f: power: 3\n", `x.yaml:1:1: not valid YAML: mapping values are not allowed in this context: a text with ": " in it needs quotes, and a key the indentation`},
		{"no tab", "ptr: {f: @}\n", `x.yaml:1:1: not valid YAML: found character that cannot start any token`},
		{"twice", "ptr: {n: 1}\nptr: {n: 2}\n", `x.yaml:2:1: key "ptr" is given twice (first in line 1)`},
		{"bare duration", "ptr: {wait: 10}\n", `x.yaml:1:13: "10" is not a duration`},
		{"bool as text", "ptr: {name: yes}\n", ``},
		{"true as text", "ptr: {name: true}\n", `x.yaml:1:13: text belongs here: write "true" in quotes`},
		{"not a number", "ptr: {n: 1.5}\n", `x.yaml:1:10: "1.5" is not a whole number`},
		{"nan", "ptr: {f: .nan}\n", `x.yaml:1:10: ".nan" is not a finite number`},
		{"list for mapping", "ptr: [1]\n", `x.yaml:1:6: a mapping (key: value) belongs here, not a list`},
		{"mapping for list", "items: {a: 1}\n", `x.yaml:1:8: a list belongs here, not a mapping`},
		{"two documents", "ptr: {n: 1}\n---\nptr: {n: 2}\n", `x.yaml:2:1: a second document begins here`},
		{"broken second document", "ptr: {n: 1}\n---\n]", `not valid YAML`},
		{"nothing", "# only a comment\n", `x.yaml:1:1: the file is empty`},
		{"broken", "ptr: {n: 1\nitems: [", `not valid YAML`},
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

// Whatever a file has in it, reading it ends, and each mistake has a place in
// the file and a text.
func FuzzDecode(f *testing.F) {
	for _, s := range []string{
		"items:\n - name: x\n", "ptr: {tab: {a: {wait: 1s}}}", "a: b\n---\na: c\n", "ptr: &a {raw: *a}\n", "ptr: {raw: {x: *a}}",
		"? [a]\n: b\n", "- - -\n", "ptr: !!binary aGk=\n", "ptr: {n: 99999999999999999999}", "ptr: {day: 2026-02-30}", "\t", "%YAML 9.9\n---\n", "<<: {ptr: 1}",
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var o outer
		placed(t, b, conf.Decode("f", b, &o))
		if o.Ptr != nil && o.Ptr.Raw.Kind != 0 {
			var again outer
			placed(t, b, conf.DecodeNode("f", &o.Ptr.Raw, &again))
		}
		if d, err := conf.ParseDuration(string(b)); err != nil && d != 0 {
			t.Errorf("%q is %v and a mistake", b, d)
		}
		if n, err := conf.ParseBytes(string(b)); err == nil && n <= 0 {
			t.Errorf("%q are %d bytes", b, n)
		}
	})
}

func placed(t *testing.T, file []byte, err error) {
	t.Helper()
	if err == nil {
		return
	}
	errs, ok := errors.AsType[conf.Errors](err)
	if !ok || len(errs) == 0 {
		t.Fatalf("%q: got %T %v", file, err, err)
	}
	last := bytes.Count(file, []byte("\n")) + bytes.Count(file, []byte("\r")) + 2
	for _, e := range errs {
		if p := e.Pos; p.File != "f" || p.Line < 1 || p.Line > last || p.Column < 1 || e.Text == "" {
			t.Errorf("%q: %q stands at %+v", file, e.Text, p)
		}
	}
}
