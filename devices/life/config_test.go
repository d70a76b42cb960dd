package life

import (
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/internal/conf"
)

func settings(text, model string, metrics ...string) (Settings, error) {
	var o Own
	if err := conf.Decode("g.yaml", []byte(text), &o); err != nil {
		return Settings{}, err
	}
	var errs conf.Errors
	s := o.Settings(model, metrics, catalogue, &errs)
	return s, errs.Err()
}

func TestSettings(t *testing.T) {
	s, err := settings("life: {installed: 2026-03-01, calibrated: 2026-03-02}\n", "mq4", "gas.ch4")
	if err != nil || s.EndOfLife.Format(time.DateOnly) != "2031-02-28" || s.Due.Format(time.DateOnly) != "2027-03-02" || s.WarmUp != 0 {
		t.Errorf("an MQ-4: %+v, %v", s, err)
	}
	s, err = settings("life: {installed: 2026-03-01, service_life: 1095d, warm_up: 5m}\n", "ZE07-CO", "co")
	if err != nil || s.EndOfLife.Format(time.DateOnly) != "2029-02-28" || s.WarmUp != 5*time.Minute {
		t.Errorf("a cell in a shop: %+v, %v", s, err)
	}
	s, err = settings("life: {end_of_life: 2030-01-31, installed: 2026-03-01}\nstuck: {voltage: {after: 10m, noise: 100 mV}, temperature: {after: 0s}}\ndrift: {gas.ch4: {limit: 1500 ppm}}\n", "", "voltage", "temperature", "gas.ch4", "contact")
	if err != nil || s.EndOfLife.Format(time.DateOnly) != "2030-01-31" || s.Stuck["voltage"] != (StuckLimit{10 * time.Minute, 0.1, -1}) ||
		s.Drift["gas.ch4"] != (DriftLimit{3, day}) {
		t.Errorf("got %+v, %v", s, err)
	}
	if _, watched := s.Stuck["temperature"]; watched || len(s.Stuck) != 2 {
		t.Errorf("watched for standing still: %v", s.Stuck)
	}
	s, err = settings("stuck: {temperature: {after: 1h, noise: 0.9 °F}}\n", "", "temperature")
	if err != nil || s.Stuck["temperature"].Noise < 0.4999 || s.Stuck["temperature"].Noise > 0.5001 {
		t.Errorf("a difference of 0.9 °F is %g °C, %v", s.Stuck["temperature"].Noise, err)
	}
}

func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"stuck: {voltag: {after: 1m}}":                    `1:17: the device does not measure voltag (it measures voltage), did you mean "voltage"?`,
		"stuck: {voltage: {}}":                            "1:18: after is missing",
		"stuck: {voltage: {after: 1s}}":                   "1:26: after 1s is less than 10s",
		"stuck: {voltage: {after: 1m, noise: 5}}":         `1:37: "5" has no unit: write 5 V`,
		"stuck: {voltage: {after: 1m, noise: 5 A}}":       "1:37: A cannot be compared with V for voltage",
		"stuck: {voltage: {after: 1m, noise: -5 V}}":      "is negative",
		"stuck: {voltage: {after: 1m, noise: five V}}":    "is not a number with its unit",
		"drift: {voltage: {over: 2h}}":                    "limit is missing",
		"drift: {voltage: {limit: 3 V, over: 2m}}":        "over 2m0s is less than 1h0m0s",
		"life: {service_life: 5d}":                        "write installed: 2026-01-31 beside it",
		"life: {calibrate_every: 5d}":                     "write calibrated: 2026-01-31 beside it",
		"life: {installed: 2026-01-31, service_life: 1h}": "service_life 1h0m0s is less than",
		"life: {warm_up: -1s}":                            "warm_up -1s is less than 0s",
	} {
		if _, err := settings(text+"\n", "", "voltage"); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", text, err, want)
		}
	}
}

func TestEveryModelSaysWhereItsNumbersComeFrom(t *testing.T) {
	for name, m := range Models {
		if m.Source == "" {
			t.Errorf("%s has no source", name)
		}
		if got, ok := Of(strings.ToLower(name)); !ok || got != m {
			t.Errorf("%s is not found", name)
		}
	}
}
