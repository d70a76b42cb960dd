package edge

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/devices/actuator/mqttwire"
	"weishao.dev/weishao/devices/replay"
	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/gateway/outbox"
)

// call runs the program to its end.
func call(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = Main(t.Context(), args, &out, &errs)
	return code, out.String(), errs.String()
}

func write(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestCalledWrongly(t *testing.T) {
	for _, c := range []struct {
		want string
		code int
		args []string
	}{
		{"--config is needed, see --help", 2, nil},
		{"flag provided but not defined: -conf", 2, []string{"--conf", "x"}},
		{`"more" is not expected, see --help`, 2, []string{"--config", "x", "more"}},
		{`"prob" is not expected, did you mean "probe"?, see --help`, 2, []string{"prob"}},
		{"open nowhere.yaml: no such file", 1, []string{"--config", "nowhere.yaml"}},
		{"testdata/bad/kind.yaml:3:25: unknown kind", 1, []string{"--config", "testdata/bad/kind.yaml"}},
	} {
		if code, out, errs := call(t, c.args...); code != c.code || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: exit code %d, printed %q and %q, want %d and %q", c.args, code, out, errs, c.code, c.want)
		}
	}
	if code, out, _ := call(t, "--version"); code != 0 || strings.TrimSpace(out) != Version {
		t.Errorf("--version: exit code %d, %q", code, out)
	}
}

// What the help shows as the smallest file works.
func TestHelpTeaches(t *testing.T) {
	code, out, _ := call(t, "--help")
	_, rest, ok := strings.Cut(out, "The smallest is\n\n")
	example, _, ok2 := strings.Cut(rest, "\n\n")
	if code != 0 || !ok || !ok2 {
		t.Fatalf("exit code %d, no example in\n%s", code, out)
	}
	dir := t.TempDir()
	write(t, dir, "password", "secret\n")
	file := write(t, dir, "gateway.yaml", strings.ReplaceAll("\n"+example, "\n    ", "\n"))
	if code, out, errs := call(t, "--check", "--config", file); code != 0 || !strings.Contains(out, "beixin/gw-17, 2 devices; no mistakes found") {
		t.Errorf("the smallest file: exit code %d\n%s%s", code, out, errs)
	}
}

// A secret that everybody on the machine may read is told of, with what to do.
func TestCheckTellsOfLooseSecrets(t *testing.T) {
	dir := t.TempDir()
	secret := write(t, dir, "password", "secret\n")
	if err := os.Chmod(secret, 0o644); err != nil {
		t.Fatal(err)
	}
	file := write(t, dir, "gateway.yaml", "group: beixin\nnode: gw-17\nmqtt: {password_file: password}\ndevices: []\n")
	if code, out, errs := call(t, "--check", "--config", file); code != 0 || !strings.Contains(out, "chmod 600 "+secret) {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
}

// Each file of testdata/bad has the mistake it is named after.
func TestMistakes(t *testing.T) {
	want := map[string]string{
		"replay-no-file":   `3:11: file is missing: name the recording that "a" plays`,
		"replay-missing":   "3:39: file: readings: open testdata/bad/nowhere.csv",
		"replay-device":    `3:65: there is no device "k30" in ../recording.csv (it has k301, k302), did you mean "k301"?`,
		"replay-key":       `3:33: unknown key "fil", did you mean "file"?`,
		"simulate-nothing": "nothing to simulate",
		"common-key":       `3:36: unknown key "intervall", did you mean "interval"?`,
		"simulate-key":     `3:53: unknown key "lek", did you mean "leak"?`,
		"kind":             `3:25: unknown kind "no-such-kind" (one of `,
		"rules-missing":    "3:9: rules: lstat testdata/bad/nowhere",
		"rules-empty":      "3:9: rules: no *.yaml file in testdata/empty",
		"rules-wrong":      "testdata/wrong-rules.yaml:5:", // %LEL and ppm: the catalogue knows no way
		"two-devices":      `3:37: nothing to simulate`,
		"two-mistakes":     `4:25: unknown kind "simulatd"`,
	}
	entries, err := os.ReadDir("testdata/bad")
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != len(want) {
		t.Errorf("%d files, %d expectations", len(entries), len(want))
	}
	place := regexp.MustCompile(`(?m)\A(testdata/\S+\.yaml:\d+:\d+: .+\n)+\z`)
	for _, e := range entries {
		path := filepath.Join("testdata/bad", e.Name())
		code, _, errs := call(t, "--check", "--config", path)
		if text := want[strings.TrimSuffix(e.Name(), ".yaml")]; code != 1 || !strings.Contains(errs, text) || !place.MatchString(errs) {
			t.Errorf("%s: exit code %d, printed\n%swant 1 and %s", e.Name(), code, errs, text)
		}
	}
}

// docs/gateway.yaml works as it stands and has every key there is.
func TestEveryKeyIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/gateway.yaml")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write(t, dir, "password", "secret\n")
	recording, err := os.ReadFile("testdata/recording.csv")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "recording.csv", string(recording))
	if code, out, errs := call(t, "--check", "--config", write(t, dir, "gateway.yaml", string(text))); code != 0 || !strings.Contains(out, "no mistakes found") {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	for _, v := range []any{gateway.Config{}, gateway.Device{}, simulated.Own{}, replay.Own{},
		actuator.Config{}, actuator.OutputPin{}, actuator.InputPin{}, actuator.Coil{}, mqttwire.Output{}, mqttwire.Input{}} {
		for _, key := range keys(reflect.TypeOf(v)) {
			if !regexp.MustCompile(`(?m)(^[ #-]*|[{,] ?)` + key + `:`).Match(text) {
				t.Errorf("docs/gateway.yaml does not show the key %q", key)
			}
		}
	}
}

// keys are the YAML keys of a configuration's struct and of those within it.
func keys(t reflect.Type) (list []string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || t.PkgPath() == "go.yaml.in/yaml/v3" {
		return nil
	}
	for field := range t.Fields() {
		switch key := field.Tag.Get("yaml"); key {
		case "", "-":
		case ",inline":
			list = append(list, keys(field.Type)...)
		default:
			list = append(append(list, key), keys(field.Type)...)
		}
	}
	return list
}

// lines is a log that can be waited on.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
	more chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	select {
	case l.more <- struct{}{}:
	default:
	}
	return l.text.Write(b)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

// find waits for a line that matches and returns its first group.
func (l *lines) find(t *testing.T, pattern string) string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	limit := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		m := re.FindStringSubmatch(l.text.String())
		l.mu.Unlock()
		if m != nil {
			return m[1]
		}
		select {
		case <-l.more:
		case <-limit:
			t.Fatalf("no %s in the log:\n%s", pattern, &l.text)
		}
	}
}

// With no broker at all the gateway samples, serves its metrics, and ends when asked
// to, with what it sampled on disk.
func TestRunsAndStops(t *testing.T) {
	dir := t.TempDir()
	recording, err := os.ReadFile("testdata/recording.csv")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "recording.csv", string(recording))
	file := write(t, dir, "gateway.yaml", `
group: g
node: n
mqtt: {url: "tcp://127.0.0.1:1"} # nobody listens
metrics: 127.0.0.1:0
outbox: {commit_interval: 20ms}
devices:
  - {id: kitchen, kind: simulated, interval: 10ms, simulate: {gas: {}}}
  - {id: k301, kind: replay, file: recording.csv}
  - {id: other, kind: replay, file: recording.csv, device: k302, placement: kitchen_gas}
`)
	ctx, cancel := context.WithCancel(t.Context())
	log := &lines{more: make(chan struct{}, 1)}
	done := make(chan int, 1)
	go func() { done <- Main(ctx, []string{"--config", file}, io.Discard, log) }()

	addr := log.find(t, `metrics are served" addr=(\S+)`)
	committed := regexp.MustCompile(`(?m)^weishao_gateway_outbox_pending_readings ([2-9]\d|\d{3})`)
	for limit := time.Now().Add(20 * time.Second); ; {
		body := get(t, "http://"+addr+"/metrics")
		if committed.MatchString(body) {
			break
		}
		if time.Now().After(limit) {
			t.Fatalf("nothing is in the outbox:\n%s", body)
		}
		<-time.After(5 * time.Millisecond)
	}
	if code, _, errs := call(t, "--config", file); code != 1 || !strings.Contains(errs, outbox.ErrLocked.Error()) {
		t.Errorf("a second gateway on the same outbox: exit code %d, %s", code, errs)
	}
	cancel()
	if code := <-done; code != 0 {
		t.Errorf("exit code %d\n%s", code, &log.text)
	}
	perDevice := map[string]int{}
	for s, err := range outbox.Scan(filepath.Join(dir, "outbox")) {
		if err != nil {
			t.Fatal(err)
		}
		perDevice[s.Device]++
	}
	if perDevice["kitchen"] < 6 || perDevice["k301"] != 2 || perDevice["other"] != 2 {
		t.Errorf("in the outbox: %v", perDevice)
	}
}

func get(t *testing.T, url string) string {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v", url, resp.Status, err)
	}
	return string(b)
}
