package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"

	"weishao.dev/weishao/internal/conf"
)

// certificate is a pair of files that is read again on reload: a renewed
// certificate takes effect with the next connection.
type certificate struct {
	cert, key conf.At[string]
	current   atomic.Pointer[tls.Certificate]
}

// expiresSoon is how long before its end a certificate is worth a warning.
const expiresSoon = 14 * 24 * time.Hour

// loadCertificate is nil where none is configured.
func loadCertificate(cert, key conf.At[string], log *slog.Logger) (*certificate, error) {
	if cert.V == "" {
		return nil, nil
	}
	c := &certificate{cert: cert, key: key}
	return c, c.load(log)
}

func (c *certificate) load(log *slog.Logger) error {
	pair, err := tls.LoadX509KeyPair(c.cert.V, c.key.V)
	if err != nil {
		return mistake(c.cert.Pos, "the certificate %s with the key %s: %w", c.cert.V, c.key.V, err)
	}
	if left := time.Until(pair.Leaf.NotAfter); left < expiresSoon {
		log.Warn("a certificate expires: renew it, then reload", "file", c.cert.V, "expires", pair.Leaf.NotAfter)
	}
	c.current.Store(&pair)
	return nil
}

// config serves the present certificate.
func (c *certificate) config() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
		return c.current.Load(), nil
	}}
}

// authorities reads certificates of those whom the hub trusts.
func authorities(file conf.At[string]) (*x509.CertPool, error) {
	pem, err := os.ReadFile(file.V)
	if err != nil {
		return nil, mistake(file.Pos, "the authority's certificate: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, mistake(file.Pos, "%w", fmt.Errorf("%s holds no certificate in PEM form", file.V))
	}
	return pool, nil
}

// clientCA is those whose certificates gateways must have, read again on reload.
type clientCA struct {
	file    conf.At[string]
	current atomic.Pointer[x509.CertPool]
}

// loadClientCA is nil where none is configured.
func loadClientCA(file conf.At[string]) (*clientCA, error) {
	if file.V == "" {
		return nil, nil
	}
	c := &clientCA{file: file}
	return c, c.load()
}

func (c *clientCA) load() error {
	pool, err := authorities(c.file)
	if err == nil {
		c.current.Store(pool)
	}
	return err
}

// require has a server ask for certificates and verify those that are given, by the
// present authorities. Whose they must be is the broker's to say, which alone knows
// who connects.
func (c *clientCA) require(t *tls.Config) {
	t.ClientAuth = tls.VerifyClientCertIfGiven
	t.ClientCAs = c.current.Load()
	base := t.Clone()
	t.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) {
		now := base.Clone()
		now.ClientCAs = c.current.Load()
		return now, nil
	}
}
