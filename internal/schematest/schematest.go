// Package schematest holds the JSON Schemas under docs, which editors complete and
// check YAML files by, in step with the structs that those files are read into.
package schematest

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/internal/conf"
)

// Schema is the part of JSON Schema that ours are written in.
type Schema struct {
	Version              string             `json:"$schema"`
	ID                   string             `json:"$id"`
	Title                string             `json:"title"`
	Description          string             `json:"description"`
	Ref                  string             `json:"$ref"`
	Defs                 map[string]*Schema `json:"$defs"`
	Type                 any                `json:"type"` // a name or a list of them
	Properties           map[string]*Schema `json:"properties"`
	AdditionalProperties any                `json:"additionalProperties"` // false, or a schema
	Required             []string           `json:"required"`
	Items                *Schema            `json:"items"`
	MinItems             int                `json:"minItems"`
	Enum                 []string           `json:"enum"`
	Pattern              string             `json:"pattern"`
	Default              any                `json:"default"`
	Examples             []any              `json:"examples"`
}

// Read reads a schema, which must be of this form and no other.
func Read(t testing.TB, file string) *Schema {
	t.Helper()
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s := &Schema{}
	dec := json.NewDecoder(strings.NewReader(string(data)))
	dec.DisallowUnknownFields()
	if err := dec.Decode(s); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

func (s *Schema) at(root *Schema) *Schema {
	if name, ok := strings.CutPrefix(s.Ref, "#/$defs/"); ok && root.Defs[name] != nil {
		return root.Defs[name]
	}
	return s
}

// Describes checks that the schema has the keys of a struct that conf reads, each
// with what conf takes for it, and no others.
func (s *Schema) Describes(t testing.TB, v any) {
	t.Helper()
	s.describes(t, s, "", reflect.TypeOf(v))
}

func (s *Schema) describes(t testing.TB, root *Schema, path string, v reflect.Type) {
	t.Helper()
	s = s.at(root)
	if strings.HasPrefix(v.Name(), "At[") {
		f, _ := v.FieldByName("V")
		v = f.Type
	}
	want := "string"
	switch {
	case v == reflect.TypeFor[conf.Duration](), v == reflect.TypeFor[time.Time](), v == reflect.TypeFor[yaml.Node]():
	case v.Kind() == reflect.Struct:
		want = "object"
		s.describesKeys(t, root, path, v)
	case v.Kind() == reflect.Map:
		want = "object"
	case v.Kind() == reflect.Slice:
		want = "array"
		if s.Items == nil {
			t.Errorf("%s: a list without items", path)
			return
		}
		s.Items.describes(t, root, path+"[]", v.Elem())
	}
	if !slices.Contains(s.types(), want) {
		t.Errorf("%s: type %v, want %s", path, s.Type, want)
	}
}

func (s *Schema) describesKeys(t testing.TB, root *Schema, path string, v reflect.Type) {
	t.Helper()
	if s.AdditionalProperties != false {
		t.Errorf("%s: lets unknown keys pass", path)
	}
	var keys []string
	for f := range v.Fields() {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		keys = append(keys, key)
		if p := s.Properties[key]; p != nil {
			p.describes(t, root, path+"/"+key, f.Type)
		}
	}
	slices.Sort(keys)
	if got := slices.Sorted(maps.Keys(s.Properties)); !slices.Equal(got, keys) {
		t.Errorf("%s: the schema has the keys %q, the program %q", path, got, keys)
	}
}

func (s *Schema) types() []string {
	switch v := s.Type.(type) {
	case string:
		return []string{v}
	case []any:
		var list []string
		for _, one := range v {
			list = append(list, fmt.Sprint(one))
		}
		return list
	}
	return nil
}

// Accepts checks a YAML file and returns what the schema refuses in it.
func (s *Schema) Accepts(data []byte) (refused []string) {
	var n yaml.Node
	if err := yaml.Unmarshal(data, &n); err != nil {
		return []string{err.Error()}
	}
	s.accepts(s, n.Content[0], func(n *yaml.Node, what string) {
		refused = append(refused, fmt.Sprintf("%d:%d: %s", n.Line, n.Column, what))
	})
	return refused
}

var kinds = map[yaml.Kind]string{yaml.MappingNode: "object", yaml.SequenceNode: "array", yaml.ScalarNode: "string"}

func (s *Schema) accepts(root *Schema, n *yaml.Node, refuse func(*yaml.Node, string)) {
	s = s.at(root)
	kind := kinds[n.Kind]
	if n.Tag == "!!int" || n.Tag == "!!float" {
		kind = "number"
	}
	if !slices.Contains(s.types(), kind) {
		refuse(n, fmt.Sprintf("%s, want %v", kind, s.Type))
		return
	}
	switch n.Kind {
	case yaml.MappingNode:
		s.acceptsKeys(root, n, refuse)
	case yaml.SequenceNode:
		if len(n.Content) < s.MinItems {
			refuse(n, "too short")
		}
		for _, item := range n.Content {
			s.Items.accepts(root, item, refuse)
		}
	case yaml.ScalarNode:
		if s.Enum != nil && !slices.Contains(s.Enum, n.Value) {
			refuse(n, fmt.Sprintf("%q is none of %q", n.Value, s.Enum))
		}
		if s.Pattern != "" && !regexp.MustCompile(s.Pattern).MatchString(n.Value) {
			refuse(n, fmt.Sprintf("%q does not match %s", n.Value, s.Pattern))
		}
	}
}

func (s *Schema) acceptsKeys(root *Schema, n *yaml.Node, refuse func(*yaml.Node, string)) {
	left := slices.Clone(s.Required)
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i].Value
		left = slices.DeleteFunc(left, func(r string) bool { return r == key })
		if p := s.Properties[key]; p != nil {
			p.accepts(root, n.Content[i+1], refuse)
		} else if s.AdditionalProperties == false {
			refuse(n.Content[i], fmt.Sprintf("unknown key %q", key))
		}
	}
	if len(left) > 0 {
		refuse(n, fmt.Sprintf("without %q", left))
	}
}
