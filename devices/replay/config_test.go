package replay

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// A configured device has the names of its configuration, and the first row of the
// file though another device was started long before it.
func TestConfiguredDevice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := mustRead(t, rooms, Options{})
		first, ok := f.Device("room-b", devices.Info{ID: "stairs", Placement: "stair_smoke"})
		last, ok2 := f.Device("fire/x/room-a", devices.Info{ID: "kitchen", Model: "MQ-4", Interval: time.Minute})
		if _, wrong := f.Device("room-c", devices.Info{}); !ok || !ok2 || wrong {
			t.Fatalf("found %v, %v, and a device that is not there: %v", ok, ok2, wrong)
		}
		if got := first.Info(); got.ID != "stairs" || got.Model != "replay" || got.Placement != "stair_smoke" || got.Interval <= 0 || !slices.Equal(got.Metrics, []string{"smoke"}) {
			t.Errorf("got %+v", got)
		}
		if got := last.Info(); got.ID != "kitchen" || got.Model != "MQ-4" || got.Interval != time.Minute || !slices.Equal(got.Metrics, []string{"temperature", "co"}) {
			t.Errorf("got %+v", got)
		}
		began := time.Now()
		done := make(chan error, 1)
		go func() { done <- first.Run(t.Context(), telemetry.Clock{}, func(telemetry.Point) {}) }()
		time.Sleep(time.Second)
		var times []int64
		if err := last.Run(t.Context(), telemetry.Clock{}, func(p telemetry.Point) { times = append(times, p.Time-began.UnixMilli()) }); err != nil {
			t.Error(err)
		}
		if want := []int64{0, 2000, 2000, 4000, 60_000}; !slices.Equal(times, want) {
			t.Errorf("rows at %v ms, want %v", times, want)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
