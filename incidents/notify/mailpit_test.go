package notify

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// mailpit is a real SMTP server, which shows by HTTP what it has got.
type mailpit struct {
	t          *testing.T
	smtp, http string
}

// startMailpit starts the server. Where it is not installed the test fails in
// CI, and is skipped elsewhere.
func startMailpit(t *testing.T, args ...string) *mailpit {
	t.Helper()
	deps := os.Getenv("WEISHAO_DEPS")
	if deps == "" {
		deps = filepath.Join("..", "..", ".deps")
	}
	bin := filepath.Join(deps, "bin", "mailpit")
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("WEISHAO_DEPS") != "" {
			t.Fatalf("%s is not there: scripts/test-deps.sh installs it", bin)
		}
		t.Skipf("%s is not there: `make test` installs it", bin)
	}
	m := &mailpit{t: t, smtp: freePort(t), http: freePort(t)}
	var out bytes.Buffer
	cmd := exec.Command(bin, append([]string{"--smtp", m.smtp, "--listen", m.http, "--disable-version-check"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	for deadline := time.Now().Add(30 * time.Second); ; {
		if c, err := net.Dial("tcp", m.smtp); err == nil {
			c.Close()
			if resp, err := http.Get("http://" + m.http + "/readyz"); err == nil {
				resp.Body.Close()
				return m
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("mailpit does not listen\n%s", out.String())
		}
		time.Sleep(10 * time.Millisecond) // between two attempts to connect
	}
}

func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// certificate writes one that nobody signed, for 127.0.0.1, and its key.
func certificate(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	write := func(name, kind string, data []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: data}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	return write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", secret)
}

func (m *mailpit) get(path string, into any) {
	m.t.Helper()
	resp, err := http.Get("http://" + m.http + "/api/v1/" + path)
	if err != nil {
		m.t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
		m.t.Fatalf("%s: %s: %v", path, resp.Status, err)
	}
}

type address struct{ Name, Address string }

// mails are all that the server has, newest first.
func (m *mailpit) mails() (list []struct {
	ID, MessageID, Subject string
	From                   address
	To                     []address
}) {
	m.t.Helper()
	in := struct{ Messages any }{&list}
	m.get("messages", &in)
	return list
}

// TestMailReachesARealServer sends in the three ways of connecting, to two
// people, and reads what the server understood.
func TestMailReachesARealServer(t *testing.T) {
	cert, key := certificate(t)
	passwords := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(passwords, []byte("hub:geheim-77\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	signIn := []string{"--smtp-auth-file", passwords}
	tls := append([]string{"--smtp-tls-cert", cert, "--smtp-tls-key", key}, signIn...)
	for name, c := range map[string]struct {
		args   []string
		scheme string
		query  string
	}{
		"plain":           {[]string{"--smtp-auth-accept-any", "--smtp-auth-allow-insecure"}, "smtp", "&starttls=no"},
		"upgraded to TLS": {append([]string{"--smtp-require-starttls"}, tls...), "smtp", "&starttls=yes&requirestarttls=yes&skiptlsverify=yes"},
		"TLS at once":     {append([]string{"--smtp-require-tls"}, tls...), "smtps", "&skiptlsverify=yes"},
	} {
		t.Run(name, func(t *testing.T) {
			m := startMailpit(t, c.args...)
			u := c.scheme + "://hub:geheim-77@" + m.smtp + "/?from=hub@example.org&fromname=" + url.QueryEscape("微哨") + "&to=warden@example.org,leader@example.org" + c.query
			msg := message()
			answer, err := channel(t, Config{Name: "mail", URL: u}).Send(t.Context(), msg)
			if err != nil {
				t.Fatal(err)
			}
			if !strings.Contains(answer, "250") && !strings.Contains(answer, "Ok") {
				t.Errorf("the server's answer is %q", answer)
			}
			list := m.mails()
			if len(list) != 1 {
				t.Fatalf("%d mails came, want one", len(list))
			}
			got := list[0]
			if want := msg.Title.Zh + " " + msg.Title.En; got.Subject != want {
				t.Errorf("subject: got %q, want %q", got.Subject, want)
			}
			if got.From != (address{"微哨", "hub@example.org"}) || !slices.Equal(got.To, []address{{"", "warden@example.org"}, {"", "leader@example.org"}}) {
				t.Errorf("from %v to %v", got.From, got.To)
			}
			if got.MessageID != msg.ID+"@weishao.invalid" {
				t.Errorf("message ID %q", got.MessageID)
			}
			var full struct{ Text string }
			m.get("message/"+got.ID, &full)
			if text := strings.ReplaceAll(full.Text, "\r\n", "\n"); strings.TrimSpace(text) != strings.TrimSpace(msg.Text) {
				t.Errorf("text: got %q, want %q", text, msg.Text)
			}
		})
	}
}

// TestMailRefusedByARealServer: a wrong password will be wrong next time too; a
// server that is away will be back.
func TestMailRefusedByARealServer(t *testing.T) {
	passwords := filepath.Join(t.TempDir(), "passwords")
	if err := os.WriteFile(passwords, []byte("hub:geheim-77\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m := startMailpit(t, "--smtp-auth-file", passwords, "--smtp-auth-allow-insecure")
	to := "@" + m.smtp + "/?from=hub@example.org&to=warden@example.org&starttls=no"
	_, err := channel(t, Config{Name: "mail", URL: "smtp://hub:falsch-88" + to}).Send(t.Context(), message())
	if !errors.Is(err, ErrPermanent) || strings.Contains(err.Error(), "falsch-88") {
		t.Errorf("wrong password: got %v, want a permanent failure without the password", err)
	}
	_, err = channel(t, Config{Name: "mail", URL: "smtp://" + freePort(t) + "/?from=hub@example.org&to=warden@example.org&starttls=no"}).Send(t.Context(), message())
	if err == nil || errors.Is(err, ErrPermanent) {
		t.Errorf("no server: got %v, want a failure worth another try", err)
	}
	if n := len(m.mails()); n != 0 {
		t.Errorf("%d mails came through", n)
	}
}
