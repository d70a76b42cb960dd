package scenario

import (
	"os"
	"path/filepath"
	"testing"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/telemetry"
)

const shippedDir = "../packs/scenarios"

func shippedFiles(t *testing.T) map[string][]byte {
	t.Helper()
	names, err := filepath.Glob(shippedDir + "/*.test.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no scenarios: %v, %v", names, err)
	}
	files := map[string][]byte{}
	for _, n := range names {
		if files[n], err = os.ReadFile(n); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// The shipped rules say what their scenarios say.
func TestShippedScenarios(t *testing.T) {
	r, err := New(nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, data := range shippedFiles(t) {
		results, err := r.Run(name, data)
		if err != nil {
			t.Fatal(err)
		}
		for _, res := range results {
			t.Run(filepath.Base(name)+"/"+res.Name, func(t *testing.T) {
				for _, p := range res.Problems {
					t.Error(p)
				}
			})
		}
	}
}

// Each shipped rule, and each of the engine's own, is seen to raise and to clear,
// and each pack has a situation in which it must stay quiet.
func TestScenariosCoverThePack(t *testing.T) {
	pack, err := rules.Load(telemetry.NewCatalogue(telemetry.LEL{}), rules.Shipped())
	if err != nil {
		t.Fatal(err)
	}
	seen := map[[2]string]bool{}
	for name, data := range shippedFiles(t) {
		var f file
		if err := conf.Decode(name, data, &f); err != nil {
			t.Fatal(err)
		}
		quiet := false
		for _, test := range f.Tests {
			quiet = quiet || len(test.Expect) == 0
			for _, e := range test.Expect {
				if e.At.Pos.Line == 0 && e.To.Pos.Line == 0 {
					t.Errorf("%s: expected at any time: a shipped scenario says when", e.Pos)
				}
				seen[[2]string{e.Rule.V, e.Event.V}] = true
			}
		}
		if !quiet {
			t.Errorf("%s: no harmless situation", name)
		}
	}
	names := []string{rules.UnsupervisedRule, rules.FaultRule}
	for _, rule := range pack.Rules {
		names = append(names, rule.Name)
	}
	for _, n := range names {
		for _, ev := range []rules.Event{rules.Raise, rules.Clear} {
			if !seen[[2]string{n, string(ev)}] {
				t.Errorf("no scenario in which %s has event %s", n, ev)
			}
		}
	}
}
