package scenario

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"weishao.dev/weishao/internal/schematest"
	"weishao.dev/weishao/rules"
)

// The schema that editors use knows the keys and words of scenario files, and takes
// the shipped ones.
func TestSchema(t *testing.T) {
	s := schematest.Read(t, "../../docs/scenarios.schema.json")
	s.Describes(t, file{})
	expect := s.Defs["expect"].Properties
	if got := expect["event"].Enum; !slices.Equal(got, events) {
		t.Errorf("events: got %q, want %q", got, events)
	}
	packs := schematest.Read(t, "../../docs/rules.schema.json")
	want := append(slices.Clone(packs.Defs["rule"].Properties["hazard"].Enum), string(rules.Unsupervised))
	if got := slices.Clone(expect["hazard"].Enum); !slices.Equal(slices.Sorted(slices.Values(got)), slices.Sorted(slices.Values(want))) {
		t.Errorf("hazards: got %q, want %q", got, want)
	}
	files, err := filepath.Glob("../packs/scenarios/*.test.yaml")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	for _, name := range files {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if refused := s.Accepts(data); refused != nil {
			t.Errorf("%s: %q", name, refused)
		}
	}
}
