package edge

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const (
	printed = `{
  "group": "beixin",
  "node": "gw-17",
  "username": "beixin/gw-17",
  "password": "0123456789abcdef0123456789abcdef",
  "mqtt": "ssl://hub.example.org:8883",
  "ca": "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n"
}
`
	pasted = `{"group":"beixin","node":"gw-17","password":"fedcba9876543210fedcba9876543210","mqtt":"tcp://10.0.0.5:1883"}`
)

// enrolling runs the command with a pasted text.
func enrolling(t *testing.T, text, config string, more ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = enrol(append([]string{"--config", config, "--from", "-"}, more...), strings.NewReader(text), &out, &errs)
	return code, out.String(), errs.String()
}

func has(t *testing.T, dir, name, want string, mode os.FileMode) {
	t.Helper()
	path := filepath.Join(dir, name)
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(data) != want || info.Mode().Perm() != mode {
		t.Errorf("%s: mode %o\n%s\nwant mode %o\n%s", name, info.Mode().Perm(), data, mode, want)
	}
}

// From nothing to a configuration that works, and again with a new password.
func TestEnrolAnew(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "weishao")
	config := filepath.Join(dir, "gateway.yaml")
	code, out, errs := enrolling(t, pasted+"\nand whatever follows", config)
	if code != 0 || !strings.Contains(out, "beixin/gw-17 is enrolled") || !strings.Contains(out, "no mistakes found") {
		t.Fatalf("exit code %d\n%s%s", code, out, errs)
	}
	has(t, dir, "password", "fedcba9876543210fedcba9876543210\n", 0o600)
	starter := "# Made by `weishao-gateway enrol`; docs/gateway.yaml shows every key.\ngroup: beixin\nnode: gw-17\n\nmqtt:\n  url: tcp://10.0.0.5:1883\n  password_file: ./password\n\n" +
		"# Sensors come here; `weishao-gateway --check --config FILE` says whether all is right.\ndevices: []\n"
	has(t, dir, "gateway.yaml", starter, 0o640)
	if strings.Contains(out+errs, "fedcba") {
		t.Error("the password is shown")
	}

	again := strings.Replace(pasted, "fedc", "0000", 1)
	if code, out, errs := enrolling(t, again, config); code != 0 || strings.Contains(out, "is new") {
		t.Errorf("again: exit code %d\n%s%s", code, out, errs)
	}
	has(t, dir, "password", "0000ba9876543210fedcba9876543210\n", 0o600)
	has(t, dir, "gateway.yaml", starter, 0o640)
}

// A configuration that is there keeps what is its own.
func TestEnrolIntoAConfiguration(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "credentials.json", printed)
	config := write(t, dir, "gateway.yaml", `# The box in the stairwell.
group: beixin
node: gw-1 # was the first
mqtt: {password_file: secret.txt, backlog_rate: 5000}
devices:
  # Mrs Li's kitchen
  - {id: kitchen, kind: simulated, simulate: {gas: {}}}
`)
	if code, out, errs := call(t, "enrol", "--config", config, "--from", filepath.Join(dir, "credentials.json")); code != 1 || !strings.Contains(errs, "holds no certificate in PEM") {
		// The certificate above is a stand-in, which the check of the whole finds out.
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	has(t, dir, "secret.txt", "0123456789abcdef0123456789abcdef\n", 0o600)
	has(t, dir, "hub-ca.pem", "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n", 0o644)
	has(t, dir, "gateway.yaml", `# The box in the stairwell.
group: beixin
node: gw-17 # was the first
mqtt: {password_file: secret.txt, backlog_rate: 5000, url: 'ssl://hub.example.org:8883', ca: ./hub-ca.pem}
devices:
  # Mrs Li's kitchen
  - {id: kitchen, kind: simulated, simulate: {gas: {}}}
`, 0o600)
	if _, err := os.Stat(filepath.Join(dir, "password")); err == nil {
		t.Error("the password is in a second file")
	}

	// A hub reached by another address, in the open: no certificate is stored or named.
	plain := write(t, t.TempDir(), "gateway.yaml", "group: g\nnode: n\nmqtt: {username: g/n}\ndevices: []\n")
	if code, out, errs := enrolling(t, printed, plain, "--url", "tcp://192.0.2.1:1883"); code != 0 {
		t.Errorf("exit code %d\n%s%s", code, out, errs)
	}
	has(t, filepath.Dir(plain), "gateway.yaml", "group: beixin\nnode: gw-17\nmqtt: {username: beixin/gw-17, url: 'tcp://192.0.2.1:1883', password_file: ./password}\ndevices: []\n", 0o600)
}

// What is wrong is said, and nothing is touched.
func TestEnrolWrongly(t *testing.T) {
	for text, want := range map[string]string{
		"":                         "this is not what `weishao gateway-enrol` prints",
		"password":                 "this is not what `weishao gateway-enrol` prints",
		`{"group":"g","node":"*"}`: `"g/*" is not a group and node`,
		`{"group":"g","node":"n"}`: "there is no password in it",
		`{"group":"g","node":"n","password":"a","mqtt":"hub"}`: `"hub" is not a broker's URL`,
	} {
		dir := t.TempDir()
		if code, out, errs := enrolling(t, text, filepath.Join(dir, "gateway.yaml")); code == 0 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%q: exit code %d\n%s%s\nwant %s", text, code, out, errs, want)
		}
		if entries, err := os.ReadDir(dir); err != nil || len(entries) > 0 {
			t.Errorf("%q leaves %v, %v", text, entries, err)
		}
	}
	dir := t.TempDir()
	broken := write(t, dir, "gateway.yaml", "group: [\n")
	if code, _, errs := enrolling(t, pasted, broken); code == 0 || !strings.Contains(errs, "gateway.yaml: ") {
		t.Errorf("a file that is no YAML: exit code %d, %s", code, errs)
	}
	has(t, dir, "gateway.yaml", "group: [\n", 0o600)
	for want, args := range map[string][]string{
		"--config and --from are needed": {"enrol"},
		`"more" is not expected`:         {"enrol", "--config", "x", "--from", "y", "more"},
	} {
		if code, out, errs := call(t, args...); code != 2 || out != "" || !strings.Contains(errs, want) {
			t.Errorf("%v: exit code %d, %q, %q, want %s", args, code, out, errs, want)
		}
	}
	if code, out, errs := call(t, "enrol", "--config", filepath.Join(dir, "new.yaml"), "--from", "nowhere.json"); code != 1 || out != "" || !strings.Contains(errs, "no such file") {
		t.Errorf("no such credentials: exit code %d, %q, %q", code, out, errs)
	}
	if code, out, _ := call(t, "enrol", "--help"); code != 0 || !strings.Contains(out, "-from FILE") {
		t.Errorf("--help: %d\n%s", code, out)
	}
}
