package rules

import (
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/internal/schematest"
)

// The schema that editors use knows the keys and words that Load does, and takes the
// shipped packs.
func TestSchema(t *testing.T) {
	s := schematest.Read(t, "../docs/rules.schema.json")
	s.Describes(t, packFile{})
	rule := s.Defs["rule"].Properties
	if got := rule["hazard"].Enum; !slices.Equal(got, hazards) {
		t.Errorf("hazards: got %q, want %q", got, hazards)
	}
	if got := rule["severity"].Enum; !slices.Equal(got, severities) {
		t.Errorf("severities: got %q, want %q", got, severities)
	}
	if got, want := rule["edge"].Items.Pattern, "^("+strings.Join(verbs, "|")+") "; !strings.HasPrefix(got, want) {
		t.Errorf("edge: got %q, want it to begin with %q", got, want)
	}
	for _, f := range Shipped() {
		if refused := s.Accepts(f.Data); refused != nil {
			t.Errorf("%s: %q", f.Name, refused)
		}
	}
	const wrong = `
rules:
  - name: a b
    hazard: flood
    severity: major
    placement: shed
    hold: 5 minutes
    wait: 5m
    message: {zh: 水}
`
	want := []string{"3:11: ", "4:13: ", "6:16: ", "7:11: ", "8:5: ", "9:14: ", "3:5: "}
	got := s.Accepts([]byte(wrong))
	if !slices.EqualFunc(got, want, strings.HasPrefix) {
		t.Errorf("got %q, want them at %q", got, want)
	}
}
