package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

func TestEveryTextIsInBothLanguages(t *testing.T) {
	for name, table := range map[string]map[string]site.Text{"messages": messages, "vocabulary": vocabulary, "browserMessages": browserMessages} {
		for key, text := range table {
			if strings.TrimSpace(text.Zh) == "" || strings.TrimSpace(text.En) == "" {
				t.Errorf("%s[%q] is not in both languages: %+v", name, key, text)
			}
			if verbs(text.Zh) != verbs(text.En) {
				t.Errorf("%s[%q] takes different values in its languages: %+v", name, key, text)
			}
		}
	}
}

var verb = regexp.MustCompile(`%[a-z]|\{\}`)

func verbs(s string) string { return strings.Join(verb.FindAllString(s, -1), " ") }

func sources(t *testing.T, patterns ...string) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, p := range patterns {
		names, err := filepath.Glob(p)
		if err != nil || len(names) == 0 {
			t.Fatalf("%s: %v, %d files", p, err, len(names))
		}
		for _, n := range names {
			b, err := os.ReadFile(n)
			if err != nil {
				t.Fatal(err)
			}
			out[n] = string(b)
		}
	}
	return out
}

// Templates ask for messages by name also in branches that no sample takes.
func TestEveryNamedTextExists(t *testing.T) {
	asked := regexp.MustCompile(`\bt "([^"]+)"`)
	for file, src := range sources(t, "templates/*.html") {
		for _, m := range asked.FindAllStringSubmatch(src, -1) {
			if _, ok := messages[m[1]]; !ok && !strings.HasSuffix(m[1], ".") {
				t.Errorf("%s: there is no message %q", file, m[1])
			}
		}
	}
	said := regexp.MustCompile(`say\("([^"]+)"`)
	for file, src := range sources(t, "static/*.js") {
		for _, m := range said.FindAllStringSubmatch(src, -1) {
			if _, ok := browserMessages[m[1]]; !ok {
				t.Errorf("%s: there is no browser message %q", file, m[1])
			}
		}
	}
}

func TestTheWholeVocabularyHasWords(t *testing.T) {
	kinds := []incidents.Kind{
		incidents.KindRaised, incidents.KindJoined, incidents.KindPlaceAdded, incidents.KindUpgraded, incidents.KindReraised, incidents.KindCleared,
		incidents.KindRevised, incidents.KindRecovered, incidents.KindDutyGap, incidents.KindNobody, incidents.KindNoChannel, incidents.KindPageQueued,
		incidents.KindPageSent, incidents.KindPageFailed, incidents.KindPageGaveUp, incidents.KindPageCancelled, incidents.KindPageInterrupted,
		incidents.KindAcknowledged, incidents.KindOnSite, incidents.KindResolved, incidents.KindVerified, incidents.KindOutcome,
	}
	words := map[string][]string{
		"hazard": allHazards, "severity": allSeverities, "state": allStates, "outcome": allOutcomes, "place": allPlaces,
		"quality":   {"good", "warmup", "suspect", "volatile", "open", "short", "saturated", "stuck", "no_response", "bad_frame"},
		"bad":       {"nan", "infinity", "out_of_range", "unknown_metric", "time", "undecodable", "too_large", "foreign_topic", "replayed", "unannounced"},
		"placement": site.Placements,
		"role":      {"warden", "officer", "operator"}, "gap": {"pending", "lost"}, "page": {"queued", "sent", "failed", "cancelled", "none"},
	}
	for _, k := range kinds {
		words["kind"] = append(words["kind"], string(k))
	}
	for kind, list := range words {
		for _, w := range list {
			if _, ok := vocabulary[kind+"."+w]; !ok {
				t.Errorf("there is no word for %s %s", kind, w)
			}
		}
	}
	if _, ok := shapes["fault"]; !ok {
		t.Error("no icon to fall back on")
	}
	for _, h := range allHazards {
		if _, ok := shapes[h]; !ok {
			t.Errorf("no icon for %s", h)
		}
	}
}

func TestBrowserCodeStaysSmallAndAtHome(t *testing.T) {
	elsewhere := regexp.MustCompile(`(?:from|import|src|url|fetch)[ (]*["'` + "`" + `](?:https?:)?//`)
	for file, src := range sources(t, "static/*.js", "static/*.css", "templates/*.html") {
		if n := strings.Count(src, "\n"); n > 300 {
			t.Errorf("%s has %d lines; more than 300 is a module too many in one file", file, n)
		}
		if m := elsewhere.FindString(src); m != "" {
			t.Errorf("%s loads from another host: %s", file, m)
		}
	}
	if _, err := os.Stat("static/vendor/uplot/LICENSE"); err != nil {
		t.Errorf("vendored code without its licence: %v", err)
	}
}

func TestAssets(t *testing.T) {
	a, err := loadAssets()
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path, encoding string) *httptest.ResponseRecorder {
		r := httptest.NewRequest("GET", path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		w := httptest.NewRecorder()
		a.serve(w, r)
		return w
	}
	for name, f := range a.files {
		w := ask(a.path(name), "gzip")
		body := w.Body.Bytes()
		if w.Header().Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(w.Body)
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if !bytes.Equal(body, f.plain) || len(body) == 0 {
			t.Errorf("%s comes out different", name)
		}
		if !strings.Contains(w.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %s", name, w.Header().Get("Cache-Control"))
		}
	}
	if w := ask("/static/oldbuild/base.css", ""); w.Code != 200 || w.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("a page of an older build gets %d, %s", w.Code, w.Header().Get("Cache-Control"))
	}
	for _, bad := range []string{"/static/", "/static/x/", "/static/x/../server.go", "/static/x/none.js"} {
		if w := ask(bad, ""); w.Code != 404 {
			t.Errorf("%s: %d, want 404", bad, w.Code)
		}
	}
	// Modules and pages name files that exist.
	names := regexp.MustCompile(`asset "([^"]+)"|from "\./([^"]+)"|new URL\("\./([^"]+)"`)
	for file, src := range sources(t, "static/*.js", "templates/*.html") {
		for _, m := range names.FindAllStringSubmatch(src, -1) {
			if _, ok := a.files[m[1]+m[2]+m[3]]; !ok {
				t.Errorf("%s names %s, which is not there", file, m[0])
			}
		}
	}
}

func TestNumbersReadAsOnAnInstrument(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 0.0123: "0.012", 0.5: "0.5", 9.999: "10", 1.25: "1.25", 13.42: "13.4", 186.4: "186", -0.25: "-0.25", 50000: "50000", 1e-9: "0"} {
		if got := number(v); got != want {
			t.Errorf("number(%g) = %q, want %q", v, got, want)
		}
	}
}

func TestPaperHoldsTheWorstIncident(t *testing.T) {
	v := incidentView{Evidence: make([]evidenceRow, incidents.MaxEvidence), Pages: make([]pageRow, 500), Steps: make([]step, 700)}
	for i := range v.Steps {
		v.Steps[i].Page = i%2 == 0
	}
	v.fitPaper()
	left := func(n int, over func(int) bool) (count int) {
		for i := range n {
			if !over(i) {
				count++
			}
		}
		return count
	}
	got := []int{
		left(len(v.Evidence), func(i int) bool { return v.Evidence[i].Over }),
		left(len(v.Pages), func(i int) bool { return v.Pages[i].Over }),
		left(len(v.Steps), func(i int) bool { return v.Steps[i].Over }),
	}
	if want := []int{paperEvidence, paperPages, paperSteps}; !slices.Equal(got, want) {
		t.Errorf("rows on paper %v, want %v", got, want)
	}
	if v.Beyond.Steps != 350-paperSteps {
		t.Errorf("%d steps are said to be left out, want %d", v.Beyond.Steps, 350-paperSteps)
	}
}
