package harness

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// CA is an authority that signs certificates for this machine, and whom nobody
// trusts who was not told to.
type CA struct {
	File string // its certificate
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// NewCA makes one.
func NewCA(t testing.TB) *CA {
	t.Helper()
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "An authority of the test's own"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(365 * 24 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}
	ca := &CA{key: newKey(t)}
	ca.cert = ca.sign(t, template, template, ca.key)
	ca.File = WriteFile(t, t.TempDir(), "ca.pem", encode("CERTIFICATE", ca.cert.Raw))
	return ca
}

// Issue makes a certificate for 127.0.0.1 and its key, in files below dir.
func (ca *CA) Issue(t testing.TB, dir string) (certFile, keyFile string) {
	t.Helper()
	return ca.issue(t, dir, &x509.Certificate{Subject: pkix.Name{CommonName: "hub"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
}

// IssueClient makes a certificate for one who connects, and its key.
func (ca *CA) IssueClient(t testing.TB, dir, name string) (certFile, keyFile string) {
	t.Helper()
	return ca.issue(t, dir, &x509.Certificate{Subject: pkix.Name{CommonName: name}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
}

func (ca *CA) issue(t testing.TB, dir string, template *x509.Certificate) (certFile, keyFile string) {
	t.Helper()
	key := newKey(t)
	template.SerialNumber, template.KeyUsage = big.NewInt(time.Now().UnixNano()), x509.KeyUsageDigitalSignature
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(90*24*time.Hour)
	cert := ca.sign(t, template, ca.cert, key)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return WriteFile(t, dir, "cert.pem", encode("CERTIFICATE", cert.Raw)), WriteFile(t, dir, "cert.key", encode("PRIVATE KEY", der))
}

func (ca *CA) sign(t testing.TB, template, parent *x509.Certificate, key *ecdsa.PrivateKey) *x509.Certificate {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, ca.key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func encode(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// Config trusts this authority and no other.
func (ca *CA) Config() *tls.Config {
	pool := x509.NewCertPool()
	pool.AddCert(ca.cert)
	return &tls.Config{RootCAs: pool}
}

// NewTLSHub is NewHub with certificates for pages and gateways. more are further keys
// of mqtt.
func NewTLSHub(t testing.TB, ca *CA, more ...string) *Hub {
	t.Helper()
	h := &Hub{Dir: t.TempDir(), HTTP: FreeAddr(t), MQTT: FreeAddr(t), bin: filepath.Join(Programs(t), "weishao")}
	h.API.URL = "https://" + h.HTTP
	transport := &http.Transport{TLSClientConfig: ca.Config()}
	t.Cleanup(transport.CloseIdleConnections)
	h.API.Client = &http.Client{Transport: transport}
	cert, key := ca.Issue(t, h.Dir)
	h.begin(t, fmt.Sprintf("data: data\nhttp: {addr: %q, cert: %q, key: %q}\nmqtt: {addr: %q, cert: %q, key: %q%s}\n", h.HTTP, cert, key, h.MQTT, cert, key, strings.Join(append([]string{""}, more...), ", ")))
	return h
}

// NewTLSMosquitto is NewMosquitto over TLS.
func NewTLSMosquitto(t testing.TB, ca *CA, gateways ...Credentials) *Mosquitto {
	t.Helper()
	return newMosquitto(t, ca, gateways)
}

// UseTLS rewrites the gateway's configuration: it connects over TLS, and trusts an
// authority, or without one those whom the system trusts. more are further keys of mqtt.
func (g *Gateway) UseTLS(t testing.TB, ca *CA, more ...string) {
	t.Helper()
	text, err := os.ReadFile(g.Config)
	if err != nil {
		t.Fatal(err)
	}
	to := "mqtt: {"
	if ca != nil {
		to += fmt.Sprintf("ca: %q, ", ca.File)
	}
	for _, m := range more {
		to += m + ", "
	}
	WriteFile(t, g.Dir, filepath.Base(g.Config), strings.NewReplacer("mqtt: {", to, "tcp://", "ssl://").Replace(string(text)))
}

// PEM is the authority's certificate.
func (ca *CA) PEM() string { return encode("CERTIFICATE", ca.cert.Raw) }
