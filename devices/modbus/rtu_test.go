package modbus

import (
	"context"
	"encoding/hex"
	"errors"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus/modbustest"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/telemetry"
)

func buses() *Buses { return NewBuses(serialline.NewLines()) }

func onLine(t *testing.T, b *Buses, path string, n byte) *Slave {
	t.Helper()
	l, err := b.lines.Line(path, serialline.At9600, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	s := b.Serial(l, n, 60*time.Millisecond)
	t.Cleanup(s.bus.hold())
	return s
}

func TestFrameOfTheSpecification(t *testing.T) {
	// A question for ten input registers of slave 1 from 0 on.
	if got := hex.EncodeToString(frame(1, read(ReadInput, 0, 10))); got != "01040000000a700d" {
		t.Errorf("got %s", got)
	}
}

func TestEachFaultIsOneAndRecovers(t *testing.T) {
	line := modbustest.New(t)
	line.Put(5, modbustest.NewRegisters(100, 7, 8).Slave(ReadHolding))
	s := onLine(t, buses(), line.Path, 5)
	for _, f := range modbustest.Faults() {
		line.Distort(f.Distort)
		regs, err := s.Registers(t.Context(), ReadHolding, 100, 2)
		if regs != nil || devices.QualityOf(err) != f.Quality || !strings.Contains(err.Error(), f.Text) {
			t.Errorf("%s: got %v, %v, want %v and %q", f.Name, regs, err, f.Quality, f.Text)
		}
		line.Distort(nil)
		if regs, err := s.Registers(t.Context(), ReadHolding, 100, 2); err != nil || regs[0] != 7 || regs[1] != 8 {
			t.Errorf("after %s: got %v, %v", f.Name, regs, err)
		}
	}
}

func TestADisturbedFrameIsAskedForAgain(t *testing.T) {
	line := modbustest.New(t)
	line.Put(5, modbustest.NewRegisters(0, 1).Slave(ReadInput))
	s := onLine(t, buses(), line.Path, 5)
	for _, f := range modbustest.Faults() {
		var n atomic.Int32
		line.Distort(func(q, b []byte) []byte {
			if n.Add(1) == 1 {
				return f.Distort(q, b)
			}
			return b
		})
		if regs, err := s.Registers(t.Context(), ReadInput, 0, 1); err != nil || regs[0] != 1 {
			t.Errorf("%s, once: %v, %v", f.Name, regs, err)
		}
	}
}

// An answer that comes after its time is not taken for the next one's.
func TestALateAnswerIsDropped(t *testing.T) {
	line := modbustest.New(t)
	var n atomic.Int32
	line.Put(1, func(q []byte) []byte {
		if n.Add(1) <= 2 { // both tries of the first
			time.AfterFunc(90*time.Millisecond, func() { line.Say(modbustest.Frame(1, 4, 2, 0xAA, 0xAA)...) })
			return nil
		}
		return []byte{4, 2, 0, q[2]}
	})
	s := onLine(t, buses(), line.Path, 1)
	if regs, err := s.Registers(t.Context(), ReadInput, 1, 1); err == nil {
		t.Errorf("late, but got %v", regs)
	}
	if regs, err := s.Registers(t.Context(), ReadInput, 2, 1); err != nil || regs[0] != 2 {
		t.Errorf("got %x, %v", regs, err)
	}
}

// One slave that is away costs the others its time and no more.
func TestSlavesShareALine(t *testing.T) {
	line, b := modbustest.New(t), buses()
	done := make(chan error, 30)
	for n := byte(1); n <= 3; n++ {
		if n != 2 {
			line.Put(n, modbustest.NewRegisters(0, uint16(n)).Slave(ReadInput))
		}
	}
	for n := byte(1); n <= 3; n++ {
		s := onLine(t, b, line.Path, n)
		go func() {
			for range 10 {
				regs, err := s.Registers(t.Context(), ReadInput, 0, 1)
				switch {
				case n == 2 && !errors.Is(err, ErrNoAnswer):
					done <- errors.New("slave 2 is not there and answered")
				case n != 2 && (err != nil || regs[0] != uint16(n)):
					done <- errors.Join(err, errors.New("another's register"))
				default:
					done <- nil
				}
			}
		}()
	}
	for range 30 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// A coil goes ahead of all polls that wait, and is read back.
func TestACoilGoesAheadOfPolls(t *testing.T) {
	line, b := modbustest.New(t), buses()
	var on atomic.Bool
	var polls, before atomic.Int32
	begun, hold := make(chan bool), make(chan bool)
	line.Put(1, func(q []byte) []byte {
		if polls.Add(1) == 1 {
			close(begun)
			<-hold
		}
		return []byte{4, 2, 0, 1}
	})
	line.Put(9, func(q []byte) []byte {
		if q[0] == WriteCoil {
			before.Store(polls.Load())
			on.Store(q[3] == 0xFF)
			return q
		}
		state := byte(0)
		if on.Load() {
			state = 1
		}
		return []byte{ReadCoils, 1, state}
	})
	meter, relay := onLine(t, b, line.Path, 1), onLine(t, b, line.Path, 9)
	meter.timeout = 5 * time.Second // the first one is kept waiting
	done := make(chan error, 9)
	for range 8 {
		go func() { _, err := meter.Registers(t.Context(), ReadInput, 0, 1); done <- err }()
	}
	<-begun
	go func() { done <- relay.SetCoil(t.Context(), 3, true) }()
	for meter.bus.(*rtu).line.Waiting() < 8 {
		runtime.Gosched()
	}
	close(hold)
	for range 9 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if !on.Load() || before.Load() != 1 {
		t.Errorf("on %v, behind %d polls, want 1", on.Load(), before.Load())
	}
	line.Put(9, func(q []byte) []byte { // a relay that confirms and does not switch
		if q[0] == WriteCoil {
			return q
		}
		return []byte{ReadCoils, 1, 0}
	})
	if err := relay.SetCoil(t.Context(), 3, true); err == nil || !strings.Contains(err.Error(), "was switched and is not") {
		t.Errorf("got %v", err)
	}
}

func TestANoisyLineIsToldSo(t *testing.T) {
	line := modbustest.New(t)
	s := onLine(t, buses(), line.Path, 1)
	ctx, cancel := context.WithCancel(t.Context())
	quiet := make(chan bool)
	go func() {
		defer close(quiet)
		noise := time.NewTicker(time.Millisecond)
		defer noise.Stop()
		for ctx.Err() == nil {
			line.Say(0x55, 0xAA)
			<-noise.C
		}
	}()
	for range 3 {
		if regs, err := s.Registers(t.Context(), ReadInput, 0, 1); err == nil || devices.QualityOf(err) != telemetry.BadFrame {
			t.Errorf("got %v, %v", regs, err)
		}
	}
	cancel()
	<-quiet
}

func TestTooManyRegisters(t *testing.T) {
	s := onLine(t, buses(), modbustest.New(t).Path, 1)
	if _, err := s.Registers(t.Context(), ReadInput, 0, 126); err == nil {
		t.Error("126 registers at once")
	}
}

// Whatever comes back: no panic, and no content without a right checksum, slave,
// function and length.
func FuzzAnswer(f *testing.F) {
	q := read(ReadInput, 0, 2)
	f.Add(byte(1), []byte{}, []byte(q))
	f.Add(byte(1), modbustest.Frame(1, 4, 4, 1, 2, 3, 4), []byte(q))
	f.Add(byte(1), modbustest.Frame(1, 0x84, 2), []byte(q))
	for _, x := range modbustest.Faults() {
		f.Add(byte(1), x.Distort(frame(1, q), modbustest.Frame(1, 4, 4, 1, 2, 3, 4)), []byte(q))
	}
	f.Fuzz(func(t *testing.T, slave byte, got, ask []byte) {
		question := q
		if len(ask) == 5 && (ask[0] >= 3 && ask[0] <= 5 || ask[0] == 1) {
			question = ask
		}
		if answerLen(question) > maxADU {
			return
		}
		answer, err := unframe(slave, question, got)
		if err != nil {
			if answer != nil || !devices.QualityOf(err).Fault() {
				t.Errorf("%x: %x, %v", got, answer, err)
			}
			return
		}
		whole := got[:1+len(answer)+2]
		if modbustest.CRC(whole) != 0 || got[0] != slave {
			t.Errorf("taken: %x", got)
		}
		if data, err := content(question, answer); err == nil && (answer[0] != question[0] || data != nil && len(data) != answerLen(question)-2) {
			t.Errorf("content %x of %x for %x", data, answer, question)
		}
	})
}
