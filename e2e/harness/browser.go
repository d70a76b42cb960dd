package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

// Browser is a real, headless Chromium with a profile of its own.
type Browser struct {
	ctx context.Context
}

// Page is one phone's or one desk's: it shares no cookies with others of its browser.
type Page struct {
	ctx context.Context
}

// NewBrowser starts one. It ends with the test.
func NewBrowser(t testing.TB) *Browser {
	t.Helper()
	opts := []chromedp.ExecAllocatorOption{chromedp.ExecPath(Command(t, "chromium")), chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck}
	for _, off := range []string{"disable-quic", "disable-background-networking", "disable-component-update", "disable-sync"} {
		opts = append(opts, chromedp.Flag(off, true))
	}
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx); err != nil {
		t.Fatalf("starting chromium: %v", err)
	}
	return &Browser{ctx}
}

// Page opens an empty one of this size in CSS pixels.
func (b *Browser) Page(t testing.TB, width, height int64) *Page {
	t.Helper()
	ctx, cancel := chromedp.NewContext(b.ctx, chromedp.WithNewBrowserContext())
	t.Cleanup(cancel)
	p := &Page{ctx}
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height)); err != nil { // no time limit: the first call makes the tab
		t.Fatal(err)
	}
	return p
}

// Do takes steps one after the other.
func (p *Page) Do(t testing.TB, steps ...chromedp.Action[chromedp.Void]) {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		t.Fatal(err)
	}
}

// JS evaluates an expression on the page.
func JS[T any](p *Page, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Shows waits until an expression is true on the page.
func (p *Page) Shows(t testing.TB, expression string) {
	t.Helper()
	Eventually(t, "the page shows "+expression, func() error {
		ok, err := JS[bool](p, "Boolean("+expression+")")
		if err == nil && !ok {
			text, _ := JS[string](p, "document.body.innerText")
			err = fmt.Errorf("not on the page, which says\n%s", text)
		}
		return err
	})
}

// Text is what a person reads in the first element that a selector finds: what is
// hidden is not in it.
func (p *Page) Text(t testing.TB, selector string) string {
	t.Helper()
	text, err := JS[string](p, fmt.Sprintf("document.querySelector(%q)?.innerText ?? ''", selector))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// Serious are what axe-core finds on the page that keeps people from using it.
func (p *Page) Serious(t testing.TB) []string {
	t.Helper()
	script, err := os.ReadFile(Dep(t, "node_modules/axe-core/axe.min.js"))
	if err != nil {
		t.Fatal(err)
	}
	p.Do(t, chromedp.Evaluate[chromedp.Void](string(script)+"\n;undefined"))
	text, err := JS[string](p, `axe.run(document, {resultTypes: ["violations"]}).then((r) => JSON.stringify({
		passed: r.passes.length, violations: r.violations.filter((v) => ["serious", "critical"].includes(v.impact)).map((v) => v.id + ": " + v.help + " " + v.nodes.map((n) => n.html).slice(0, 3).join(" "))}))`)
	if err != nil {
		t.Fatal(err)
	}
	var found struct {
		Passed     int
		Violations []string
	}
	if err := json.Unmarshal([]byte(text), &found); err != nil {
		t.Fatal(err)
	}
	if found.Passed < 10 {
		t.Errorf("axe-core passed %d checks only: it did not look at the page", found.Passed)
	}
	return found.Violations
}

// Sheets is how many sheets of A4 the page is on paper.
func (p *Page) Sheets(t testing.TB) int {
	t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	pdf, err := chromedp.Run(ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPreferCSSPageSize()))
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(pdf), "/Type /Page\n")
}

// SignIn opens a one-time link for a person and taps the button behind it.
func (h *Hub) SignIn(t testing.TB, p *Page, user, role string) {
	t.Helper()
	link := ""
	for word := range strings.FieldsSeq(Run(t, h.bin, "sign-in", "--config", h.Config, "--user", user, "--role", role)) {
		if strings.Contains(word, "/sign-in?code=") {
			link = word
		}
	}
	p.Do(t, chromedp.Navigate(link), chromedp.Click("#sign-in"), chromedp.WaitVisible("#connection"))
}
