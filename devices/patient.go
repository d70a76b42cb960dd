package devices

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/telemetry"
)

// PollPatiently is Poll for parts on a bus: a sample that fails now and then is a
// fault and no restart (see Patience).
func PollPatiently(info Info, sample Sample) Device {
	var patience Patience
	return Poll(info, func(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
		points, err := sample(ctx, now)
		switch {
		case errors.Is(ctx.Err(), context.Canceled):
			return nil, err // the device is being stopped: that is no fault
		case err != nil:
			return patience.Failed(err, info.Metrics)
		}
		patience.Worked()
		return points, nil
	})
}
