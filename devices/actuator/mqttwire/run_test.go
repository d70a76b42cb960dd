package mqttwire

import (
	"context"
	"testing"

	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/telemetry"
)

// run runs an actuator until the test ends.
func run(t *testing.T, a *actuator.Actuator) {
	t.Helper()
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
