package actuator

import (
	"io"
	"log/slog"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
)

func read(t *testing.T, pin *bustest.Pin, text string) ([]*Actuator, error) {
	t.Helper()
	var n yaml.Node
	if err := yaml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatal(err)
	}
	list := n.Content[0].Content
	nodes := make([]yaml.Node, len(list))
	for i := range list {
		nodes[i] = *list[i]
	}
	return Build("g.yaml", nodes, Deps{Log: slog.New(slog.NewTextHandler(io.Discard, nil)), Dir: t.TempDir(), Wires: map[string]Wires{"gpio": GPIO(pin.Buses())}})
}

// Each mistake stands where it is.
func TestMistakes(t *testing.T) {
	const out = ", output: {gpio: {line: 1}}"
	for text, want := range map[string]string{
		"- {kind: siren" + out + "}":                                           `g.yaml:1:3: id "" is not`,
		"- {id: a/b, kind: siren" + out + "}":                                  `g.yaml:1:8: id "a/b" is not`,
		"- {id: a, kind: sirene" + out + "}":                                   `g.yaml:1:17: kind "sirene" is none of gas_valve, siren, beacon, contactor, relay, did you mean "siren"?`,
		"- {id: a" + out + "}":                                                 `g.yaml:1:3: kind "" is none of`,
		"- {id: a, kind: relay" + out + "}":                                    "g.yaml:1:3: target is missing",
		"- {id: a, kind: siren}":                                               "g.yaml:1:3: output is missing",
		"- {id: a, kind: siren, output: gpio}":                                 "g.yaml:1:32: output: one of gpio belongs here",
		"- {id: a, kind: siren, output: {gpoi: {line: 1}}}":                    `g.yaml:1:33: output: "gpoi" is none of gpio, did you mean "gpio"?`,
		"- {id: a, kind: siren, output: {gpio: {}}}":                           "g.yaml:1:39: line is missing",
		"- {id: a, kind: siren, output: {gpio: {line: 1, actve: low}}}":        `g.yaml:1:49: unknown key "actve", did you mean "active"?`,
		"- {id: a, kind: siren, output: {gpio: {line: 1, active: 0}}}":         `g.yaml:1:57: active "0" is neither high nor low`,
		"- {id: a, kind: siren, ouput: {gpio: {line: 1}}}":                     `g.yaml:1:24: unknown key "ouput", did you mean "output"?`,
		"- {id: a, kind: siren" + out + ", reset: {gpio: {line: 2, pull: x}}}": `pull "x" is none of up, down, none`,
		"- {id: a, kind: siren" + out + ", reset: {gpio: {line: 1}}}":          "line 1 of /dev/gpiochip0 is taken by a (output)",
		"- {id: a, kind: gas_valve" + out + ", silence: {gpio: {line: 2}}}":    "g.yaml:1:3: silence is for sirens",
		"- {id: a, kind: siren" + out + ", pulse: 0s}":                         "pulse 0s is not between 10ms and 30s",
		"- {id: a, kind: siren" + out + ", interval: 1ms}":                     "interval 1ms is not between 1s and 1h0m0s",
		"- {id: a, kind: siren" + out + ", within: 3s}":                        "within is the feedback's, and there is none",
		"- {id: a, kind: siren" + out + ", fail_safe: closed}":                 `fail_safe "closed" is none of keep, act, rest`,
		"- {id: a, kind: siren" + out + ", fail_safe: act, pulse: 5s}":         "fail_safe: act needs a pulse of at most 1s",
	} {
		if _, err := read(t, &bustest.Pin{}, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngot  %v\nwant %s", text, err, want)
		}
	}
}

func TestWhoseActionsAreTheirs(t *testing.T) {
	list, err := read(t, &bustest.Pin{}, `
- {id: v1, kind: gas_valve, devices: [k1], output: {gpio: {line: 1}}}
- {id: v2, kind: gas_valve, placements: [boiler_room], output: {gpio: {line: 2}}}
- {id: horn, kind: siren, output: {gpio: {line: 3}}}
- {id: lamp, kind: beacon, output: {gpio: {line: 4}}}
- {id: charger, kind: contactor, output: {gpio: {line: 5, active: low}}}
- {id: fan, kind: relay, target: fan, output: {gpio: {line: 6}}}
`)
	if err != nil {
		t.Fatal(err)
	}
	for action, want := range map[string]string{
		"close gas_valve k1 kitchen_gas": "v1", "close gas_valve k2 kitchen_gas": "", "close gas_valve k3 boiler_room": "v2",
		"open gas_valve k1 kitchen_gas": "", "sound siren k2 kitchen_gas": "horn lamp", "open relay s1 corridor_socket": "charger",
		"close relay s1 corridor_socket": "", "close fan k1 kitchen_gas": "fan", "open fan k1 kitchen_gas": "fan", "open window k1 kitchen_gas": "",
	} {
		f := strings.Fields(action)
		var got []string
		for _, a := range list {
			if a.Answers(f[0], f[1], f[2], f[3]) {
				got = append(got, a.ID())
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", action, got, want)
		}
	}
}

// Levels are as wired.
func TestGPIO(t *testing.T) {
	for _, c := range []struct {
		keys string
		act  bool
		want bool // the line is high
	}{{"", true, true}, {"", false, false}, {", active: low", true, false}, {", active: low", false, true}, {", active: high", true, true}} {
		pin := &bustest.Pin{}
		list, err := read(t, pin, "- {id: a, kind: siren, output: {gpio: {line: 1"+c.keys+"}}}")
		if err != nil {
			t.Fatal(err)
		}
		if err := list[0].out.Set(t.Context(), c.act); err != nil || len(pin.Outs) != 1 || pin.Outs[0] != c.want {
			t.Errorf("%+v: the line was told %v, %v", c, pin.Outs, err)
		}
	}
	for _, c := range []struct {
		keys       string
		high, want bool
	}{{"", false, true}, {"", true, false}, {", active: high, pull: down", true, true}, {", pull: none", true, false}} {
		pin := &bustest.Pin{}
		list, err := read(t, pin, "- {id: a, kind: siren, output: {gpio: {line: 1}}, feedback: {gpio: {line: 2"+c.keys+"}}}")
		if err != nil {
			t.Fatal(err)
		}
		pin.Set(c.high)
		if got, err := list[0].feedback.Get(t.Context()); err != nil || got != c.want {
			t.Errorf("%+v: got %v, %v", c, got, err)
		}
	}
	var _ bus.GPIO = &bustest.Pin{}
}
