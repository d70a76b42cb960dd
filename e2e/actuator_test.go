package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/simonvetter/modbus"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/incidents/notify"
)

// modbusKitchen is what hangs on a Modbus server: as unit 1 a gas detector whose level the
// test sets, as unit 2 a relay that closes the valve.
type modbusKitchen struct {
	mu     sync.Mutex
	tenths uint16 // %LEL
	closed time.Time
}

func (k *modbusKitchen) gas(tenths uint16) { k.mu.Lock(); defer k.mu.Unlock(); k.tenths = tenths }

func (k *modbusKitchen) shut() time.Time { k.mu.Lock(); defer k.mu.Unlock(); return k.closed }

func (k *modbusKitchen) HandleInputRegisters(r *modbus.InputRegistersRequest) ([]uint16, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.UnitId != 1 || r.Addr != 100 || r.Quantity != 1 {
		return nil, modbus.ErrIllegalDataAddress
	}
	return []uint16{k.tenths}, nil
}

func (k *modbusKitchen) HandleCoils(r *modbus.CoilsRequest) ([]bool, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.UnitId != 2 || r.Addr != 0 || r.Quantity != 1 {
		return nil, modbus.ErrIllegalDataAddress
	}
	if r.IsWrite && r.Args[0] != !k.closed.IsZero() {
		k.closed = time.Time{}
		if r.Args[0] {
			k.closed = time.Now()
		}
	}
	return []bool{!k.closed.IsZero()}, nil
}

func (k *modbusKitchen) HandleDiscreteInputs(*modbus.DiscreteInputsRequest) ([]bool, error) {
	return nil, modbus.ErrIllegalFunction
}

func (k *modbusKitchen) HandleHoldingRegisters(*modbus.HoldingRegistersRequest) ([]uint16, error) {
	return nil, modbus.ErrIllegalFunction
}

func serveKitchen(t *testing.T, k *modbusKitchen) (port string) {
	t.Helper()
	port = "tcp://" + harness.FreeAddr(t)
	s, err := modbus.NewServer(&modbus.ServerConfiguration{URL: port, Timeout: time.Minute, MaxClients: 8}, k)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return port
}

// pager takes all pages.
type pager struct {
	mu   sync.Mutex
	list []notify.Message
}

func newPager(t *testing.T) (*pager, string) {
	t.Helper()
	p := &pager{}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	secret := harness.WriteFile(t, t.TempDir(), "secret", hookSecret)
	return p, fmt.Sprintf("channels:\n  li: {webhook: %q, secret_file: %q}\n", s.URL, secret)
}

func (p *pager) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, err := io.ReadAll(req.Body)
	var m notify.Message
	if err != nil || json.Unmarshal(body, &m) != nil {
		http.Error(w, "no page", http.StatusBadRequest)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.ContainsFunc(p.list, func(o notify.Message) bool { return o.ID == m.ID }) {
		p.list = append(p.list, m)
	}
	io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
}

// about are the pages for a hazard.
func (p *pager) about(hazard string) (list []notify.Message) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, m := range p.list {
		if m.Hazard == hazard {
			list = append(list, m)
		}
	}
	return list
}

// The network is away, gas rises, and the gateway closes the valve by itself. When the
// network is back, the hub has one incident with one page, at the time at which it
// happened, and the chart of the valve says when it closed. The latch outlives a kill,
// and a reset is refused while there is gas.
func TestValveClosesWithoutTheHub(t *testing.T) {
	k := &modbusKitchen{tenths: 4}
	port := serveKitchen(t, k)
	pages, channels := newPager(t)
	hub := harness.NewHub(t, siteOf(t, []string{"li"}, grid{"north", "li", onDuty("li")})+channels)
	link := harness.NewLink(t, hub.MQTT)
	gw := harness.NewGateway(t, hub.Enrol(t, "g", "n"), link.Addr,
		fmt.Sprintf("  - {id: north, kind: modbus_gas, placement: kitchen_gas, interval: 500ms, port: %q, slave: 1, function: 4, full_scale: 100, registers: [{metric: gas.ch4, address: 100, scale: 0.1}]}\n", port),
		fmt.Sprintf("actuators:\n  - {id: valve, kind: gas_valve, devices: [north], interval: 5s, output: {modbus: {port: %[1]q, slave: 2, coil: 0}}, feedback: {modbus: {port: %[1]q, slave: 2, coil: 0}}}", port))
	gw.Restart(t)
	harness.Eventually(t, "the hub sees kitchen and valve", func() error {
		for device, metric := range map[string]string{"g/n/north": "gas.ch4", "g/n/valve": "actuator.state"} {
			d, err := hub.API.Device(device)
			if err != nil {
				return err
			}
			if v, ok := d.Last(metric); !ok || v.Quality != "good" || v.Value > 1 {
				return fmt.Errorf("%+v", d)
			}
		}
		return nil
	})
	link.Cut()
	cut := time.Now()
	k.gas(300)
	harness.Eventually(t, "the valve is closed", func() error {
		if k.shut().IsZero() {
			return fmt.Errorf("it is open")
		}
		return nil
	})
	closed := k.shut()
	if list, err := hub.API.Incidents("gas_leak"); err != nil || len(list) > 0 {
		t.Fatalf("the hub knows of it already: %+v, %v", list, err)
	}
	gw.Crash() // what is latched outlives that
	gw.Restart(t)
	harness.Eventually(t, "gateway runs", gw.Running)
	mended := time.Now()
	link.Mend(t)

	id := alarm(t, hub, "north")
	harness.Eventually(t, "a page", func() error {
		if len(pages.about("gas_leak")) == 0 {
			return fmt.Errorf("none")
		}
		return nil
	})
	acknowledge(t, tokenOf(t, hub, "li", "warden"), id, "tap")
	harness.Eventually(t, "the hub has all", gw.Drained)
	harness.Eventually(t, "when the valve closed", func() error { return closedAt(hub, cut, closed, mended) })
	<-time.After(escalateAfter + prompt) // in which another page would come, or another incident
	list, err := hub.API.Incidents("gas_leak")
	if err != nil || len(list) != 1 {
		t.Errorf("incidents: %+v, %v", list, err)
	}
	if i := incidentOf(t, hub, id); time.UnixMilli(int64(i.Onset)).After(mended) {
		t.Errorf("it began at %v, and the network was back at %v", time.UnixMilli(int64(i.Onset)), mended)
	}
	if p := pages.about("gas_leak"); len(p) != 1 || p[0].Incident != id {
		t.Errorf("pages: %+v", p)
	}

	gateway := filepath.Join(harness.Programs(t), "weishao-gateway")
	out, err := exec.Command(gateway, "reset", "valve", "--config", gw.Config).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "the danger is not over: gas-leak still holds at g/n/north") {
		t.Errorf("a reset while there is gas: %s %v", out, err)
	}
	harness.Run(t, gateway, "reset", "valve", "--config", gw.Config, "--force")
	harness.Eventually(t, "the valve is open", func() error {
		if !k.shut().IsZero() {
			return fmt.Errorf("it is closed")
		}
		return nil
	})
}

// closedAt answers nil when the chart of the valve has it open, and then closed from
// about the moment on at which it was.
func closedAt(hub *harness.Hub, cut, closed, mended time.Time) error {
	query := url.Values{"device": {"g/n/valve"}, "metric": {"actuator.state"}, "step": {"1s"},
		"from": {cut.Add(-time.Minute).UTC().Format(time.RFC3339)}, "to": {mended.Add(time.Minute).UTC().Format(time.RFC3339)}}
	var series struct{ Points [][]float64 }
	if err := hub.API.Get("/api/v1/series?"+query.Encode(), &series); err != nil {
		return err
	}
	for i, p := range series.Points {
		if p[3] == 1 { // t, min, mean, max, count
			at := time.UnixMilli(int64(p[0]))
			if d := at.Sub(closed).Abs(); i > 0 && d < 3*time.Second && at.Before(mended) {
				return nil
			}
			return fmt.Errorf("closed from %v on, and it was at %v", at, closed)
		}
	}
	return fmt.Errorf("never closed: %v", series.Points)
}
