package scenario

import (
	"os"
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry/record"
)

// The worked example of docs/rules.md works.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/rules.md")
	if err != nil {
		t.Fatal(err)
	}
	var rules, tests string
	for _, block := range strings.Split(string(text), "```yaml\n")[1:] {
		block, _, _ = strings.Cut(block, "```")
		switch {
		case strings.HasPrefix(block, "rules:"):
			rules = block
		case strings.HasPrefix(block, "tests:"):
			tests = block
		default:
			t.Errorf("neither rules nor tests:\n%s", block)
		}
	}
	r, err := New(nil, []record.File{{Name: "shed.yaml", Data: []byte(rules)}})
	if err != nil {
		t.Fatal(err)
	}
	results, err := r.Run("shed.test.yaml", []byte(tests))
	if err != nil {
		t.Fatal(err)
	}
	for _, res := range results {
		if !strings.Contains(string(text), "ok    shed.test.yaml: "+res.Name) {
			t.Errorf("the output shown lacks %q", res.Name)
		}
		for _, p := range res.Problems {
			t.Error(p)
		}
	}
}
