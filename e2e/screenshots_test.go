//go:build screenshots

package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"weishao.dev/weishao/e2e/harness"
)

// TestScreenshots makes the pictures of the README from a running demo, when its
// story has happened: `make screenshots`.
func TestScreenshots(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(harness.Root(t), "docs", "images")
	demo := harness.Start(t, nil, filepath.Join(harness.Programs(t), "weishao"), "demo", "--data", dir, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0")
	var file struct{ HTTP, Token string }
	harness.Eventually(t, "demo ready", func() error {
		b, err := os.ReadFile(filepath.Join(dir, "demo.json"))
		if err != nil {
			return fmt.Errorf("%w\n%s", err, demo.Output())
		}
		return json.Unmarshal(b, &file)
	})
	api := harness.API{URL: file.HTTP, Token: file.Token}
	var gas, wire string
	deadline := time.Now().Add(4 * time.Minute) // the story takes 2:40
	for gas == "" || wire == "" {
		if time.Now().After(deadline) {
			t.Fatal("the story did not happen")
		}
		list, err := api.Incidents("")
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range list {
			switch i.Hazard {
			case "gas_leak":
				gas = i.ID
			case "flying_wire":
				wire = i.ID
			}
		}
		time.Sleep(time.Second)
	}
	ctx := browser(t, demo.Output(), file.HTTP)
	shot := func(name, lang, path string, width, height int64, scale float64) {
		base, _ := url.Parse(file.HTTP)
		q := base.JoinPath(path)
		q.RawQuery = "lang=" + lang
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, height, chromedp.EmulateScale(scale)), chromedp.Navigate(q.String()),
			chromedp.WaitVisible("main"), chromedp.Sleep(1500*time.Millisecond)); err != nil { // for charts to be drawn
			t.Fatal(err)
		}
		png, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(out, name+".png"), png, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	shot("warden-zh", "zh", "/", 390, 844, 1.5)
	shot("warden-en", "en", "/", 390, 844, 1.5)
	shot("incident-zh", "zh", "/incidents/"+gas, 390, 844, 1.5)
	shot("incident-en", "en", "/incidents/"+wire, 390, 844, 1.5)
	shot("officer-zh", "zh", "/officer", 1280, 900, 1)
	shot("officer-en", "en", "/officer", 1280, 900, 1)
	shot("device-zh", "zh", "/officer/devices/beixin/gw-17/17-socket-3", 1280, 900, 1)
	shot("sheet-en", "en", "/officer/incidents/"+gas, 1280, 1400, 1)
}

// browser is a signed-in headless Chromium.
func browser(t *testing.T, printed, base string) context.Context {
	t.Helper()
	at := strings.Index(printed, base+"/sign-in?code=")
	if at < 0 {
		t.Fatalf("no link in %s", printed)
	}
	link := strings.Fields(printed[at:])[0]
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(harness.Command(t, "chromium")), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-component-update", true), chromedp.UserDataDir(t.TempDir()))
	alloc, cancel := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(cancel)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	if err := chromedp.Do(ctx, chromedp.Navigate(link), chromedp.Click("#sign-in"), chromedp.WaitVisible("#menu")); err != nil {
		t.Fatal(err)
	}
	return ctx
}
