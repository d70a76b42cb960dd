package mqttsensor

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/telemetry"
)

// A plug that has gone mad, or is somebody else's, takes neither memory nor the readings
// of the other sensors: what it sends beyond what a sensor can have to say is dropped.
func TestFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newInbox(telemetry.Clock{}, []string{"x"})
		taken := func(n int, drain bool) (got, full int) {
			for i := range n {
				if in.put(Message{Topic: "x", Payload: fmt.Append(nil, i)}) {
					full++
				}
				if drain || i == n-1 {
					m, _, _ := in.take()
					got += len(m)
				}
			}
			return got, full
		}
		if got, full := taken(10_000, true); got != burst || full != 10_000-burst {
			t.Errorf("at once: %d taken, %d told", got, full)
		}
		time.Sleep(2 * time.Second)
		if got, _ := taken(10_000, true); got != 2*perSecond {
			t.Errorf("two seconds later: %d taken", got)
		}
		time.Sleep(time.Hour)
		if got, full := taken(100, false); got != maxWaiting || full != 100-maxWaiting {
			t.Errorf("of one that does not read: %d taken, %d told", got, full)
		}
		for range 3600 { // as busy as a board with many sensors is
			time.Sleep(time.Second)
			if got, full := taken(perSecond, true); got != perSecond || full > 0 {
				t.Fatalf("an honest one: %d taken, %d told", got, full)
			}
		}
	})
}
