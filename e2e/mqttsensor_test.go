package e2e

import (
	"fmt"
	"strings"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

const (
	twinguard = "zigbee2mqtt/Schlafzimmer Rauchmelder"
	heimanGas = "zigbee2mqtt/厨房 燃气"
)

// Sensors of Zigbee2MQTT, by their recorded messages, get through a real Mosquitto and a
// gateway to the hub: listed, with an incident when they alarm, in fault while their
// broker is dead, and well again afterwards.
func TestMQTTSensors(t *testing.T) {
	t.Parallel()
	h := harness.NewHub(t, "")
	c := h.Enrol(t, "beixin", "gw-1")
	s := harness.NewSensors(t, "zigbee2mqtt/#")
	broker := s.YAML(t, t.TempDir())
	gw := harness.NewGateway(t, c, h.MQTT, fmt.Sprintf(`
  - id: bedroom
    kind: zigbee2mqtt
    placement: room_smoke
    topic: %s
    fields: {smoke: {}, temperature: {}}
    %s
  - id: kitchen
    kind: zigbee2mqtt
    placement: kitchen_gas
    topic: %s
    unreliable_clear: true
    fields: {gas: {}}
    %s
`, twinguard, broker, heimanGas, broker), "")
	s.Publish(t, twinguard, `{"smoke":true,"temperature":90}`, true) // of last week, as far as anybody knows
	gw.Restart(t)

	quality := func(device, metric, want string, value float64) func() error {
		return func() error {
			d, err := h.API.Device("beixin/gw-1/" + device)
			if err != nil {
				return err
			}
			if v, ok := d.Last(metric); !ok || v.Quality != want || v.Value != value {
				return fmt.Errorf("%s of %s: %+v, want %g, %s", metric, device, v, value, want)
			}
			return nil
		}
	}
	harness.Eventually(t, "the bedroom is listed, and null is no data", func() error {
		s.Publish(t, twinguard, `{"temperature":null,"humidity":null,"battery":null,"smoke":false,"heartbeat":"ON"}`, true)
		if err := quality("bedroom", "contact", "good", 0)(); err != nil {
			return err
		}
		return quality("bedroom", "temperature", "no_response", 0)()
	})
	s.Publish(t, twinguard, `{"temperature":21.5,"humidity":44,"smoke":false,"heartbeat":"ON"}`, true)
	harness.Eventually(t, "it measures", quality("bedroom", "temperature", "good", 21.5))

	s.Publish(t, twinguard, `{"temperature":23.5,"humidity":44,"smoke":true,"heartbeat":"ON"}`, true)
	s.Publish(t, heimanGas, `{"battery_low":false,"gas":true,"linkquality":41,"tamper":false}`, false)
	harness.Eventually(t, "smoke and gas are incidents", func() error {
		for _, hazard := range []string{"smoke", "gas_leak"} {
			if list, err := h.API.Incidents(hazard); err != nil || len(list) != 1 {
				return fmt.Errorf("%s: %+v, %v", hazard, list, err)
			}
		}
		return nil
	})
	s.Publish(t, heimanGas, `{"battery_low":false,"gas":false,"linkquality":41,"tamper":false}`, false)
	harness.Eventually(t, "its all-clear proves nothing", quality("kitchen", "contact", "warmup", 0))

	s.Crash()
	harness.Eventually(t, "the broker is dead: a fault", quality("bedroom", "contact", "no_response", 0))
	harness.Eventually(t, "which is an incident", func() error {
		list, err := h.API.Incidents("fault")
		for _, x := range list {
			if strings.Contains(strings.Join(x.Devices, " ")+strings.Join(x.Places, " "), "bedroom") {
				return nil
			}
		}
		return fmt.Errorf("%+v, %v", list, err)
	})
	s.Restart(t)
	harness.Eventually(t, "the gateway is back at the broker", func() error {
		if !strings.Contains(gw.Output(), "the sensors' broker is there again") {
			return fmt.Errorf("it says\n%s", gw.Output())
		}
		return nil
	})
	s.Publish(t, twinguard, `{"temperature":22,"humidity":44,"smoke":false,"heartbeat":"ON"}`, true)
	harness.Eventually(t, "it measures again", quality("bedroom", "temperature", "good", 22))

	for _, text := range []string{"no connection to the sensors' broker", "the sensors' broker is there again"} {
		if n := strings.Count(gw.Output(), text); n != 1 {
			t.Errorf("%q is told %d times", text, n)
		}
	}
	gas, err := h.API.Incidents("gas_leak")
	if err != nil || len(gas) != 1 || gas[0].Cleared != "" {
		t.Errorf("the gas alarm: %+v, %v; want one that nothing has cleared", gas, err)
	}
	gw.Stop(t)
}
