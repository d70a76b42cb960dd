package modbus

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	peer "github.com/simonvetter/modbus"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// handler is a server's registers and coils.
type handler struct {
	mu    sync.Mutex
	coils [8]bool
	fail  error
}

func (h *handler) HandleCoils(r *peer.CoilsRequest) ([]bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if int(r.Addr)+int(r.Quantity) > len(h.coils) {
		return nil, peer.ErrIllegalDataAddress
	}
	if r.IsWrite {
		copy(h.coils[r.Addr:], r.Args)
	}
	return h.coils[r.Addr : r.Addr+r.Quantity], nil
}

func (h *handler) HandleDiscreteInputs(*peer.DiscreteInputsRequest) ([]bool, error) {
	return nil, peer.ErrIllegalFunction
}

func (h *handler) HandleHoldingRegisters(r *peer.HoldingRegistersRequest) ([]uint16, error) {
	return []uint16{uint16(r.UnitId), r.Addr}[:r.Quantity], nil
}

func (h *handler) HandleInputRegisters(r *peer.InputRegistersRequest) ([]uint16, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return []uint16{uint16(r.UnitId), r.Addr}[:r.Quantity], h.fail
}

func serve(t *testing.T, url string, h *handler) *peer.ModbusServer {
	t.Helper()
	s, err := peer.NewServer(&peer.ServerConfiguration{URL: url, Timeout: time.Minute, MaxClients: 4}, h)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Stop() })
	return s
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// The peer is a server that we did not write.
func TestTCPWithAnotherServer(t *testing.T) {
	addr, h := freeAddr(t), &handler{}
	server := serve(t, "tcp://"+addr, h)
	s := buses().TCP(addr, 17, time.Second)
	defer s.bus.hold()()
	read := func() ([]uint16, error) { return s.Registers(t.Context(), ReadInput, 300, 2) }
	if regs, err := read(); err != nil || regs[0] != 17 || regs[1] != 300 {
		t.Fatalf("got %v, %v", regs, err)
	}
	if err := s.SetCoil(t.Context(), 3, true); err != nil || !h.coils[3] {
		t.Errorf("coil: %v, %v", h.coils, err)
	}
	if err := s.SetCoil(t.Context(), 99, true); !errors.Is(err, Exception(2)) || devices.QualityOf(err) != telemetry.BadFrame {
		t.Errorf("a coil that is not there: %v", err)
	}
	h.mu.Lock()
	h.fail = peer.ErrServerDeviceFailure
	h.mu.Unlock()
	if _, err := read(); !errors.Is(err, Exception(4)) || devices.QualityOf(err) != telemetry.NoResponse {
		t.Errorf("a device failure: %v", err)
	}
	_ = server.Stop()
	if _, err := read(); err == nil || devices.QualityOf(err) != telemetry.NoResponse {
		t.Errorf("without a server: %v", err)
	}
	serve(t, "tcp://"+addr, &handler{})
	if regs, err := read(); err != nil || regs[1] != 300 {
		t.Errorf("with the server back: %v, %v", regs, err)
	}
}

// scripted answers each question of 12 bytes with what it is given.
func scripted(t *testing.T, answer func(q []byte) []byte) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for q := make([]byte, 12); ; {
					if _, err := readFull(c, q); err != nil {
						return
					}
					a := answer(q)
					if a == nil {
						return
					}
					_, _ = c.Write(a)
				}
			}()
		}
	}()
	return l.Addr().String()
}

func readFull(c net.Conn, b []byte) (int, error) {
	n := 0
	for n < len(b) {
		k, err := c.Read(b[n:])
		if n += k; err != nil {
			return n, err
		}
	}
	return n, nil
}

func TestTCPFaults(t *testing.T) {
	good := func(q []byte) []byte { return []byte{q[0], q[1], 0, 0, 0, 5, q[6], 4, 2, 0x12, 0x34} }
	for _, c := range []struct {
		name, text string
		q          telemetry.Quality
		answer     func(q []byte) []byte
	}{
		{"silence", "no answer", telemetry.NoResponse, func([]byte) []byte { return []byte{} }},
		{"closed", "closed the connection", telemetry.NoResponse, func([]byte) []byte { return nil }},
		{"cut off", "no answer", telemetry.NoResponse, func(q []byte) []byte { return good(q)[:9] }},
		{"no Modbus", "another question", telemetry.BadFrame, func([]byte) []byte { return []byte("HTTP/1.1 400 Bad Request") }},
		{"another unit", "another slave", telemetry.BadFrame, func(q []byte) []byte { a := good(q); a[6]++; return a }},
		{"another function", "another question", telemetry.BadFrame, func(q []byte) []byte { a := good(q); a[7] = 3; return a }},
		{"another length", "another question", telemetry.BadFrame, func(q []byte) []byte { a := good(q); a[8] = 4; return a }},
		{"an old answer", "no answer", telemetry.NoResponse, func(q []byte) []byte { a := good(q); a[0] ^= 1; return a }},
	} {
		s := buses().TCP(scripted(t, c.answer), 1, 50*time.Millisecond)
		if regs, err := s.Registers(t.Context(), ReadInput, 0, 1); regs != nil || err == nil || devices.QualityOf(err) != c.q || !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: got %v, %v", c.name, regs, err)
		}
	}
	late := func(q []byte) []byte { old := good(q); old[1]--; old[10] = 0xFF; return append(old, good(q)...) }
	s := buses().TCP(scripted(t, late), 1, time.Second)
	if regs, err := s.Registers(t.Context(), ReadInput, 0, 1); err != nil || regs[0] != 0x1234 {
		t.Errorf("after an old answer: %x, %v", regs, err)
	}
	s = buses().TCP(freeAddr(t), 1, time.Second)
	if _, err := s.Registers(t.Context(), ReadInput, 0, 1); err == nil || !strings.Contains(err.Error(), "no connection") {
		t.Errorf("nobody there: %v", err)
	}
}
