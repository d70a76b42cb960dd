package web_test

import (
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/web/webtest"
)

// An incident explains itself on both of its pages: the curve that was measured with
// the likelihood over it, the numbers that decided, and the rule as it was.
func TestIncidentExplainsItself(t *testing.T) {
	_, s := sampled(t)
	for _, c := range []struct {
		page string
		want []string
	}{
		{"/incidents/b2wire?lang=zh", []string{`data-metric="power"`, `data-over="charging.likelihood"`, `data-over-level="0.8"`, `data-stages="charging.stage"`, `data-lines="[]"`,
			`<span class="why-metric">充电可能性</span>`, "<dt>这个电器的功率</dt><dd class=\"num\">182 W</dd>", "when: charging.likelihood &gt; 0.8\nclear: charging.likelihood &lt; 0.3\nclear_hold: 2m"}},
		{"/officer/incidents/b2wire?lang=en", []string{`data-metric="power"`, "Charging likelihood %", "<dt>power of this load</dt><dd class=\"num\">182 W</dd>", "<dt>change of power</dt><dd class=\"num\">1.7 %/h</dd>", "clear_hold: 2m"}},
		{"/officer/incidents/a1gas?lang=en", []string{`data-metric="gas.ch4"`, `data-over="gas.leak_likelihood"`, `data-over-level="0"`, `&#34;value&#34;:10`, "<dt>above clean air</dt><dd class=\"num\">12.6 %LEL</dd>", "hold: 5s"}},
	} {
		got := as(t, s, webtest.OperatorToken).want(200, "GET", c.page, "")
		for _, w := range c.want {
			if !strings.Contains(got, w) {
				t.Errorf("%s: no %s", c.page, w)
			}
		}
	}
	got := as(t, s, webtest.OperatorToken).want(200, "GET", "/officer/incidents/c3gone?lang=en", "")
	for _, no := range []string{"data-over=", `class="features"`, "data-chart="} {
		if strings.Contains(got, no) {
			t.Errorf("a dead gateway's incident has %s", no)
		}
	}
	type features struct{ Features []incidents.Feature }
	c := as(t, s, webtest.WardenToken)
	if list := get[features](c, "/api/v1/incidents/b2wire").Features; !slices.Contains(list, incidents.Feature{Device: "beixin/gw-1/b17-1-corridor-2", Name: "charger.on", Value: 2.5, Unit: "min"}) {
		t.Errorf("the API has %+v", list)
	}
	if list := get[features](c, "/api/v1/incidents/c3gone").Features; list == nil {
		t.Error("without features the API has null, want an empty list")
	}
}
