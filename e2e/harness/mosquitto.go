package harness

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/hub/broker"
)

// Mosquitto is a real Mosquitto with our own templates of configuration and access
// rules.
type Mosquitto struct {
	*Process
	Addr string // host:port
	dir  string
	ca   *CA // nil: without TLS
}

// NewMosquitto starts one that lets in the hub, as weishao-hub with the password
// "hub", and gateways by their credentials. It ends with the test.
func NewMosquitto(t testing.TB, gateways ...Credentials) *Mosquitto {
	t.Helper()
	return newMosquitto(t, nil, gateways)
}

func newMosquitto(t testing.TB, ca *CA, gateways []Credentials) *Mosquitto {
	t.Helper()
	m := &Mosquitto{Addr: FreeAddr(t), dir: t.TempDir(), ca: ca}
	_, port, err := net.SplitHostPort(m.Addr)
	if err != nil {
		t.Fatal(err)
	}
	cfg := broker.Mosquitto{Listen: port + " 127.0.0.1", PasswordFile: filepath.Join(m.dir, "passwords"), ACLFile: filepath.Join(m.dir, "acl")}
	if ca != nil {
		cfg.CertFile, cfg.KeyFile = ca.Issue(t, m.dir)
	}
	passwords := "weishao-hub:hub\n"
	for _, g := range gateways {
		cfg.Gateways = append(cfg.Gateways, g.Username)
		passwords += g.Username + ":" + g.Password + "\n"
	}
	conf, acl, err := cfg.Render()
	if err != nil {
		t.Fatal(err)
	}
	WriteFile(t, m.dir, "acl", acl)
	WriteFile(t, m.dir, "passwords", passwords)
	Run(t, Command(t, "mosquitto_passwd"), "-U", cfg.PasswordFile)
	m.run(t, conf)
	return m
}

// run starts it with a configuration, and returns when it listens.
func (m *Mosquitto) run(t testing.TB, conf string) {
	t.Helper()
	if os.Getuid() == 0 {
		conf += "user root\n" // else it becomes a user who cannot read the test's folder
	}
	m.Process = Start(t, nil, Command(t, "mosquitto"), "-c", WriteFile(t, m.dir, "mosquitto.conf", conf))
	Eventually(t, "Mosquitto listens", func() error {
		c, err := net.Dial("tcp", m.Addr)
		if err == nil {
			err = c.Close()
		}
		return err
	})
}

// HubYAML is what a hub's configuration says to use it, given a file that holds the
// hub's password.
func (m *Mosquitto) HubYAML(t testing.TB) string {
	t.Helper()
	file := WriteFile(t, m.dir, "hub-password", "hub\n")
	lines := []string{"broker:", "  url: tcp://" + m.Addr, "  username: weishao-hub", "  password_file: " + file, ""}
	if m.ca != nil {
		lines[1], lines[4] = "  url: ssl://"+m.Addr, "  ca: "+m.ca.File+"\n"
	}
	return strings.Join(lines, "\n")
}
