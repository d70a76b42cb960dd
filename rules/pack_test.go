package rules

import (
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

func TestTheShippedPackLoads(t *testing.T) {
	pack, err := Load(telemetry.NewCatalogue(telemetry.LEL{}), Shipped())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range append(pack.Rules, builtin[UnsupervisedRule], builtin[FaultRule]) {
		if r.Message.Zh == "" || r.Message.En == "" || r.Do.Zh == "" || r.Do.En == "" {
			t.Errorf("%s does not tell a warden what to do, in both languages", r.Name)
		}
		if !strings.Contains(r.Text, "name: "+r.Name) && builtin[r.Name] == nil {
			t.Errorf("%s: the text shown is not the rule's own:\n%s", r.Name, r.Text)
		}
	}
}

// Each mistake is found, with its place and a remedy.
func TestMistakesInRules(t *testing.T) {
	const rest = "    hazard: gas_leak\n    severity: major\n    message: {zh: 燃气, en: Gas}\n"
	for _, c := range []struct{ name, text, want string }{
		{"metric", "rules:\n  - name: a\n" + rest + "    when: gas.ch5 > 10 %LEL\n", `x.yaml:6:11: unknown metric "gas.ch5", did you mean "gas.ch4"?`},
		{"metric in a quoted text", "rules:\n  - name: a\n" + rest + "    when: \"1 A < gas.ch5\"\n", `x.yaml:6:18: unknown metric`},
		{"no rule", "rules: []\n", `x.yaml:1:1: there is no rule here`},
		{"metric in a plain text over lines", "rules:\n  - name: a\n" + rest + "    when: gas.ch4 > 10 %LEL\n       or gas.ch5 > 10 %LEL\n", `x.yaml:7:11: unknown metric`},
		{"metric in a quoted text over lines", "rules:\n  - name: a\n" + rest + "    when: 'gas.ch4 > 10 %LEL\n      or gas.ch5 > 10 %LEL'\n", `x.yaml:7:10: unknown metric`},
		{"metric in a folded text", "rules:\n  - name: a\n" + rest + "    when: >-\n      gas.ch4 > 10 %LEL\n      or gas.ch5 > 10 %LEL\n", `x.yaml:8:10: unknown metric`},
		{"unit", "rules:\n  - name: a\n" + rest + "    when: smoke > 10 %LEL\n", "x.yaml:6:19: %LEL cannot be compared with dB/m for smoke"},
		{"key", "rules:\n  - name: a\n" + rest + "    wenn: co > 1 ppm\n", `x.yaml:6:5: unknown key "wenn", did you mean "when"?`},
		{"hazard", "rules:\n  - name: a\n    hazard: fier\n    severity: major\n    message: {zh: 火, en: Fire}\n    when: co > 1 ppm\n", `x.yaml:3:13: hazard "fier": one of`},
		{"hold", "rules:\n  - name: a\n" + rest + "    when: co > 1 ppm\n    hold: 48h\n", "x.yaml:7:11: a hold of 48h0m0s is not possible"},
		{"hold without unit", "rules:\n  - name: a\n" + rest + "    when: co > 1 ppm\n    hold: 5\n", `x.yaml:7:11: "5" is not a duration`},
		{"no condition", "rules:\n  - name: a\n" + rest, `x.yaml:2:5: rule "a" needs a condition`},
		{"no message", "rules:\n  - name: a\n    hazard: co\n    severity: major\n    when: co > 1 ppm\n", `x.yaml:2:5: rule "a" needs a message`},
		{"twice", "rules:\n  - name: a\n" + rest + "    when: co > 1 ppm\n  - name: a\n" + rest + "    when: co > 1 ppm\n", `x.yaml:7:11: rule "a" is there twice, first at x.yaml:2:11`},
		{"the engine's own", "rules:\n  - name: fault\n" + rest + "    when: co > 1 ppm\n", `x.yaml:2:11: "fault" is a rule that the engine has`},
		{"edge", "rules:\n  - name: a\n" + rest + "    when: co > 1 ppm\n    edge: [shut valve]\n", `x.yaml:7:12: "shut valve" is no action`},
		{"number", "rules:\n  - name: a\n" + rest + "    when: co + 1 ppm\n", "x.yaml:6:14: a condition belongs here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Load(telemetry.NewCatalogue(telemetry.LEL{}), []record.File{{Name: "x.yaml", Data: []byte(c.text)}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestThresholdsForCharts(t *testing.T) {
	pack, err := Load(telemetry.NewCatalogue(telemetry.LEL{}), Shipped())
	if err != nil {
		t.Fatal(err)
	}
	has := func(placement, metric string, value float64) bool {
		for _, th := range pack.Thresholds(placement) {
			if th.Metric == metric && th.Value == value {
				return true
			}
		}
		return false
	}
	if !has("kitchen_gas", "gas.ch4", 20) || !has("corridor_socket", "charging.likelihood", 0.8) || has("bike_shed", "charging.likelihood", 0.8) {
		t.Errorf("thresholds of kitchen_gas %v, corridor_socket %v, bike_shed %v",
			pack.Thresholds("kitchen_gas"), pack.Thresholds("corridor_socket"), pack.Thresholds("bike_shed"))
	}
}
