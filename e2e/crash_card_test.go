package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// carried answers nil when the gateway has measured so many points in this life of
// its process and next to nothing that it holds is not acknowledged.
func (r *rig) carried(points float64) error {
	measured, err := r.gw.Metric("points_total")
	if err != nil {
		return err
	}
	pending, err := r.gw.Metric("outbox_pending_readings")
	if err != nil {
		return err
	}
	if measured < points || pending > 150 {
		return fmt.Errorf("%.0f points measured, %.0f pending", measured, pending)
	}
	return nil
}

// forkReported answers nil when the hub has one incident that says that the
// gateway's card has two histories.
func (r *rig) forkReported() error {
	list, err := r.hub.API.Incidents("fault")
	if err != nil {
		return err
	}
	n := 0
	for _, inc := range list {
		if inc.Reason == "forked" && inc.Node == "g/n" {
			n++
		}
	}
	if n != 1 {
		return fmt.Errorf("%d incidents of a forked card in %+v", n, list)
	}
	return nil
}

// epoch is what the card says of its epoch.
func epoch(t *testing.T, outbox string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(outbox, "epoch"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func move(t *testing.T, from, to string) {
	t.Helper()
	if err := os.Rename(from, to); err != nil {
		t.Fatal(err)
	}
}

// image copies a card.
func image(t *testing.T, outbox string) string {
	t.Helper()
	to := filepath.Join(t.TempDir(), "image")
	if err := os.CopyFS(to, os.DirFS(outbox)); err != nil {
		t.Fatal(err)
	}
	return to
}

// A gateway whose card is put back from an image of some time ago repeats its past:
// it opens the same runs again. The hub is not misled: what the second life measures
// is not taken for a replay of the first, the operators hear of it, and the card gets
// a new epoch.
func TestRestoredCardIsNotTakenForAReplay(t *testing.T) {
	t.Parallel()
	r := newRig(t, kitchens(10, nil), false, "")
	harness.Eventually(t, "a first life", func() error { return r.carried(200) })
	r.gw.Crash()
	old := image(t, r.gw.Outbox())
	r.gw.Restart(t)
	harness.Eventually(t, "the first life goes on", func() error { return r.carried(300) })
	r.settle()
	first := filepath.Join(r.gw.Dir, "first-life")
	move(t, r.gw.Outbox(), first)

	before := epoch(t, old)
	move(t, old, r.gw.Outbox())
	r.gw.Restart(t)
	harness.Eventually(t, "the restored card is reported", r.forkReported)
	harness.Eventually(t, "the second life", func() error { return r.carried(300) })
	if epoch(t, r.gw.Outbox()) == before {
		t.Error("the restored card kept its epoch")
	}
	r.settle()
	harness.Eventually(t, "no gap is left", func() error { return noGaps(r.hub) })
	if err := r.history(first).err(); err != nil {
		t.Error(err)
	}
}

// Two gateways with one card's copies and one name push each other out of the broker
// for as long as both run. What either measures is kept, nothing is doubled, and the
// clone is reported.
func TestClonedCardIsReported(t *testing.T) {
	t.Parallel()
	r := newRig(t, kitchens(10, nil), false, "")
	harness.Eventually(t, "a first life", func() error { return r.carried(200) })
	r.gw.Crash()
	clone := harness.NewGateway(t, r.credentials, r.link.Addr, kitchens(10, nil), "", r.env...)
	configureRest(t, clone, r.credentials, r.link.Addr)
	move(t, image(t, r.gw.Outbox()), clone.Outbox())
	r.gw.Restart(t)
	clone.Restart(t)
	harness.Eventually(t, "the clone is reported", r.forkReported)
	harness.Eventually(t, "two epochs", func() error {
		if epoch(t, r.gw.Outbox()) == epoch(t, clone.Outbox()) {
			return errors.New("both cards have the same")
		}
		return nil
	})
	one, other := r.gw, clone
	for _, gw := range []*harness.Gateway{one, other} {
		r.gw = gw
		harness.Eventually(t, "both go on", func() error { return r.gauge("points_total", 500) })
	}
	for _, gw := range []*harness.Gateway{one, other} {
		harness.Eventually(t, "gateway runs", gw.Running)
		gw.Stop(t)
	}
	for _, gw := range []*harness.Gateway{one, other} {
		r.gw = gw
		r.rest()
	}
	harness.Eventually(t, "no gap is left", func() error { return noGaps(r.hub) })
	if err := r.history(one.Outbox()).err(); err != nil {
		t.Error(err)
	}
}

// A card that is pulled out silences nothing: the gateway goes on from memory in an
// epoch of its own, marked volatile. When it is back nothing that was on it is lost,
// and it is not taken for a clone.
func TestPulledCardSilencesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t, kitchens(10, nil), false, "")
	harness.Eventually(t, "a first life", func() error { return r.carried(200) })
	pulled := r.gw.Outbox() + ".pulled"
	move(t, r.gw.Outbox(), pulled)
	harness.WriteFile(t, r.gw.Dir, "outbox", "no card\n")
	r.link.Cut()
	harness.Eventually(t, "readings wait", func() error { return r.gauge("outbox_pending_readings", 100) })
	r.link.Mend(t)
	harness.Eventually(t, "the gateway goes on from memory", func() error { return r.gauge("outbox_volatile", 1) })
	before, err := r.gw.Metric("points_total")
	if err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, "readings come from memory", func() error { return r.gauge("points_total", before+300) })

	if err := os.Remove(r.gw.Outbox()); err != nil {
		t.Fatal(err)
	}
	move(t, pulled, r.gw.Outbox())
	harness.Eventually(t, "the card is used again", func() error {
		if v, err := r.gw.Metric("outbox_volatile"); err != nil || v != 0 {
			return fmt.Errorf("volatile %v, %v", v, err)
		}
		return nil
	})
	harness.Eventually(t, "all from memory is handed over", func() error { return r.carried(before + 400) })
	r.settle()
	harness.Eventually(t, "no gap is left", func() error { return noGaps(r.hub) })
	h := r.history()
	if err := h.err(); err != nil {
		t.Error(err)
	}
	if h.volatile < 200 || h.forks > 0 {
		t.Errorf("%d readings from memory, want 200 at least; %d forks, want none", h.volatile, h.forks)
	}
}

// gauge answers nil when a metric of the gateway has reached a value.
func (r *rig) gauge(name string, least float64) error {
	v, err := r.gw.Metric(name)
	if err == nil && v < least {
		err = fmt.Errorf("%s is %.0f", name, v)
	}
	return err
}
