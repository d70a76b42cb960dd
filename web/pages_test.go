package web_test

import (
	"net/http"
	"regexp"
	"strings"
	"testing"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/web"
	"weishao.dev/weishao/web/webtest"
)

// every page that a signed-in operator can open.
var everyPage = []string{
	"/", "/incidents/a1gas", "/incidents/b2wire", "/incidents/c3gone", "/incidents/d4smoke",
	"/officer", "/officer?state=unsupervised", "/officer?building=b18", "/officer?q=stair", "/officer?q=nothing",
	"/officer/incidents", "/officer/incidents?state=resolved&hazard=smoke&from=2020-01-01&to=2020-01-02",
	"/officer/incidents/a1gas", "/officer/incidents/c3gone", "/officer/incidents/d4smoke",
	"/officer/devices/beixin/gw-1/b17-2-301-kitchen", "/officer/devices/beixin/gw-1/b18-1-501-kitchen?range=7d",
	"/officer/devices/beixin/gw-1/b17-meter?from=2026-01-01T00:00&to=2026-01-02T00:00",
	"/officer/devices/beixin/gw-1/new-7", "/sign-in", "/sign-in?code=abc",
}

func TestEveryPageInBothLanguages(t *testing.T) {
	for name, fill := range map[string]func(*webtest.World){"sampled": (*webtest.World).Sample, "quiet": func(*webtest.World) {}} {
		w := webtest.New()
		fill(w)
		s := serve(t, w)
		for _, target := range everyPage {
			for lang, attribute := range map[string]string{"zh": `<html lang="zh-CN"`, "en": `<html lang="en"`} {
				resp := as(t, s, webtest.OperatorToken).with("Cookie", "weishao_lang="+lang).do("GET", target, "")
				if name == "quiet" && resp.StatusCode == 404 && strings.Contains(target, "incidents/") {
					continue
				}
				body := readAll(resp)
				if resp.StatusCode != 200 || !strings.Contains(body, attribute) || !strings.Contains(body, "</html>") {
					t.Fatalf("%s in %s (%s): %d\n%.400s", target, lang, name, resp.StatusCode, body)
				}
				checkMarkup(t, target+" in "+lang, body)
				if lang == "en" {
					checkEnglish(t, target, body)
				}
			}
		}
	}
}

var (
	inline   = regexp.MustCompile(`<style|<script[^>]*>[^<]|\sstyle="|\son[a-z]+="|javascript:`)
	external = regexp.MustCompile(`(?:src|href|action)="(?:https?:)?//`)
	unsafe   = regexp.MustCompile(`ZgotmplZ|<no value>|%!`)
	ids      = regexp.MustCompile(`\sid="([^"]*)"`)
	unnamed  = regexp.MustCompile(`<button[^>]*>\s*</button>`)
)

// checkMarkup holds what the policy and screen readers need.
func checkMarkup(t *testing.T, where, body string) {
	t.Helper()
	for what, re := range map[string]*regexp.Regexp{"inline code": inline, "another host": external, "a template's mistake": unsafe, "a nameless button": unnamed} {
		if m := re.FindString(body); m != "" {
			t.Errorf("%s: %s: %q", where, what, m)
		}
	}
	seen := make(map[string]bool)
	for _, m := range ids.FindAllStringSubmatch(body, -1) {
		if seen[m[1]] {
			t.Errorf("%s: the ID %q is there twice", where, m[1])
		}
		seen[m[1]] = true
	}
	if !seen["main"] || strings.Count(body, "<h1") != 1 {
		t.Errorf("%s: no #main, or not one h1", where)
	}
}

var han = regexp.MustCompile(`\p{Han}+`)

// checkEnglish finds texts that were not translated. The switch to Chinese and
// a person's own note stay as they are.
func checkEnglish(t *testing.T, where, body string) {
	t.Helper()
	for _, word := range han.FindAllString(body, -1) {
		if word != "中文" && !strings.Contains("二楼住户在楼道里烧纸，已劝止。", word) {
			t.Errorf("%s: %q on an English page", where, word)
		}
	}
}

func TestWardensPage(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.WardenToken)
	body := c.want(200, "GET", "/", "")
	order := []string{"incident-a1gas", "incident-b2wire", "incident-c3gone"} // urgent before the rest, then waiting first
	last := -1
	for _, id := range order {
		at := strings.Index(body, `id="`+id+`"`)
		if at < last {
			t.Errorf("%s is not where it belongs", id)
		}
		last = at
	}
	for _, want := range []string{
		"燃气泄漏", "不要开关任何电器", "北新街17号楼", "2单元", "301室", "厨房", `data-loud="true"`, `data-metric="gas.ch4"`, "13.4 %LEL", "92%",
		`action="/incidents/a1gas/ack"`, `action="/incidents/b2wire/arrive"`, `data-open-resolve="b2wire"`, "李红梅", "ntfy", "无人值班", `id="connection"`, `id="offline"`, `id="sound-allow"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the warden's page lacks %q", want)
		}
	}
	if strings.Contains(body, `href="/officer"`) {
		t.Error("a warden is shown the way to a page that is not theirs")
	}
	officer := as(t, s, webtest.OfficerToken).want(200, "GET", "/", "")
	if strings.Contains(officer, `action="/incidents/a1gas/ack"`) {
		t.Error("an officer is offered an action that is not theirs")
	}
}

func TestQuietPage(t *testing.T) {
	w := webtest.New()
	s := serve(t, w)
	c := as(t, s, webtest.WardenToken)
	body := c.want(200, "GET", "/", "")
	for _, want := range []string{"一切正常", "看护 18 处", "王建国", "138-0000-0001", `data-open="0"`} {
		if !strings.Contains(body, want) {
			t.Errorf("the quiet page lacks %q", want)
		}
	}
	w.SetPlace("b17-meter", web.Unsupervised, "silent")
	body = c.want(200, "GET", "/", "")
	if strings.Contains(body, "一切正常") || !strings.Contains(body, "1 处失去监测") {
		t.Error("the page says that all is normal though a place is not watched")
	}
}

func TestFormsWorkWithoutScripts(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, webtest.WardenToken).with("Content-Type", "application/x-www-form-urlencoded")
	for _, step := range []struct{ path, body, then string }{
		{"ack", "key=k1", `action="/incidents/a1gas/arrive"`},
		{"arrive", "key=k2", `action="/incidents/a1gas/resolve"`},
		{"resolve", "key=k3&outcome=real&note=ok", "真实险情"},
	} {
		resp := c.do("POST", "/incidents/a1gas/"+step.path, step.body)
		if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
			t.Fatalf("%s: %d to %s", step.path, resp.StatusCode, resp.Header.Get("Location"))
		}
		if body := c.want(200, "GET", "/incidents/a1gas", ""); !strings.Contains(body, step.then) {
			t.Errorf("after %s the page lacks %q", step.path, step.then)
		}
	}
	c.want(400, "POST", "/incidents/b2wire/resolve", "outcome=nothing")
	c.want(404, "POST", "/incidents/b2wire/close", "")
	c.want(409, "POST", "/incidents/a1gas/ack", "")
}

func TestWhatPeopleWriteIsNotMarkup(t *testing.T) {
	w, s := sampled(t)
	evil := `<img src=x onerror=alert(1)>"'`
	w.Raise(incidents.Incident{ID: "evil", Hazard: "co", Severity: "major", Rule: evil, Places: []string{evil}, Reason: evil, Node: "", Onset: incidents.Time(w.Start)})
	as(t, s, webtest.WardenToken).want(200, "POST", "/api/v1/incidents/evil/resolve", `{"outcome":"test","note":"`+strings.ReplaceAll(evil, `"`, `\"`)+`"}`)
	c := as(t, s, webtest.OperatorToken)
	for _, target := range []string{"/", "/incidents/evil", "/officer/incidents/evil", "/officer?q=%3Cimg%20src%3Dx%3E", "/sign-in?code=%3Cimg%20src%3Dx%3E%22"} {
		if body := c.want(200, "GET", target, ""); strings.Contains(body, "<img") {
			t.Errorf("%s: what was written became markup", target)
		}
	}
}

func TestLanguageIsChosen(t *testing.T) {
	_, s := sampled(t)
	for _, test := range []struct{ accept, cookie, query, want string }{
		{"", "", "", "zh-CN"},
		{"en-US,en;q=0.9,zh;q=0.8", "", "", "en"},
		{"zh-CN,zh;q=0.9,en;q=0.8", "", "", "zh-CN"},
		{"de,en;q=0.3,zh;q=0.2", "", "", "en"},
		{"de", "", "", "zh-CN"},
		{"en;q=nonsense", "", "", "en"},
		{"en", "weishao_lang=zh", "", "zh-CN"},
		{"zh", "weishao_lang=zh", "?lang=en", "en"},
		{"zh", "weishao_lang=nonsense", "?lang=fr", "zh-CN"},
	} {
		c := as(t, s, webtest.WardenToken).with("Accept-Language", test.accept)
		if test.cookie != "" {
			c = c.with("Cookie", test.cookie)
		}
		resp := c.do("GET", "/"+test.query, "")
		if body := readAll(resp); !strings.Contains(body, `<html lang="`+test.want+`"`) {
			t.Errorf("%+v: got %.60q", test, body)
		}
		if (len(resp.Cookies()) == 1) != (test.query == "?lang=en") {
			t.Errorf("%+v: cookies %v", test, resp.Cookies())
		}
	}
}
