package actuator

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	peer "github.com/simonvetter/modbus"
	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/telemetry"
)

// module is a relay module behind a server that we did not write.
type module struct {
	mu    sync.Mutex
	coils [4]bool
	asked chan struct{} // has a token once it was asked
	hang  chan struct{} // not nil: it does not answer before this is closed
}

func (m *module) HandleCoils(r *peer.CoilsRequest) ([]bool, error) {
	m.mu.Lock()
	hang := m.hang
	m.mu.Unlock()
	if hang != nil {
		select {
		case m.asked <- struct{}{}:
		default:
		}
		<-hang
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if int(r.Addr)+int(r.Quantity) > len(m.coils) {
		return nil, peer.ErrIllegalDataAddress
	}
	if r.IsWrite {
		copy(m.coils[r.Addr:], r.Args)
	}
	return slices.Clone(m.coils[r.Addr : r.Addr+r.Quantity]), nil
}

func (m *module) HandleDiscreteInputs(*peer.DiscreteInputsRequest) ([]bool, error) {
	return nil, peer.ErrIllegalFunction
}

func (m *module) HandleHoldingRegisters(*peer.HoldingRegistersRequest) ([]uint16, error) {
	return nil, peer.ErrIllegalFunction
}

func (m *module) HandleInputRegisters(*peer.InputRegistersRequest) ([]uint16, error) {
	return nil, peer.ErrIllegalFunction
}

func (m *module) coil(n int) bool { m.mu.Lock(); defer m.mu.Unlock(); return m.coils[n] }

func serveModule(t *testing.T, m *module) (port string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port = "tcp://" + l.Addr().String()
	l.Close()
	s, err := peer.NewServer(&peer.ServerConfiguration{URL: port, Timeout: time.Minute, MaxClients: 4}, m)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return port
}

// pair is a valve at a Modbus coil and a siren at a GPIO line, both running.
func pair(t *testing.T, port, keys string, pin *bustest.Pin) (valve, horn *Actuator) {
	t.Helper()
	var list []yaml.Node
	text := fmt.Sprintf("- {id: valve, kind: gas_valve, output: {modbus: {port: %q, slave: 9, coil: 1%s}}, feedback: {modbus: {port: %[1]q, slave: 9, coil: 1%[2]s}}}\n- {id: horn, kind: siren, output: {gpio: {line: 1}}}", port, keys)
	if err := yaml.Unmarshal([]byte(text), &list); err != nil {
		t.Fatal(err)
	}
	made, err := Build("g.yaml", list, Deps{Log: slog.New(slog.DiscardHandler), Dir: t.TempDir(),
		Wires: map[string]Wires{"gpio": GPIO(pin.Buses()), "modbus": Modbus(modbus.NewBuses(serialline.NewLines()))}})
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range made {
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- a.Device().Run(ctx, telemetry.Clock{}, func(telemetry.Point) {}) }()
		t.Cleanup(func() {
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
	}
	return made[0], made[1]
}

func until(t *testing.T, what string, f func() bool) {
	t.Helper()
	for limit := time.Now().Add(20 * time.Second); !f(); <-time.After(time.Millisecond) {
		if time.Now().After(limit) {
			t.Fatalf("not %s", what)
		}
	}
}

func TestCoil(t *testing.T) {
	for keys, off := range map[string]bool{"": false, ", active: \"off\"": true} {
		m := &module{}
		valve, _ := pair(t, serveModule(t, m), keys, &bustest.Pin{})
		until(t, "at rest", func() bool { s := valve.Status(); return s.Known && s.State == 0 && m.coil(1) == off })
		valve.Trip(leak)
		until(t, "closed", func() bool { s := valve.Status(); return s.State == 1 && m.coil(1) != off })
		valve.Reset()
		until(t, "at rest again", func() bool { return valve.Status().State == 0 && m.coil(1) == off })
	}
}

// A slave that hangs in the middle of a transaction delays what hangs on it; the siren
// at a GPIO line sounds meanwhile.
func TestHangingCoilDoesNotDelayTheSiren(t *testing.T) {
	m := &module{asked: make(chan struct{}, 1)}
	pin := &bustest.Pin{}
	valve, horn := pair(t, serveModule(t, m), "", pin)
	until(t, "at rest", func() bool { s := valve.Status(); return s.Known && s.State == 0 })
	release := make(chan struct{})
	m.mu.Lock()
	m.hang = release
	m.mu.Unlock()
	valve.Trip(leak)
	<-m.asked
	horn.Trip(leak)
	until(t, "sounding", func() bool { s := horn.Status(); return s.Known && s.State == 1 })
	if m.coil(1) {
		t.Error("the valve has closed: nothing has been shown")
	}
	until(t, "a fault", func() bool { return valve.Status().Fault == "no_response" })
	m.mu.Lock()
	m.hang = nil
	m.mu.Unlock()
	close(release)
	until(t, "closed", func() bool { s := valve.Status(); return s.State == 1 && s.Fault == "" && m.coil(1) })
}

func TestCoilMistakes(t *testing.T) {
	wires := map[string]Wires{"modbus": Modbus(modbus.NewBuses(serialline.NewLines()))}
	for keys, want := range map[string]string{
		"port: tcp://h:502":                                "coil is missing",
		"port: tcp://h:502, coil: 65536":                   "coil 65536 is not between 0 and 65535",
		"port: tcp://h:502, coil: 0, active: high":         `active is on or off, not "high"`,
		"port: tcp://h:502, coil: 0, slave: 300":           "slave 300 is not between 1 and 247",
		"port: tcp://h, coil: 0":                           "has no port number",
		"port: tcp://h:502, coil: 0, function: 5, addr: 1": `unknown key "function"`,
	} {
		var list []yaml.Node
		if err := yaml.Unmarshal([]byte("- {id: v, kind: siren, output: {modbus: {"+keys+"}}}"), &list); err != nil {
			t.Fatal(err)
		}
		if _, err := Build("g.yaml", list, Deps{Log: slog.New(slog.DiscardHandler), Dir: t.TempDir(), Wires: wires}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", keys, err, want)
		}
	}
}

// Two actuators at one output would undo each other's work.
func TestAnOutputIsOneActuators(t *testing.T) {
	wires := map[string]Wires{"modbus": Modbus(modbus.NewBuses(serialline.NewLines()))}
	for second, want := range map[string]string{
		"coil: 0": "g.yaml:2:42: coil 0 of slave 1 at tcp://h:502 is moved by a: give one of them another output",
		"coil: 1": "",
	} {
		var list []yaml.Node
		text := "- {id: a, kind: siren, output: {modbus: {port: tcp://h:502, coil: 0}}}\n- {id: b, kind: beacon, output: {modbus: {port: tcp://h:502, " + second + "}}}"
		if err := yaml.Unmarshal([]byte(text), &list); err != nil {
			t.Fatal(err)
		}
		got := ""
		if _, err := Build("g.yaml", list, Deps{Log: slog.New(slog.DiscardHandler), Dir: t.TempDir(), Wires: wires}); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", second, got, want)
		}
	}
}
