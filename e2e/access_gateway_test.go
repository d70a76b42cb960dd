package e2e

import (
	"fmt"
	"net"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// connect tries to connect once.
func connect(o *mqtt.ClientOptions) error {
	c := mqtt.NewClient(o)
	defer c.Disconnect(0)
	token := c.Connect()
	token.WaitTimeout(harness.Patience)
	return token.Error()
}

// A gateway comes in with its own name and password, as itself.
func TestEachGatewayIsItself(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := harness.NewPeer(t, h.Enrol(t, "g", "other"), "tcp://"+h.MQTT, true)
	try := func(user, password, id string) *mqtt.ClientOptions {
		return h.gateway.Options().SetUsername(user).SetPassword(password).SetClientID(id)
	}
	refused := map[string]*mqtt.ClientOptions{
		"nobody":                           try("", "", "guest"),
		"no password":                      try("g/n", "", "g/n"),
		"its name as password":             try("g/n", "g/n", "g/n"),
		"another's password":               try("g/n", other.Password, "g/n"),
		"a gateway that was never made":    try("g/never", h.gateway.Password, "g/never"),
		"all gateways at once":             try("g/*", h.gateway.Password, "all"),
		"an operator's token":              try("op", h.tokens["operator"], "op"),
		"the hub's own name":               try("hub", "hub", "hub"),
		"the name of the hub's log":        try("log", "", "log"),
		"admin":                            try("admin", "admin", "admin"),
		"another's client ID, to evict it": try("g/other", other.Password, "g/n"),
	}
	for who, o := range refused {
		if err := connect(o); err == nil {
			t.Errorf("%s is let in", who)
		}
	}
	if n := h.Metric(t, `weishao_bad_input_total{kind="auth"}`); int(n) < len(refused) {
		t.Errorf("%v refusals are counted, want %d", n, len(refused))
	}
	if !h.gateway.Client().IsConnectionOpen() {
		t.Error("a gateway was thrown out by those who claimed to be it")
	}
	cmd := exec.Command(filepath.Join(harness.Programs(t), "weishao"), "gateway-enrol", "--config", h.Config, "--group", "g", "--node", "*")
	if out, err := cmd.CombinedOutput(); err == nil || !strings.Contains(string(out), "letters, digits") {
		t.Errorf("a gateway called *: %v, %s", err, out)
	}

	other.Connect(t)
	for _, filter := range []string{"#", "spBv1.0/#", "spBv1.0/g/NCMD/n", "spBv1.0/+/DDATA/+/+", "$SYS/#"} {
		token := other.Client().Subscribe(filter, 0, nil)
		token.WaitTimeout(harness.Patience)
		if code := token.(*mqtt.SubscribeToken).Result()[filter]; code != 0x80 && token.Error() == nil {
			t.Errorf("a gateway may hear %s", filter)
		}
	}
}

// A gateway cannot leave a will that says that another one is dead.
func TestAForgedWillIsNotHeard(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	other := harness.NewPeer(t, h.Enrol(t, "g", "other"), "tcp://"+h.MQTT, true)
	o := other.Options().SetBinaryWill(sparkplug.NodeTopic(sparkplug.NDEATH, "g", "n"), sparkplug.AppendDeath(nil, time.Now().UnixMilli(), 0), 0, false)
	conn := &wire{}
	o.SetCustomOpenConnectionFn(conn.open)
	c := mqtt.NewClient(o)
	token := c.Connect()
	token.WaitTimeout(harness.Patience)
	if token.Error() == nil {
		conn.Close() // without a goodbye: now the will is due
		harness.Eventually(t, "the will is refused", func() error {
			if n := h.Metric(t, `weishao_bad_input_total{kind="foreign_topic"}`); n == 0 {
				return fmt.Errorf("no foreign topic is counted")
			}
			return nil
		})
	}
	h.gateway.Tell(t, device, "temperature", h.gateway.Now(), 21)
	harness.Eventually(t, "the gateway's next reading", func() error {
		d, err := h.API.Device("g/n/" + device)
		if v, _ := d.Last("temperature"); err == nil && v.Value != 21 {
			err = fmt.Errorf("%+v", d)
		}
		return err
	})
	if n, err := h.API.Node("g/n"); err != nil || !n.Online {
		t.Errorf("the gateway that was called dead: %+v, %v", n, err)
	}
}

// wire is the connection of an MQTT client, to be cut as by an accident.
type wire struct{ net.Conn }

func (w *wire) open(u *url.URL, _ mqtt.ClientOptions) (net.Conn, error) {
	c, err := net.Dial("tcp", u.Host)
	w.Conn = c
	return c, err
}
