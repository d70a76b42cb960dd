package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// enrolment is a gateway's folder, set up by commands alone.
type enrolment struct {
	hub    *harness.Hub
	config string
}

// command runs one of the programs, and gives what it printed.
func command(t *testing.T, stdin, program string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(harness.Programs(t), program), args...)
	cmd.Stdin = strings.NewReader(stdin)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", program, args, err, out)
	}
	return string(out)
}

// enrol has the hub print credentials, and the gateway take them.
func (e *enrolment) enrol(t *testing.T) string {
	t.Helper()
	printed := command(t, "", "weishao", "gateway-enrol", "--config", e.hub.Config, "--group", "g", "--node", "n")
	return command(t, printed, "weishao-gateway", "enrol", "--config", e.config, "--from", "-")
}

func (e *enrolment) start(t *testing.T) *harness.Process {
	t.Helper()
	return harness.Start(t, nil, filepath.Join(harness.Programs(t), "weishao-gateway"), "--config", e.config)
}

func (e *enrolment) online(t *testing.T, want bool) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("the gateway is online: %v", want), func() error {
		n, err := e.hub.API.Node("g/n")
		if err == nil && n.Online != want {
			err = fmt.Errorf("%+v", n)
		}
		return err
	})
}

// A command at the hub and one at the gateway, and it is on the page by itself: what
// it says of its own board. Enrolled again it needs the new password; shut out, it
// is out.
func TestEnrolmentByCommands(t *testing.T) {
	t.Parallel()
	ca := harness.NewCA(t)
	h := harness.NewTLSHub(t, ca)
	e := &enrolment{hub: h, config: filepath.Join(t.TempDir(), "etc", "gateway.yaml")}
	if out := e.enrol(t); !strings.Contains(out, "g/n is enrolled") || !strings.Contains(out, "no mistakes found") {
		t.Fatalf("it says %s", out)
	}
	// The hub's certificate is signed by an authority that it does not have: that has to
	// be named by hand.
	var c harness.Credentials
	if err := json.Unmarshal([]byte(command(t, "", "weishao", "gateway-enrol", "--config", h.Config, "--group", "g", "--node", "n")), &c); err != nil {
		t.Fatal(err)
	}
	full := fmt.Sprintf(`{"group":"g","node":"n","password":%q,"mqtt":"ssl://%s","ca":%q}`, c.Password, h.MQTT, ca.PEM())
	command(t, full, "weishao-gateway", "enrol", "--config", e.config, "--from", "-")

	p := e.start(t)
	harness.Eventually(t, "what the gateway says of itself", func() error {
		d, err := h.API.Device("g/n/gateway")
		if v, ok := d.Last("board.load"); err == nil && (!ok || v.Value < 0) {
			err = errors.New("it has no reading")
		}
		return err
	})
	if d, err := h.API.Device("g/n/gateway"); err != nil || d.Placement != "gateway" {
		t.Errorf("%+v, %v", d, err)
	}

	e.enrol(t) // rotates: the connection ends, and the old password is no good
	e.online(t, false)
	harness.Eventually(t, "it says what to do", func() error {
		if !strings.Contains(p.Output(), "enrol the gateway again") {
			return errors.New(p.Output())
		}
		return nil
	})
	p.Stop(t)
	p = e.start(t)
	e.online(t, true)
	command(t, "", "weishao", "revoke", "--config", h.Config, "--gateway", "g/n")
	e.online(t, false)
	p.Stop(t)

	if qr := command(t, "", "weishao", "gateway-enrol", "--config", h.Config, "--group", "g", "--node", "n", "--qr"); !strings.Contains(qr, "█") || strings.Contains(qr, "password\"") {
		t.Errorf("not a QR code:\n%s", qr)
	}
}
