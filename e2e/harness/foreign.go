package harness

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Foreign is a Sparkplug node that is not ours: Eclipse Tahu's client, run by node.
// What it does is in e2e/testdata/foreign.js.
type Foreign struct {
	*Process
	in *os.File
}

// Measured is a metric as the foreign node reports it.
type Measured struct {
	Name  string `json:"name"`
	Type  string `json:"type"`
	Value any    `json:"value"`
}

// Double is a metric with a number.
func Double(name string, v float64) Measured { return Measured{name, "Double", v} }

// NewForeign starts one that connects to broker, host:port.
func NewForeign(t testing.TB, c Credentials, broker string) *Foreign {
	t.Helper()
	modules := filepath.Dir(Dep(t, "node_modules/sparkplug-client"))
	config, err := json.Marshal(map[string]any{
		"serverUrl": "tcp://" + broker, "username": c.Username, "password": c.Password,
		"groupId": c.Group, "edgeNode": c.Node, "clientId": c.Username,
	})
	if err != nil {
		t.Fatal(err)
	}
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	t.Cleanup(func() { w.Close() })
	script := filepath.Join(Root(t), "e2e", "testdata", "foreign.js")
	return &Foreign{start(t, r, []string{"NODE_PATH=" + modules}, Command(t, "node"), script, string(config)), w}
}

// Do gives a command of foreign.js: "set", "blurt", "skip", "kill" or "stop".
func (f *Foreign) Do(t testing.TB, what, device string, metrics ...Measured) {
	t.Helper()
	line, err := json.Marshal(map[string]any{"do": what, "device": device, "metrics": metrics})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.in.Write(append(line, '\n')); err != nil {
		t.Fatal(err)
	}
}

// Told is how often it has told something by now.
func (f *Foreign) Told(what string) (n int) {
	for line := range strings.Lines(f.Output()) {
		if strings.TrimSpace(line) == what {
			n++
		}
	}
	return n
}
