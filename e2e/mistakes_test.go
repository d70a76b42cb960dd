package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// A mistake in what people write is told with its file, line and column and what to do
// about it, all mistakes of a file at once, and nothing has begun: no folder is made,
// and nothing listens.
func TestAMistakeInAFileStartsNothing(t *testing.T) {
	t.Parallel()
	addr := harness.FreeAddr(t)
	_, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	good := fmt.Sprintf("data: data\nhttp: {addr: %q}\nmqtt: {addr: \"127.0.0.1:0\"}\n", addr)
	gateway := "group: g\nnode: n\nmqtt: {password_file: password}\nmetrics: " + addr + "\n"
	for name, test := range map[string]struct {
		program string
		files   map[string]string
		want    []string
	}{
		"a key of a hub": {"weishao", map[string]string{"config.yaml": strings.Replace(good, "http:", "htpp:", 1)},
			[]string{`config.yaml:2:1: unknown key "htpp", did you mean "http"?`}},
		"two mistakes": {"weishao", map[string]string{"config.yaml": good + "log: {max_age: 5}\nbrooker: {}\n"},
			[]string{`config.yaml:4:16: "5" is not a duration: write a number with its unit, such as 10s, 5m, 24h or 14d`, `config.yaml:5:1: unknown key "brooker", did you mean "broker"?`}},
		"a log that is too short": {"weishao", map[string]string{"config.yaml": good + "log: {max_age: 10m}\n"},
			[]string{"config.yaml:4:16: ", "at least 24h"}},
		"the site": {"weishao", map[string]string{"config.yaml": good + "site: site.yaml\n", "site.yaml": "name: {zh: 北新, en: Beixin}\ndevices:\n  - {id: g/n/d, placment: kitchen_gas}\n"},
			[]string{`site.yaml:3:17: unknown key "placment", did you mean "placement"?`}},
		"a unit in a rule": {"weishao", map[string]string{"config.yaml": good + "rules: [rules.yaml]\n", "rules.yaml": "rules:\n  - name: leak\n    hazard: gas_leak\n    severity: critical\n    when: gas.ch4 > 10 °C\n    message: {zh: 漏, en: Leak}\n"},
			[]string{"rules.yaml:5:", "°C"}},
		"a key of a gateway": {"weishao-gateway", map[string]string{"config.yaml": gateway + "devices:\n  - {id: kitchen, kind: simulated, intervall: 1s, simulate: {gas: {}}}\n"},
			[]string{`config.yaml:6:36: unknown key "intervall", did you mean "interval"?`}},
		"a gateway's interval": {"weishao-gateway", map[string]string{"config.yaml": gateway + "devices:\n  - {id: kitchen, kind: simulated, interval: 1ms, simulate: {gas: {}}}\n"},
			[]string{"config.yaml:6:46: ", "10ms"}},
		"a gateway's name": {"weishao-gateway", map[string]string{"config.yaml": strings.Replace(gateway, "node: n", `node: "*"`, 1) + "devices:\n  - {id: kitchen, kind: simulated, simulate: {gas: {}}}\n"},
			[]string{"config.yaml:2:7: ", "letters, digits"}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			harness.WriteFile(t, dir, "password", "secret\n")
			for file, text := range test.files {
				harness.WriteFile(t, dir, file, text)
			}
			args := []string{"--config", filepath.Join(dir, "config.yaml")}
			if test.program == "weishao" {
				args = append([]string{"hub"}, args...)
			}
			ctx, cancel := context.WithTimeout(t.Context(), harness.Patience) // it may run, after all
			defer cancel()
			out, err := exec.CommandContext(ctx, filepath.Join(harness.Programs(t), test.program), args...).CombinedOutput()
			if code, ok := errors.AsType[*exec.ExitError](err); !ok || code.ExitCode() <= 0 {
				t.Errorf("it ended with %v", err)
			}
			for _, want := range test.want {
				if !strings.Contains(string(out), want) {
					t.Errorf("it said\n%swant %s", out, want)
				}
			}
			for line := range strings.Lines(string(out)) {
				if !strings.HasPrefix(line, dir+"/") {
					t.Errorf("a line does not begin with its file: %s", line)
				}
			}
			left, err := os.ReadDir(dir)
			if err != nil || len(left) != len(test.files)+1 {
				t.Errorf("it left %v, %v", left, err)
			}
		})
	}
	l, err := net.Listen("tcp", "127.0.0.1:"+port) // nothing is left that listens
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
}
