package edge

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"periph.io/x/conn/v3/i2c"
	"periph.io/x/conn/v3/physic"

	"weishao.dev/weishao/devices"
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
	synctest.Test(t, func(t *testing.T) {
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
		file := write(t, dir, "gateway.yaml", `
group: g
node: n
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
		var mu sync.Mutex
		good, faults := map[string]int{}, map[string]int{}
		see := func(d devices.Info, p telemetry.Point) {
			mu.Lock()
			defer mu.Unlock()
			if p.Quality.Fault() {
				faults[d.ID]++
			} else {
				good[d.ID]++
			}
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error)
		deps := gateway.Deps{Log: slog.New(slog.NewTextHandler(log, nil)), Kinds: kinds, Dir: dir, Catalogue: catalogue}
		go func() { done <- gateway.Observe(ctx, cfg, deps, func([]devices.Info) {}, see) }()
		time.Sleep(time.Minute)
		mu.Lock()
		if good["hangs"] > 0 || good["away"] > 0 || faults["hangs"] < 500 || faults["away"] < 500 {
			t.Errorf("of those that fail: %v measured, %v faults", good, faults)
		}
		if faults["well"] > 0 || good["well"] < 1198 { // two metrics, ten times a second
			t.Errorf("the third: %d measured, %d faults", good["well"], faults["well"])
		}
		mu.Unlock()
		well.Store(true)
		close(release)
		time.Sleep(3 * time.Minute) // the longest back-off, and some
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		text := log.text.String()
		for _, id := range []string{"hangs", "away"} {
			if good[id] == 0 || strings.Count(text, "device="+id+" ") != 2 || !strings.Contains(text, "works again") {
				t.Errorf("%s: measured %d times; want one line when it failed and one when it worked:\n%s", id, good[id], text)
			}
		}
	})
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
