package edge

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/bus/bustest"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/telemetry"
)

// room is a bus with an SHT3x that fails as the test says.
type room struct{ fail func() error }

func (room) String() string                  { return "test" }
func (room) Close() error                    { return nil }
func (room) SetSpeed(physic.Frequency) error { return nil }

func (c room) Tx(_ uint16, _, r []byte) error {
	copy(r, []byte{0x66, 0x66, 0x93, 0x80, 0x00, 0xa2}) // 25 °C, 50 %RH
	return c.fail()
}

// Two sensors on two buses, of which one hangs and the other stops answering: each is
// one line in the log, a third does not notice, and both work again by themselves.
func TestFaultIsOneEvent(t *testing.T) {
	var well atomic.Bool
	release := make(chan struct{})
	w := newWiring(bus.Openers{I2C: func(path string) (i2c.BusCloser, error) {
		return room{map[string]func() error{
			"/dev/i2c-1": func() error {
				if !well.Load() {
					<-release
				}
				return nil
			},
			"/dev/i2c-2": func() error {
				if !well.Load() {
					return errors.New("no acknowledge")
				}
				return nil
			},
			"/dev/i2c-3": func() error { return nil },
		}[path]}, nil
	}})
	dir := t.TempDir()
	write(t, dir, "password", "secret\n")
	file := write(t, dir, "gateway.yaml", `
group: g
node: n
mqtt: {url: tcp://127.0.0.1:1, password_file: ./password}
devices:
  - {id: hangs, kind: sht3x, interval: 100ms, bus: /dev/i2c-1}
  - {id: away, kind: sht3x, interval: 100ms, bus: /dev/i2c-2}
  - {id: well, kind: sht3x, interval: 100ms, bus: /dev/i2c-3}
`)
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	kinds := kindsOn(w, catalogue, slog.New(slog.DiscardHandler))
	cfg, err := gateway.Load(file, kinds)
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{more: make(chan struct{}, 1)}
	g, err := gateway.New(cfg, gateway.Deps{Log: slog.New(slog.NewTextHandler(log, nil)), Kinds: kinds, Dir: dir, Catalogue: catalogue})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- g.Run(ctx) }()
	log.find(t, `device failed.*device=(hangs)`)
	log.find(t, `device failed.*device=(away)`)
	status := func(id string) gateway.DeviceStatus {
		list := g.Status().Devices
		return list[slices.IndexFunc(list, func(d gateway.DeviceStatus) bool { return d.ID == id })]
	}
	for limit := time.Now().Add(20 * time.Second); status("hangs").Restarts < 2 || status("away").Restarts < 2; {
		if time.Now().After(limit) {
			t.Fatal("not tried again")
		}
		time.Sleep(10 * time.Millisecond)
	}
	if s := status("well"); s.Faults > 0 || s.Points < 20 {
		t.Errorf("the third: %+v", s)
	}
	well.Store(true)
	close(release)
	log.find(t, `works again.*device=(hangs)`)
	log.find(t, `works again.*device=(away)`)
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
	log.mu.Lock()
	defer log.mu.Unlock()
	for _, id := range []string{"hangs", "away"} {
		if n := strings.Count(log.text.String(), "device="+id+" "); n != 2 {
			t.Errorf("%d lines about %s, want one when it failed and one when it worked:\n%s", n, id, log.text.String())
		}
	}
}

// From the converter's registers to %LEL: an MQ-4 behind a divider at input 3 of an
// ADS1115. 0x5dc0 at ±4.096 V are 3 V; with a divider of 1.25 they are
// 3.75 V over 10 kΩ, so that Rs is 3333 Ω, Rs/R0 1 and the gas 1012.7 ppm.
func TestFromRegistersToGas(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "password", "secret\n")
	file := write(t, dir, "gateway.yaml", `
group: g
node: n
mqtt: {password_file: ./password}
devices:
  - id: kitchen
    kind: mq4
    warm_up: 0s
    divider: 1.25
    calibration: {r0: 3333.3333333}
    adc: {kind: ads1115, address: 0x49, channel: 3}
`)
	config := bustest.IO{Addr: 0x49, W: []byte{1}, R: []byte{0xf3, 0x83}}
	result := bustest.IO{Addr: 0x49, W: []byte{0}, R: []byte{0x5d, 0xc0}}
	play := bustest.Play(config, bustest.IO{Addr: 0x49, W: []byte{1, 0xf3, 0x83}}, config, result, result)
	kinds := newHardware(&wiring{buses: play.Buses()}, telemetry.NewCatalogue(telemetry.LEL{})).kinds()
	cfg, err := gateway.Load(file, kinds)
	if err != nil {
		t.Fatal(err)
	}
	dev, err := kinds["mq4"](&cfg.Devices[0], dir)
	if err != nil {
		t.Fatal(err)
	}
	points, err := bustest.Round(t, dev, 1)
	if err != nil || len(points) != 1 || points[0].Quality != telemetry.Good || math.Abs(points[0].Value-1012.7/500) > 1e-6 {
		t.Errorf("got %v, %v", points, err)
	}
	if err := play.Done(); err != nil {
		t.Error(err)
	}
}
