package site

import (
	"os"
	"strings"
	"testing"
)

// The examples of docs/site.md load, and the first is the one in testdata.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../docs/site.md")
	if err != nil {
		t.Fatal(err)
	}
	example, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		if i == 0 && block != string(example) {
			t.Error("docs/site.md and testdata/example.yaml differ")
		}
		s, err := Load("docs/site.md", []byte(block))
		if err != nil {
			t.Fatal(err)
		}
		if m, ok := s.MappingFor("beixin/plc-1/boiler", "Inputs/Gas"); !ok || m.Metric != "gas.ch4" || m.Scale != 0.1 {
			t.Errorf("Inputs/Gas is mapped to %+v", m)
		}
	}
}
