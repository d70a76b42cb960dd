package app

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"os"

	"github.com/skip2/go-qrcode"
)

const enrolHelp = `
Gives a gateway its credentials and prints them once, as JSON, beside the
running hub. Enrolling a gateway again replaces its password and ends its
connection. The gateway may publish below its own node only.

On the gateway the same JSON is taken by

    weishao-gateway enrol --config /etc/weishao/gateway.yaml --from credentials.json

or, pasted, by --from -. With --qr it is printed as a QR code instead, for a
phone from which it is pasted into the gateway's terminal. The code leaves the
authority's certificate out: with TLS and an authority of your own, copy that
to the gateway and name it there as mqtt.ca.`

func runEnrol(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	group := c.flags.String("group", "", "the gateway's `GROUP`")
	node := c.flags.String("node", "", "the gateway's `NODE`")
	qr := c.flags.Bool("qr", false, "print a QR code, for a terminal of dark background, in the place of JSON")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := errors.Join(need("config", *file), need("group", *group), need("node", *node)); err != nil {
		return usageError(err.Error())
	}
	var reply Enrolment
	if err := c.ask(*file, "/gateway-enrol", enrolRequest{Group: *group, Node: *node}, &reply); err != nil {
		return err
	}
	if *qr {
		code, err := reply.qr()
		if err != nil {
			return err
		}
		fmt.Fprintf(c.stdout, "%s\n%s, once: paste what it says into `weishao-gateway enrol --config /etc/weishao/gateway.yaml --from -`\n", code, reply.Username)
		return nil
	}
	enc := json.NewEncoder(c.stdout)
	enc.SetIndent("", "  ")
	return enc.Encode(reply)
}

// brief is the enrolment without what the gateway can find out itself or what would
// not fit a small terminal.
func (e Enrolment) brief() ([]byte, error) {
	e.Username, e.CA = "", ""
	return json.Marshal(e)
}

// qr is the brief enrolment as a code of block characters, two rows to a line.
func (e Enrolment) qr() (string, error) {
	text, err := e.brief()
	if err != nil {
		return "", err
	}
	code, err := qrcode.New(string(text), qrcode.Low)
	if err != nil {
		return "", fmt.Errorf("the QR code: %w", err)
	}
	return code.ToSmallString(false), nil
}

// trustee is the certificate that a gateway needs in order to trust the broker's, in
// PEM, where it stands in the broker's own file: the one in it that is signed by
// itself. "" where it does not, as with an authority that systems know.
func trustee(c *certificate) string {
	if c == nil {
		return ""
	}
	data, err := os.ReadFile(c.cert.V)
	if err != nil {
		return "" // it was readable at the start; enrolling goes on without
	}
	return rootOf(data)
}

func isSelfSigned(der []byte) bool {
	cert, err := x509.ParseCertificate(der)
	return err == nil && cert.CheckSignature(cert.SignatureAlgorithm, cert.RawTBSCertificate, cert.Signature) == nil
}

func rootOf(data []byte) string {
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			return ""
		}
		if isSelfSigned(block.Bytes) {
			return string(pem.EncodeToMemory(block))
		}
	}
}
