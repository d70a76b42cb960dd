package app

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"weishao.dev/weishao/internal/conf"
)

// The code fits a terminal of 80 by 40 and holds what the gateway cannot know.
func TestQRCode(t *testing.T) {
	e := Enrolment{Group: "beixin", Node: "gw-17", Username: "beixin/gw-17", Password: strings.Repeat("0f", 16), MQTT: "ssl://hub.beixin.example.org:8883", CA: "-----BEGIN"}
	text, err := e.brief()
	if want := `{"group":"beixin","node":"gw-17","password":"0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f0f","mqtt":"ssl://hub.beixin.example.org:8883"}`; err != nil || string(text) != want {
		t.Errorf("got %s, %v, want %s", text, err, want)
	}
	code, err := e.qr()
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(code, "\n"), "\n")
	for _, l := range lines {
		if n := utf8.RuneCountInString(l); n > 80 || len(lines) > 40 {
			t.Fatalf("%d columns, %d lines:\n%s", n, len(lines), code)
		}
	}
}

// A gateway is given the certificate that signs itself, and none that is known anyway.
func TestTrustee(t *testing.T) {
	cert, key := selfSigned(t)
	c := &certificate{cert: conf.At[string]{V: cert}, key: conf.At[string]{V: key}}
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	if got := trustee(c); strings.TrimSpace(got) != strings.TrimSpace(string(text)) {
		t.Errorf("got %q, want the certificate itself", got)
	}
	other := filepath.Join(t.TempDir(), "none.pem")
	if err := os.WriteFile(other, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []*certificate{nil, {cert: conf.At[string]{V: other}}, {cert: conf.At[string]{V: other + ".gone"}}} {
		if got := trustee(c); got != "" {
			t.Errorf("got %q of %+v", got, c)
		}
	}
}
