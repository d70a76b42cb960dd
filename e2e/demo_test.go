package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/app/neighbourhood"
	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/internal/sim"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/readings"
)

// demo is a `weishao demo` process.
type demo struct {
	*harness.Process
	dir  string
	file struct {
		HTTP    string              `json:"http"`
		MQTT    string              `json:"mqtt"`
		Token   string              `json:"token"`
		Gateway harness.Credentials `json:"gateway"`
	}
	api harness.API
}

// startDemo runs the demo on a folder, on free ports, until it is ready.
func startDemo(t *testing.T, dir string, args ...string) *demo {
	t.Helper()
	args = append([]string{"demo", "--data", dir, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0"}, args...)
	d := &demo{dir: dir, Process: harness.Start(t, nil, filepath.Join(harness.Programs(t), "weishao"), args...)}
	before, _ := os.Stat(filepath.Join(dir, "demo.json")) // of the run before, until this one removes it
	harness.Eventually(t, "demo.json", func() error {
		if d.Ended() {
			t.Fatalf("the demo ended:\n%s", d.Output())
		}
		path := filepath.Join(dir, "demo.json")
		info, err := os.Stat(path)
		if err != nil {
			return err
		}
		if before != nil && os.SameFile(before, info) {
			return fmt.Errorf("%s is of the run before", path)
		}
		if info.Mode() != 0o600 {
			t.Fatalf("demo.json is %v, want -rw-------", info.Mode())
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return json.Unmarshal(b, &d.file)
	})
	d.api = harness.API{URL: d.file.HTTP, Token: d.file.Token}
	return d
}

// raised waits for an incident of a hazard at a device.
func (d *demo) raised(t *testing.T, hazard, device string) (found harness.Incident) {
	t.Helper()
	harness.Eventually(t, hazard+" at "+device, func() error {
		list, err := d.api.Incidents(hazard)
		if err != nil {
			return err
		}
		for _, i := range list {
			if slices.Contains(i.Devices, device) {
				found = i
				return nil
			}
		}
		return fmt.Errorf("%d incidents, none there", len(list))
	})
	return found
}

// signs follows the printed link as a browser does, and says how the pages answer.
func (d *demo) signs(t *testing.T) (page string, ok bool) {
	t.Helper()
	link := regexp.MustCompile(`http://\S+/sign-in\?code=\S+`).FindString(d.Output())
	u, err := url.Parse(link)
	if err != nil || link == "" {
		t.Fatalf("no link in\n%s", d.Output())
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Jar: jar, Timeout: 20 * time.Second}
	resp, err := client.PostForm(d.file.HTTP+"/sign-in", url.Values{"code": {u.Query().Get("code")}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	officer, err := client.Get(d.file.HTTP + "/officer")
	if err != nil {
		t.Fatal(err)
	}
	officer.Body.Close()
	return resp.Request.URL.Path, resp.StatusCode == http.StatusOK && officer.StatusCode == http.StatusOK
}

// In its first three minutes, here at ten times their pace, the demo shows what it
// promises and nothing else. A second run finds what the first one left.
func TestDemoTellsItsStory(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := startDemo(t, dir, "--speed", "10")
	if _, ok := d.signs(t); !ok {
		t.Error("the printed link does not sign in, or not to the officer's page")
	}
	if _, ok := d.signs(t); ok {
		t.Error("the printed link signs in twice")
	}
	gas := d.raised(t, "gas_leak", neighbourhood.LeakDevice)
	harness.Eventually(t, "the gateway that was cut off is missed, and back", func() error {
		list, err := d.api.Incidents("unsupervised")
		if err != nil || len(list) != 1 {
			return fmt.Errorf("%d incidents, %w", len(list), err)
		}
		if i := list[0]; i.Node != neighbourhood.CutGateway || len(i.Places) < 10 || i.State != "resolved" {
			return fmt.Errorf("%s with %d places is %s", i.Node, len(i.Places), i.State)
		}
		return nil
	})
	wire := d.raised(t, "flying_wire", neighbourhood.ChargeDevice)
	harness.Eventually(t, "the story's end", func() error {
		if out := d.Output(); !strings.Contains(out, "the flying wire was recognised, the gas leak was raised, the cooking burst disturbed nobody, the gateway was missed and is back") {
			return fmt.Errorf("not told yet")
		}
		return nil
	})
	if all, err := d.api.Incidents(""); err != nil || len(all) != 3 {
		t.Errorf("%d incidents, want the leak, the wire and the gateway (%v): %+v", len(all), err, all)
	}
	if !strings.Contains(d.Output(), "☎ page to ") {
		t.Error("nobody was paged on the terminal")
	}
	var series struct{ Points [][]float64 }
	if err := d.api.Get("/api/v1/series?device="+neighbourhood.LeakDevice+"&metric=gas.ch4", &series); err != nil || len(series.Points) == 0 {
		t.Errorf("%d points of the leak on the chart, %v", len(series.Points), err)
	}
	token := d.file.Token
	d.Stop(t)

	d = startDemo(t, dir)
	var devices struct{ Items []struct{ ID string } }
	if err := d.api.Get("/api/v1/devices?limit=500", &devices); err != nil || len(devices.Items) != 61 {
		t.Errorf("%d devices in the second run, want 61 (%v)", len(devices.Items), err)
	}
	for _, i := range []harness.Incident{gas, wire} {
		if again := d.raised(t, i.Hazard, i.Devices[0]); again.ID != i.ID {
			t.Errorf("the %s is %s, was %s", i.Hazard, again.ID, i.ID)
		}
	}
	if err := (harness.API{URL: d.file.HTTP, Token: token}).Get("/api/v1/devices", nil); err == nil {
		t.Error("the token of the first run is still good")
	}
	peer := harness.NewPeer(t, d.file.Gateway, d.file.MQTT, true)
	peer.Connect(t)
	d.Stop(t)
}

// A recording plays through drivers, gateway and hub, placed by what it measures or
// as its user says.
func TestDemoPlaysARecording(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	start := time.Date(2025, 3, 1, 0, 0, 0, 0, time.UTC)
	blaze := sim.Fire{Alpha: 0.0117, Ignite: time.Minute}
	fire := recorded(t, filepath.Join(dir, "fire.csv.gz"), "room-a", start, 2*time.Second, 6*time.Minute,
		simulated.Smoke(1, func(m simulated.Moment) float64 { return min(blaze.Smoke(m.Since), 19) }),
		simulated.Temperature(2, func(m simulated.Moment) float64 { return min(20+blaze.Rise(m.Since), 1000) }))
	charge := recorded(t, filepath.Join(dir, "charging.csv"), "house/meter/socket-1", start, 5*time.Second, 30*time.Minute,
		simulated.Meter(3, simulated.Charging(sim.LeadAcid(180, 0.9, 0.58), time.Minute, 0))[0])

	d := startDemo(t, filepath.Join(dir, "data"), "--replay", fire, "--speed", "20")
	d.raised(t, "fire", "demo/replay/room-a")
	d.Stop(t)

	d = startDemo(t, filepath.Join(dir, "data"), "--replay", charge, "--speed", "60", "--placement", "stair_light")
	i := d.raised(t, "flying_wire", "demo/replay/socket-1")
	if i.Rule != "flying-wire" {
		t.Errorf("the rule is %s", i.Rule)
	}
	dev, err := d.api.Device("demo/replay/socket-1")
	if err != nil || dev.Placement != "stair_light" {
		t.Errorf("placement %q, want stair_light (%v)", dev.Placement, err)
	}
	onset, err := time.Parse(time.RFC3339, i.Onset)
	if err != nil || time.Since(onset) > time.Hour || time.Until(onset) > time.Hour {
		t.Errorf("onset %s, want it rebased to now (%v)", i.Onset, err)
	}
	d.Stop(t)
}

// recorded writes what channels of a device measure.
func recorded(t *testing.T, path, device string, start time.Time, every, length time.Duration, channels ...simulated.Channel) string {
	t.Helper()
	w, err := readings.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	for since := time.Duration(0); since < length; since += every {
		m := simulated.Moment{Since: since, Now: start.Add(since)}
		for _, c := range channels {
			v, q := c.Read(m)
			r := telemetry.Reading{Device: device, Point: telemetry.Point{Metric: c.Metric, Time: m.Now.UnixMilli(), Value: v, Quality: q}}
			if err := w.Write(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return path
}

// What is in the way is named, with the flag that gets round it, and a demo that
// runs keeps its files.
func TestDemoSaysWhatIsInTheWay(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	d := startDemo(t, dir)
	other := filepath.Join(t.TempDir(), "data")
	for _, tt := range []struct{ want, data, http, mqtt string }{
		{"--http", other, strings.TrimPrefix(d.file.HTTP, "http://"), "127.0.0.1:0"},
		{"--mqtt", other, "127.0.0.1:0", strings.TrimPrefix(d.file.MQTT, "tcp://")},
		{"a demo is running on this folder", dir, "127.0.0.1:0", "127.0.0.1:0"},
	} {
		out, code := try(t, "demo", "--data", tt.data, "--http", tt.http, "--mqtt", tt.mqtt)
		if code != 1 || !strings.Contains(out, tt.want) {
			t.Errorf("exit code %d and %q, want 1 and %q", code, out, tt.want)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "demo.json")); err != nil {
		t.Errorf("the running demo has lost its file: %v", err)
	}
	for _, tt := range [][]string{
		{"--speed", "0"}, {"--speed", "fast"}, {"--placement", "corridor_socket"}, {"stray"},
	} {
		if out, code := try(t, append([]string{"demo", "--data", other}, tt...)...); code != 2 {
			t.Errorf("%v: exit code %d and %q, want 2", tt, code, out)
		}
	}
	for _, tt := range []struct{ flag, want string }{
		{"--replay", "nothing.csv"}, {"--site", "nothing.csv"}, {"--rules", "nothing.csv"},
	} {
		if out, code := try(t, "demo", "--data", other, "--http", "127.0.0.1:0", "--mqtt", "127.0.0.1:0", tt.flag, "nothing.csv"); code != 1 || !strings.Contains(out, tt.want) {
			t.Errorf("%s: exit code %d and %q, want 1 and the file's name", tt.flag, code, out)
		}
	}
}

// try runs weishao to its end and answers all that it printed, and its exit code.
func try(t *testing.T, args ...string) (string, int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.Patience)
	defer cancel()
	out, err := exec.CommandContext(ctx, filepath.Join(harness.Programs(t), "weishao"), args...).CombinedOutput()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return string(out), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(out), 0
}
