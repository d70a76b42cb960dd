package rules

import (
	"fmt"
	"strings"
	"testing"

	"weishao.dev/weishao/telemetry/record"
)

// A device that comes to a place where several are looked at together takes nothing of
// theirs, wherever its name stands among them.
func TestADeviceComesToAPlace(t *testing.T) {
	site := func(version string, devices ...string) *record.Site {
		text := strings.Split(threePlaces, "devices:")[0] + "devices:\n"
		for _, d := range devices {
			text += fmt.Sprintf("  - {id: g/n/%s, place: p1, placement: kitchen_gas}\n", d)
		}
		return &record.Site{Version: version, File: record.File{Name: "site.yaml", Data: []byte(text)}}
	}
	w := newWorld(t, twoInAPlace)
	w.apply(t0, site("1", "a", "c", "d"))
	for _, d := range []string{"a", "c", "d"} {
		w.born("g/n/"+d, 1000, "gas.ch4")
	}
	for at := t0 + 1000; at <= t0+10_000; at += 1000 {
		w.apply(at, reading("g/n/a", "gas.ch4", at, 1), reading("g/n/c", "gas.ch4", at, 30), reading("g/n/d", "gas.ch4", at, 1), &record.Tick{})
	}
	w.want("raise gas at 6 since 1")
	w.apply(t0+10_500, site("2", "a", "b", "c", "d"))
	w.apply(t0+11_000, reading("g/n/c", "gas.ch4", t0+11_000, 1))
	w.ticks(t0 + 21_000)
	w.apply(t0+21_500, reading("g/n/c", "gas.ch4", t0+21_500, 1))
	w.want("raise gas at 6 since 1", "clear gas at 21.5 since 1 until 11")
	if v := w.verdicts[1]; v.Device != "g/n/c" {
		t.Errorf("cleared of %s", v.Device)
	}
}
