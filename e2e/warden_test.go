package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/incidents"
)

// A leak, from the first reading to the officer's sheet, as the people see it: two
// wardens with a phone each, one in Chinese and one in English, and an officer at a
// desk. No page is ever loaded again; the hub is killed and started meanwhile.
func TestWardensAndOfficerInABrowser(t *testing.T) {
	t.Parallel()
	mail := harness.NewMailpit(t)
	people := []string{"wang", "zhao"}
	hub := harness.NewHub(t, siteOf(t, people, grid{"north", "zhao", onDuty("wang")}, grid{"south", "zhao", onDuty("wang")})+mailChannels(mail, people))
	browser := harness.NewBrowser(t)
	wang, zhao := browser.Page(t, 390, 844), browser.Page(t, 390, 844)
	for page, who := range map[*harness.Page][2]string{wang: {"wang", "zh"}, zhao: {"zhao", "en"}} {
		hub.SignIn(t, page, who[0], "warden")
		page.Do(t, chromedp.Navigate(hub.API.URL+"/?lang="+who[1]), chromedp.Evaluate[chromedp.Void]("window.sameLoad = true; undefined"))
		page.Shows(t, connected+` && document.querySelector('#calm[data-open="0"]')`)
	}

	gw := newKitchens(t, hub, map[string]string{"north": leaking, "south": "{}"})
	id := alarm(t, hub, "north")
	card := fmt.Sprintf("#incident-%s", id)
	for page, words := range map[*harness.Page][]string{
		wang: {"北新街17号楼", "301室", "厨房", "燃气泄漏，浓度已到危险值", "特急", "始于", "先做这件事", "不要开关任何电器", "20 %LEL", "确认，我去处理"},
		zhao: {"17 Beixin Street", "Flat 301", "Kitchen", "Gas leak at a dangerous level", "Critical", "since", "Do this first", "Touch no switch", "20 %LEL", "Acknowledge"},
	} {
		page.Shows(t, fmt.Sprintf(`document.querySelector('%s[data-severity=critical] .chart[data-state=drawn]')?.dataset.points > 3`, card))
		text := strings.ToLower(page.Text(t, card))
		for _, w := range words {
			if !strings.Contains(text, strings.ToLower(w)) {
				t.Errorf("the card lacks %q:\n%s", w, text)
			}
		}
		clean(t, page, "the warden's page")
	}

	state := func(page *harness.Page, s incidents.State) {
		t.Helper()
		page.Shows(t, fmt.Sprintf(`document.querySelector('%s[data-state=%s]') && window.sameLoad`, card, s))
	}
	wang.Do(t, chromedp.Click(card+" form[data-act=ack] button"))
	state(wang, incidents.StateAcknowledged)
	state(zhao, incidents.StateAcknowledged)
	if text := zhao.Text(t, card); !strings.Contains(text, "wang") || strings.Contains(text, "Nobody") {
		t.Errorf("the other phone does not say who goes:\n%s", text)
	}

	hub.Crash()
	lost := `document.querySelector('#connection').dataset.state == 'lost' && document.querySelector('#offline').innerText.includes('%s')`
	wang.Shows(t, fmt.Sprintf(lost, "未连接"))
	zhao.Shows(t, fmt.Sprintf(lost, "Not connected"))
	hub.Restart(t)
	for _, page := range []*harness.Page{wang, zhao} {
		page.Shows(t, connected)
	}

	wang.Do(t, chromedp.Click(card+" form[data-act=arrive] button"))
	state(wang, incidents.StateOnSite)
	state(zhao, incidents.StateOnSite)
	wang.Do(t, chromedp.Click(card+" [data-open-resolve]"), chromedp.WaitVisible("#resolve-dialog"),
		chromedp.Click("#resolve-dialog label:has(input[value=real])"), chromedp.SendKeys("#resolve-dialog textarea", "软管脱落，已关阀"),
		chromedp.Click("#resolve-dialog button.primary"))
	for _, page := range []*harness.Page{wang, zhao} {
		page.Shows(t, fmt.Sprintf(`document.querySelector('#calm[data-open="0"] .closed a[href="/incidents/%s"]') && !document.querySelector('%s') && window.sameLoad`, id, card))
	}
	if i := incidentOf(t, hub, id); i.Outcome != incidents.OutcomeReal || i.Note != "软管脱落，已关阀" || i.ResolvedBy != "wang" || i.ArrivedBy != "wang" {
		t.Errorf("resolved as %q with %q by %q, on site %q", i.Outcome, i.Note, i.ResolvedBy, i.ArrivedBy)
	}
	officer(t, hub, browser, gw, id)
}

// connected: the page says that it is, and that nothing is wrong.
const connected = `document.querySelector('#connection').dataset.state == 'connected' && document.querySelector('#offline').hidden`

// officer looks at what is left of it.
func officer(t *testing.T, hub *harness.Hub, browser *harness.Browser, gw *harness.Gateway, id string) {
	desk := browser.Page(t, 1280, 900)
	hub.SignIn(t, desk, "sun", "officer")
	desk.Do(t, chromedp.Navigate(hub.API.URL+"/officer?lang=en"), chromedp.Evaluate[chromedp.Void]("window.sameLoad = true; undefined"))
	place := func(name, state string, count int) string { // in the list, and counted
		return fmt.Sprintf(`document.querySelector('#buildings [data-place="%[1]s-kitchen"]').dataset.placeState == '%[2]s' &&
			document.querySelector('#counts [data-place-state=%[2]s] b').innerText == '%[3]d' && window.sameLoad`, name, state, count)
	}
	desk.Shows(t, place("north", "hazard", 1)+" && "+place("south", "normal", 2)) // the gateway's own board is one too; gas is still there, whatever people have written
	clean(t, desk, "the officer's page")

	desk.Do(t, chromedp.Navigate(hub.API.URL+"/officer/devices/g/n/north"))
	desk.Shows(t, `(() => { const c = document.querySelector('.chart[data-metric="gas.ch4"]'); return c.dataset.state == 'drawn' && c.dataset.points > 0 && c.querySelector('canvas') && c.dataset.lines.includes('20'); })()`)
	clean(t, desk, "the device's page")

	desk.Do(t, chromedp.Navigate(hub.API.URL+"/officer/incidents/"+id))
	desk.Shows(t, `document.querySelector('#report .chart[data-state=drawn][data-over="gas.leak_likelihood"]')`)
	desk.Shows(t, `document.querySelector('#why .features dd')?.innerText.includes('%LEL') && document.querySelector('#why .rule').innerText.startsWith('when: gas.ch4')`)
	for _, kind := range []incidents.Kind{incidents.KindRaised, incidents.KindPageQueued, incidents.KindPageSent, incidents.KindAcknowledged, incidents.KindOnSite, incidents.KindResolved} {
		desk.Shows(t, fmt.Sprintf(`document.querySelector('#timeline [data-kind=%[1]s], #pages [data-kind=%[1]s]')`, kind))
	}
	desk.Shows(t, `document.querySelectorAll('#evidence tbody tr').length > 0 && document.querySelector('#report').innerText.includes('软管脱落')`)
	clean(t, desk, "the incident's page")
	if n := desk.Sheets(t); n != 1 {
		t.Errorf("the incident's history takes %d sheets of paper, want one", n)
	}
	desk.Do(t, chromedp.SendKeys("form[data-act=verify] textarea", "checked"), chromedp.Click("form[data-act=verify] button"))
	desk.Shows(t, `document.querySelector('#report[data-state=verified]')`)

	desk.Do(t, chromedp.Navigate(hub.API.URL+"/officer"), chromedp.Evaluate[chromedp.Void]("window.sameLoad = true; undefined"))
	gw.Crash()                                                                          // its certificate of death comes at once
	desk.Shows(t, place("north", "hazard", 1)+" && "+place("south", "unsupervised", 2)) // the gateway's own besides; what is not known clears nothing
}

// clean checks that a page keeps nobody from using it.
func clean(t *testing.T, p *harness.Page, what string) {
	t.Helper()
	for _, v := range p.Serious(t) {
		t.Errorf("%s: %s", what, v)
	}
}
