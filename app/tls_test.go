package app

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/internal/conf"
)

// Pages and broker speak TLS where certificates are given.
func TestTLS(t *testing.T) {
	cert, key := selfSigned(t)
	cfg := config(t, "")
	for _, at := range []*conf.At[string]{&cfg.HTTP.Cert, &cfg.MQTT.Cert} {
		at.V = cert
	}
	for _, at := range []*conf.At[string]{&cfg.HTTP.Key, &cfg.MQTT.Key} {
		at.V = key
	}
	h, _ := running(t, cfg)
	ready(t, h)
	if !strings.HasPrefix(h.URL(), "https://") || !strings.HasPrefix(h.MQTT(), "ssl://") {
		t.Errorf("served at %s and %s", h.URL(), h.MQTT())
	}
	var text string
	ask(t, h, "/readyz", &text)
	cred, err := h.Access().EnrolGateway(t.Context(), "g", "n")
	if err != nil {
		t.Fatal(err)
	}
	o := mqtt.NewClientOptions().AddBroker(h.MQTT()).SetClientID(cred.Username).SetUsername(cred.Username).SetPassword(cred.Password).
		SetTLSConfig(&tls.Config{InsecureSkipVerify: true}).SetConnectTimeout(10 * time.Second)
	c := mqtt.NewClient(o)
	tok := c.Connect()
	if !tok.WaitTimeout(20*time.Second) || tok.Error() != nil {
		t.Fatalf("a gateway over TLS: %v", tok.Error())
	}
	c.Disconnect(100)
}

// selfSigned is a certificate for the loopback, in files.
func selfSigned(t *testing.T) (cert, key string) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	kb, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: kb}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}
