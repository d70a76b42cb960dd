package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strconv"

	"weishao.dev/weishao/internal/conf"
)

// MQTT says how to reach the hub's broker.
type MQTT struct {
	Pos          conf.Pos        `yaml:"-"`
	URL          conf.At[string] `yaml:"url"`           // tcp://host:1883 or ssl://host:8883; default tcp://127.0.0.1:1883
	Username     conf.At[string] `yaml:"username"`      // also the client ID; default group/node
	PasswordFile conf.At[string] `yaml:"password_file"` // holds the password and nothing else
	CA           conf.At[string] `yaml:"ca"`            // certificates to trust; default the system's
	Cert         conf.At[string] `yaml:"cert"`          // the gateway's own, with its key
	Key          conf.At[string] `yaml:"key"`
	MaxReadings  conf.At[int]    `yaml:"max_readings_per_message"` // default 50, at most 1000
	BacklogRate  conf.At[int]    `yaml:"backlog_rate"`             // readings per second, default 100000

	Password string `yaml:"-"` // given by a demo or a test instead of a file
}

func (m *MQTT) check(errs *conf.Errors) {
	if m.URL.V != "" {
		u, err := url.Parse(m.URL.V)
		switch {
		case err != nil || u.Host == "":
			errs.Add(m.URL.Pos, "%q is not a broker's URL: write tcp://host:1883 or ssl://host:8883", m.URL.V)
		case u.Port() != "" && !isPort(u.Port()):
			errs.Add(m.URL.Pos, "%s is no port: they are 1 to 65535", u.Port())
		case u.Scheme != "tcp" && u.Scheme != "ssl" && u.Scheme != "ws" && u.Scheme != "wss":
			errs.Add(m.URL.Pos, "%q is no way to reach a broker: tcp, ssl, ws and wss are", u.Scheme)
		case u.User != nil:
			errs.Add(m.URL.Pos, "the password does not belong in the URL: use username and password_file")
		case (u.Scheme == "tcp" || u.Scheme == "ws") && (m.CA.V != "" || m.Cert.V != ""):
			errs.Add(m.URL.Pos, "certificates are given, but %s does not encrypt: write ssl://%s", u.Scheme, u.Host)
		}
	}
	if (m.Cert.V == "") != (m.Key.V == "") {
		errs.Add(m.Pos, "cert and key are given together or not at all")
	}
	if m.MaxReadings.Pos.Line != 0 && (m.MaxReadings.V < 1 || m.MaxReadings.V > maxMessage) {
		errs.Add(m.MaxReadings.Pos, "max_readings_per_message %d is not between 1 and %d", m.MaxReadings.V, maxMessage)
	}
	if m.BacklogRate.Pos.Line != 0 && m.BacklogRate.V < 1 {
		errs.Add(m.BacklogRate.Pos, "backlog_rate %d is not positive", m.BacklogRate.V)
	}
}

func isPort(s string) bool {
	n, err := strconv.ParseUint(s, 10, 16)
	return err == nil && n > 0
}

// Loose are the files with secrets that everybody on this machine may read.
func (m *MQTT) Loose() (paths []string) {
	for _, path := range []string{m.PasswordFile.V, m.Key.V} {
		if info, err := os.Stat(path); path != "" && err == nil && info.Mode().Perm()&0o004 != 0 {
			paths = append(paths, path)
		}
	}
	return paths
}

// tls is nil without encryption. Its errors are of type conf.Errors, or the URL's.
func (m *MQTT) tls() (*tls.Config, error) {
	u, err := url.Parse(m.URL.V)
	if err != nil || u.Scheme != "ssl" && u.Scheme != "wss" {
		return nil, err
	}
	t := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: u.Hostname()}
	if m.CA.V != "" {
		pem, err := os.ReadFile(m.CA.V)
		if err != nil {
			return nil, conf.Errors{{Pos: m.CA.Pos, Text: fmt.Sprintf("ca: %v", err)}}
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, conf.Errors{{Pos: m.CA.Pos, Text: fmt.Sprintf("ca: %s holds no certificate in PEM", m.CA.V)}}
		}
	}
	if m.Cert.V != "" {
		cert, err := tls.LoadX509KeyPair(m.Cert.V, m.Key.V)
		if err != nil {
			return nil, conf.Errors{{Pos: m.Cert.Pos, Text: fmt.Sprintf("cert: %v", err)}}
		}
		t.Certificates = []tls.Certificate{cert}
	}
	return t, nil
}
