package e2e

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
)

// The hardest promise: a gateway of 50 devices at ten readings a second each and the
// hub are killed 20 times each while the link between them fails, and in the end
// every reading that the gateway had on its card is in the log exactly once, nothing
// is pending, and every leak has exactly one incident.
func TestNoReadingLostNoneTwice(t *testing.T) { crashes(t, false) }

// The same with a broker in the middle that is not ours: its queues are no place to
// rely on, and when the hub dies its broker does not.
func TestNoReadingLostNoneTwiceThroughMosquitto(t *testing.T) { crashes(t, true) }

func crashes(t *testing.T, mosquitto bool) {
	t.Parallel() // they spend their time waiting
	began := time.Now()
	leaks := map[int]int{7: 5, 23: 20, 41: 35}
	r := newRig(t, kitchens(50, leaks), mosquitto, "")
	r.disturb(20, began.Add(soak(t)))
	r.link.Mend(t)
	r.hubReady()
	harness.Eventually(t, "an incident for every leak", func() error { return oneIncidentEach(r.hub, leaks) })
	r.settle()
	harness.Eventually(t, "no gap is left", func() error { return noGaps(r.hub) })
	if err := oneIncidentEach(r.hub, leaks); err != nil {
		t.Error(err)
	}
	h := r.history()
	if err := h.err(); err != nil {
		t.Error(err)
	}
	if h.forks > 0 {
		t.Errorf("%d times a killed gateway was taken for a cloned one", h.forks)
	}
	if h.alarms == 0 {
		t.Error("no reading of the leaks went ahead as an alarm")
	}
	if least := 50 * 10 * 20; len(h.written) < least {
		t.Errorf("%d readings were written, want %d at least: the test did not test much", len(h.written), least)
	}
}

// oneIncidentEach answers nil when every leak has exactly one incident of its own,
// and nothing else has one.
func oneIncidentEach(h *harness.Hub, leaks map[int]int) error {
	list, err := h.API.Incidents("gas_leak")
	if err != nil {
		return err
	}
	for i := range leaks {
		device := "g/n/" + kitchen(i)
		n := 0
		for _, inc := range list {
			if slices.Contains(inc.Devices, device) {
				n++
			}
		}
		if n != 1 {
			return fmt.Errorf("the leak of %s has %d incidents: %+v", device, n, list)
		}
	}
	if len(list) != len(leaks) {
		return fmt.Errorf("%d incidents of %d leaks: %+v", len(list), len(leaks), list)
	}
	return nil
}

// The test above can fail: a hub that tells a gateway that readings are committed
// before they are handed to the log is caught.
func TestAcknowledgingTooEarlyIsCaught(t *testing.T) { caught(t, "ack-before-fsync", 0) }

// So is a gateway that takes a finished publish for an acknowledgement.
func TestTrimmingOnPublishIsCaught(t *testing.T) { caught(t, "trim-on-puback", 20) }

// caught runs short crash tests with a fault built in until the checker sees it. One
// or two are nearly always enough; the moments are random.
func caught(t *testing.T, fault string, slow int) {
	t.Parallel()
	r := newRig(t, kitchens(50, nil), false, fault)
	r.slow = slow
	for range 6 {
		r.mend()
		r.disturb(6, time.Time{})
		r.settle()
		h := r.history()
		if lost := h.missing(); len(lost) > 0 {
			t.Logf("caught: %v", h.err())
			return
		}
		r.hub.Restart(t)
		r.gw.Restart(t)
	}
	t.Errorf("WEISHAO_FAULT=%s was not caught", fault)
}
