// Package conf reads YAML strictly: an unknown key, a key given twice, a value
// of the wrong type is refused, every mistake of a file is reported at once, and
// each stands with file:line:column and a remedy.
//
// Anchors and aliases are refused: a file that people check by eye says what it
// means where it says it.
package conf

import (
	"bytes"
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/telemetry"
)

// Pos is a place in a file; lines and columns count from 1.
type Pos struct {
	File         string
	Line, Column int
}

func (p Pos) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Error is one mistake and where it stands.
type Error struct {
	Pos  Pos
	Text string
}

func (e Error) Error() string { return e.Pos.String() + ": " + e.Text }

// Errors are all mistakes of a file, one a line.
type Errors []Error

func (e Errors) Error() string {
	lines := make([]string, len(e))
	for i, x := range e {
		lines[i] = x.Error()
	}
	return strings.Join(lines, "\n")
}

// Add notes a mistake.
func (e *Errors) Add(p Pos, format string, args ...any) {
	*e = append(*e, Error{p, fmt.Sprintf(format, args...)})
}

// Err is the errors sorted by place, or nil when there are none.
func (e Errors) Err() error {
	if len(e) == 0 {
		return nil
	}
	slices.SortStableFunc(e, func(a, b Error) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Column, b.Pos.Column))
	})
	return e
}

// Duration is a length of time written as "10s", "1m30s", "24h" or "14d"; a
// bare number is refused, because nobody knows its unit.
type Duration time.Duration

// At is a value that remembers where it stood.
type At[T any] struct {
	V   T
	Pos Pos
}

func (a *At[T]) decode(d *decoder, n *yaml.Node) {
	a.Pos = d.pos(n)
	d.value(n, reflect.ValueOf(&a.V).Elem())
}

// Decode reads data into the struct that into points to. file is the name that
// errors carry. The error, if any, is of type Errors.
func Decode(file string, data []byte, into any) error {
	var root, second yaml.Node
	documents := yaml.NewDecoder(bytes.NewReader(data))
	switch err := documents.Decode(&root); {
	case err == io.EOF:
		return Errors{{Pos{file, 1, 1}, "the file is empty"}}
	case err != nil:
		return Errors{syntaxError(file, data, err)}
	}
	switch err := documents.Decode(&second); {
	case err == nil:
		return Errors{{Pos{file, second.Line, second.Column}, "a second document begins here, and only the first would be read: take out the ---"}}
	case err != io.EOF:
		return Errors{syntaxError(file, data, err)}
	}
	return DecodeNode(file, root.Content[0], into)
}

// DecodeNode is Decode for a part of a file that was kept as a yaml.Node. beside are
// keys that belong there too and were read already: an unknown key may be meant as one.
func DecodeNode(file string, n *yaml.Node, into any, beside ...string) error {
	d := &decoder{file: file, part: n, beside: beside}
	d.value(n, reflect.ValueOf(into).Elem())
	return d.errs.Err()
}

func syntaxError(file string, data []byte, err error) Error {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	p := Pos{file, 1, 1}
	if rest, ok := strings.CutPrefix(text, "line "); ok {
		if num, after, ok := strings.Cut(rest, ": "); ok {
			if line, err := strconv.Atoi(num); err == nil {
				p.Line, text = line, after
			}
		}
	}
	if strings.Contains(text, "tab character") || strings.Contains(text, "cannot start any token") {
		p, text = tab(data, p, text)
	}
	if strings.Contains(text, "mapping values are not allowed") {
		text += `: a text with ": " in it needs quotes, and a key the indentation of its neighbours`
	}
	return Error{p, "not valid YAML: " + text}
}

// tab names the commonest mistake, which the reader tells of in other words and up to a
// line too early.
func tab(data []byte, p Pos, text string) (Pos, string) {
	lines := bytes.Split(data, []byte("\n"))
	for i := p.Line - 1; i < min(p.Line+1, len(lines)); i++ {
		if at := bytes.IndexByte(lines[i], '\t'); at >= 0 && len(bytes.Trim(lines[i][:at], " ")) == 0 {
			return Pos{p.File, i + 1, at + 1}, "a tab: YAML is indented by spaces alone"
		}
	}
	return p, text
}

type decoder struct {
	file   string
	errs   Errors
	part   *yaml.Node
	beside []string // known keys of part that are not decoded here
}

type nodeDecoder interface{ decode(*decoder, *yaml.Node) }

func (d *decoder) pos(n *yaml.Node) Pos { return Pos{d.file, n.Line, n.Column} }

func (d *decoder) fail(n *yaml.Node, format string, args ...any) {
	d.errs.Add(d.pos(n), format, args...)
}

var (
	durationType = reflect.TypeFor[Duration]()
	timeType     = reflect.TypeFor[time.Time]()
	nodeType     = reflect.TypeFor[yaml.Node]()
	posType      = reflect.TypeFor[Pos]()
)

func (d *decoder) value(n *yaml.Node, v reflect.Value) {
	if n.Kind == yaml.AliasNode || n.Anchor != "" {
		d.fail(n, "anchors and aliases are not used here: write the value out")
		return
	}
	if nd, ok := v.Addr().Interface().(nodeDecoder); ok {
		nd.decode(d, n)
		return
	}
	switch v.Type() {
	case nodeType:
		v.Set(reflect.ValueOf(*n))
		return
	case durationType:
		d.duration(n, v)
		return
	case timeType:
		d.time(n, v)
		return
	}
	if tu, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		if n.Kind != yaml.ScalarNode {
			d.fail(n, "a single value belongs here, not a %s", kindName(n))
		} else if err := tu.UnmarshalText([]byte(n.Value)); err != nil {
			d.fail(n, "%v", err)
		}
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			v.Set(reflect.New(v.Type().Elem()))
		}
		d.value(n, v.Elem())
	case reflect.Struct:
		d.mapping(n, v)
	case reflect.Map:
		d.table(n, v)
	case reflect.Slice:
		d.list(n, v)
	default:
		d.scalar(n, v)
	}
}

func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "mapping"
	case yaml.SequenceNode:
		return "list"
	}
	return "single value"
}

// pairs calls f for each key of a mapping, having refused keys given twice.
func (d *decoder) pairs(n *yaml.Node, f func(key, value *yaml.Node)) bool {
	if n.Kind != yaml.MappingNode {
		d.fail(n, "a mapping (key: value) belongs here, not a %s", kindName(n))
		return false
	}
	seen := make(map[string]int, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if line, dup := seen[key.Value]; dup {
			d.fail(key, "key %q is given twice (first in line %d)", key.Value, line)
			continue
		}
		seen[key.Value] = key.Line
		f(key, n.Content[i+1])
	}
	return true
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value) {
	fields := make(map[string]reflect.Value)
	var names []string
	collectFields(v, d.pos(n), fields, &names)
	if n == d.part {
		names = append(names, d.beside...)
	}
	d.pairs(n, func(key, value *yaml.Node) {
		f, ok := fields[key.Value]
		if !ok {
			d.fail(key, "unknown key %q%s", key.Value, cmp.Or(telemetry.Suggest(key.Value, names), known(names)))
			return
		}
		if value.Tag == "!!null" {
			return // "key:" with nothing after it leaves the default
		}
		d.value(value, f)
	})
}

// known lists keys where they are few enough to be read.
func known(names []string) string {
	if len(names) == 0 || len(names) > 8 {
		return ""
	}
	return " (there are " + strings.Join(names, ", ") + ")"
}

func collectFields(v reflect.Value, at Pos, fields map[string]reflect.Value, names *[]string) {
	t := v.Type()
	for i := range t.NumField() {
		f := t.Field(i)
		tag, opts, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		switch {
		case f.Type == posType:
			v.Field(i).Set(reflect.ValueOf(at))
		case opts == "inline":
			collectFields(v.Field(i), at, fields, names)
		case tag != "" && tag != "-":
			fields[tag] = v.Field(i)
			*names = append(*names, tag)
		}
	}
}

func (d *decoder) table(n *yaml.Node, v reflect.Value) {
	m := reflect.MakeMap(v.Type())
	if d.pairs(n, func(key, value *yaml.Node) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(value, e)
		m.SetMapIndex(reflect.ValueOf(key.Value).Convert(v.Type().Key()), e)
	}) {
		v.Set(m)
	}
}

func (d *decoder) list(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.SequenceNode {
		d.fail(n, "a list belongs here, not a %s", kindName(n))
		return
	}
	s := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, item := range n.Content {
		d.value(item, s.Index(i))
	}
	v.Set(s)
}

func (d *decoder) scalar(n *yaml.Node, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, "a single value belongs here, not a %s", kindName(n))
		return
	}
	switch v.Kind() {
	case reflect.String:
		if n.Tag == "!!bool" || n.Tag == "!!null" {
			d.fail(n, "text belongs here: write %q in quotes", n.Value)
			return
		}
		v.SetString(n.Value)
	case reflect.Bool:
		if n.Tag != "!!bool" {
			d.fail(n, "%q is neither true nor false", n.Value)
			return
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
	case reflect.Int, reflect.Int64, reflect.Int32:
		i, err := strconv.ParseInt(n.Value, 10, v.Type().Bits())
		if err != nil {
			d.fail(n, "%q is not a whole number%s", n.Value, outOfRange(err))
			return
		}
		v.SetInt(i)
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if err != nil || f != f || f-f != 0 {
			d.fail(n, "%q is not a finite number", n.Value)
			return
		}
		v.SetFloat(f)
	default:
		panic(fmt.Sprintf("conf: no way to read a %s", v.Type()))
	}
}

func outOfRange(err error) string {
	if errors.Is(err, strconv.ErrRange) {
		return " that fits"
	}
	return ""
}

func (d *decoder) duration(n *yaml.Node, v reflect.Value) {
	dur, err := ParseDuration(n.Value)
	if err != nil || n.Kind != yaml.ScalarNode {
		d.fail(n, "%q is not a duration: write a number with its unit, such as 10s, 5m, 24h or 14d", n.Value)
		return
	}
	v.SetInt(int64(dur))
}

func (d *decoder) time(n *yaml.Node, v reflect.Value) {
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if t, err := time.Parse(layout, n.Value); err == nil {
			v.Set(reflect.ValueOf(t))
			return
		}
	}
	d.fail(n, "%q is not a date: write 2026-01-31, or 2026-01-31T08:00:00+08:00", n.Value)
}
