package session

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

func runUntil(t testing.TB, s *Session) func() {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); s.Run(ctx) }()
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			select {
			case <-done:
			case <-time.After(10 * time.Second):
				t.Error("the session does not stop")
			}
		})
	}
	t.Cleanup(stop)
	return stop
}

// exactly checks that the hub has sequences 1..n of a run once each and in order.
func (h *hub) exactly(run uint64, n int) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	next := uint64(1)
	for _, a := range h.got {
		if a.Run != run {
			continue
		}
		if a.Seq != next {
			h.t.Fatalf("run %x: sequence %d, want %d", run, a.Seq, next)
		}
		next++
	}
	if int(next) != n+1 {
		h.t.Fatalf("run %x: %d readings, want %d", run, next-1, n)
	}
}

func TestReadingsReachTheHubAndAreForgottenOnItsWord(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	box := newOutbox(t, t.TempDir())
	_, runs := box.Declare()
	s, stop := startSession(t, "tcp://"+broker, box, nil)
	h.until("birth", func() bool { return len(h.births) == 1 && len(h.devices) == 1 })
	for i := range 100 {
		box.Append(record.Live, []outbox.Batch{reading(i)})
	}
	box.Append(record.Alarm, []outbox.Batch{{Device: kitchen.ID, Points: []telemetry.Point{{Metric: "gas.ch4", Time: 5, Quality: telemetry.Open}}}})
	h.until("all committed", func() bool { return box.Status().Pending == 0 && len(h.got) == 101 })
	h.exactly(runs[1].ID, 100)
	h.exactly(runs[0].ID, 1)
	h.noComplaints()
	h.mu.Lock()
	d := h.devices[kitchen.ID]
	if d.Model != "MQ-4" || d.Placement != "kitchen_gas" || d.IntervalMS != 1000 || len(d.Metrics) != 1 || d.Metrics[0].Unit != "%LEL" || d.Metrics[0].Alias < sparkplug.AliasFirst {
		t.Errorf("device birth %+v", d)
	}
	for _, a := range h.got {
		if a.Run == runs[0].ID && a.Point.Quality != telemetry.Open {
			t.Errorf("the fault arrived as %+v", a)
		}
	}
	bd := h.births[0].BdSeq
	h.mu.Unlock()
	h.until("the session's count of it", func() bool { return s.Status().Committed == 101 })
	if st := s.Status(); !st.Connected || st.Readings < 101 || st.LastAck.IsZero() {
		t.Errorf("status %+v", st)
	}
	stop()
	h.until("certificate of death", func() bool { return len(h.dead) == 1 && h.bdSeqDied == bd })
}

// What is measured last waits for no second session, also where a birth is due at the
// stop, before which nothing may be sent.
func TestStopWhileABirthIsDue(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	box := newOutbox(t, t.TempDir())
	s, stop := startSession(t, "tcp://"+broker, box, nil)
	h.until("birth", func() bool { return len(h.births) == 1 && len(h.devices) == 1 })
	s.Report("0123456789ab", "")
	box.Append(record.Live, []outbox.Batch{reading(1)})
	stop()
	if n := box.Status().Pending; n != 0 {
		t.Errorf("%d readings are left for the next session", n)
	}
	h.until("certificate of death", func() bool { return len(h.got) == 1 && len(h.dead) == 1 })
	h.noComplaints()
}

func TestNothingIsForgottenWithoutTheHubsWord(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	h.mute = true
	box := newOutbox(t, t.TempDir())
	s, _ := startSession(t, "tcp://"+broker, box, nil)
	for i := range 10 {
		box.Append(record.Live, []outbox.Batch{reading(i)})
	}
	h.until("sent again", func() bool { return len(h.got) == 10 && h.replayed >= 10 })
	if st := box.Status(); st.Pending != 10 {
		t.Errorf("%d pending, want all 10", st.Pending)
	}
	if s.Status().Rewinds == 0 {
		t.Error("sending never went back")
	}
	h.mu.Lock()
	h.mute = false
	h.mu.Unlock()
	h.until("committed", func() bool { return box.Status().Pending == 0 })
	h.noComplaints()
}

func TestLostMessagesAreSentAgain(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	// Not every so many: if what is sent again is a multiple of that, the same
	// message is lost each time, for ever.
	luck := rand.New(rand.NewPCG(1, 2))
	h.drop = func(sparkplug.Data) bool { return luck.IntN(17) == 3 }
	box := newOutbox(t, t.TempDir())
	_, runs := box.Declare()
	startSession(t, "tcp://"+broker, box, func(c *Config) { c.MaxReadings = 3 })
	var points []telemetry.Point
	for i := range 200 {
		points = append(points, reading(i).Points...)
	}
	box.Append(record.Live, []outbox.Batch{{Device: kitchen.ID, Points: points}})
	h.until("all committed", func() bool { return box.Status().Pending == 0 })
	h.exactly(runs[1].ID, 200)
	h.noComplaints()
}

func TestCutLinkOpensARunAndDrainsTheOldOne(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	k := startLink(t, broker)
	box := newOutbox(t, t.TempDir())
	_, first := box.Declare()
	s, _ := startSession(t, k.url(), box, nil)
	h.until("birth", func() bool { return len(h.births) == 1 })
	box.Append(record.Live, []outbox.Batch{reading(0)})
	h.until("first reading", func() bool { return box.Status().Pending == 0 })
	h.mu.Lock()
	bd := h.births[0].BdSeq
	h.mu.Unlock()
	k.cut()
	h.until("will", func() bool { return len(h.dead) == 1 && h.bdSeqDied == bd })
	for i := 1; i < 500; i++ {
		box.Append(record.Live, []outbox.Batch{reading(i)})
	}
	if s.Status().LastError == "" {
		t.Error("the status does not say why there is no connection")
	}
	k.restore()
	h.until("drained", func() bool { return box.Status().Pending == 0 })
	box.Append(record.Live, []outbox.Batch{reading(500)})
	h.until("live again", func() bool { return box.Status().Pending == 0 })
	h.exactly(first[1].ID, 500)
	_, now := box.Declare()
	if len(now) != 2 || now[1].ID == first[1].ID || now[1].Parent != first[1].ID {
		t.Fatalf("runs %+v", now)
	}
	h.exactly(now[1].ID, 1)
	h.noComplaints()
}

// What is urgent overtakes what is live, and both overtake the backlog.
func TestOrder(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	dir := t.TempDir()
	old, err := outbox.Open(outbox.Options{Dir: dir, Log: quiet, Fingerprint: "card"})
	if err != nil {
		t.Fatal(err)
	}
	const backlog = 5000
	var points []telemetry.Point
	for i := range backlog {
		points = append(points, reading(i).Points...)
	}
	old.Append(record.Live, []outbox.Batch{{Device: kitchen.ID, Points: points}})
	_ = old.Close()
	box := newOutbox(t, dir)
	box.Append(record.Live, []outbox.Batch{reading(-1)})
	box.Append(record.Alarm, []outbox.Batch{reading(-2)})
	_, runs := box.Declare()
	began := time.Now()
	startSession(t, "tcp://"+broker, box, func(c *Config) { c.BacklogRate = 10_000 })
	h.until("backlog under way", func() bool { return len(h.got) > 500 })
	box.Append(record.Alarm, []outbox.Batch{reading(-3)})
	h.until("drained", func() bool { return box.Status().Pending == 0 })
	if took := time.Since(began); took < 300*time.Millisecond {
		t.Errorf("a backlog of %d at 10,000/s took %v: the rate is not limited", backlog, took)
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	// At a connection, what the live run held becomes backlog; alarms stay ahead.
	if a := h.got[0]; a.Run != runs[0].ID || a.Seq != 1 {
		t.Errorf("first came %+v, want the alarm", a)
	}
	for i, a := range h.got {
		if a.Run == runs[0].ID && a.Seq == 2 {
			t.Logf("the second alarm came after %d of %d readings", i, len(h.got))
			if i > backlog*9/10 {
				t.Errorf("the alarm waited for the backlog")
			}
		}
	}
}

func TestHubAsksForBirthAndNewEpoch(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	box := newOutbox(t, t.TempDir())
	startSession(t, "tcp://"+broker, box, nil)
	h.until("birth", func() bool { return len(h.births) == 1 && len(h.devices) == 1 })
	h.command(sparkplug.Command{Rebirth: true})
	h.until("second birth", func() bool { return len(h.births) == 2 && len(h.devices) == 1 })
	h.command(sparkplug.Command{NewEpoch: true})
	h.until("new epoch", func() bool { return len(h.births) >= 3 && h.births[len(h.births)-1].Epoch != h.births[0].Epoch })
	box.Append(record.Live, []outbox.Batch{reading(1)})
	h.until("reading of the new epoch", func() bool { return len(h.got) == 1 && box.Status().Pending == 0 })
	h.noComplaints()
}

// A hub that has lost its log is told what is gone, and takes what is left.
func TestHubLostItsMemory(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	box := newOutbox(t, t.TempDir())
	_, runs := box.Declare()
	id := runs[1].ID
	startSession(t, "tcp://"+broker, box, nil)
	h.until("birth", func() bool { return len(h.births) == 1 })
	for i := range 1000 { // several segments, so that some are deleted
		box.Append(record.Live, []outbox.Batch{reading(i)})
	}
	h.until("committed", func() bool { return box.Status().Pending == 0 })
	r, _ := box.Run(id)
	if r.Oldest <= 1 {
		t.Fatalf("nothing was trimmed: %+v", r)
	}
	h.mu.Lock()
	h.committed = map[uint64]uint64{}
	h.got = nil
	h.mu.Unlock()
	box.Append(record.Live, []outbox.Batch{reading(1000)})
	h.until("all that is left", func() bool {
		return len(h.got) > 0 && h.got[0].Seq == r.Oldest && h.committed[id] == 1001
	})
	h.noComplaints()
}

// Readings of a device that is no longer configured are announced, sent, and the
// device is declared dead afterwards.
func TestGhostDevice(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	dir := t.TempDir()
	old, err := outbox.Open(outbox.Options{Dir: dir, Log: quiet, Fingerprint: "card"})
	if err != nil {
		t.Fatal(err)
	}
	old.Append(record.Live, []outbox.Batch{{Device: "gone", Points: []telemetry.Point{{Metric: "power", Time: 1, Value: 2}}}})
	_ = old.Close()
	startSession(t, "tcp://"+broker, newOutbox(t, dir), nil)
	h.until("burial", func() bool { return len(h.dead) == 1 && h.dead[0] == "spBv1.0/beixin/DDEATH/gw-17/gone" })
	h.mu.Lock()
	if len(h.got) != 1 || h.got[0].Metric != "power" || !h.got[0].Backlog {
		t.Errorf("got %+v", h.got)
	}
	h.mu.Unlock()
	h.noComplaints()
}

func TestWindowBoundsWhatIsInFlight(t *testing.T) {
	broker := startBroker(t)
	h := startHub(t, broker)
	h.mute = true
	box := newOutbox(t, t.TempDir())
	startSession(t, "tcp://"+broker, box, func(c *Config) { c.Window, c.MaxReadings, c.AckTimeout = 100, 10, time.Minute })
	h.until("birth", func() bool { return len(h.births) == 1 })
	var points []telemetry.Point
	for i := range 1000 {
		points = append(points, reading(i).Points...)
	}
	box.Append(record.Live, []outbox.Batch{{Device: kitchen.ID, Points: points}})
	h.until("window full", func() bool { return len(h.got) == 100 })
	h.mu.Lock()
	h.mute = false
	for run, seq := range h.committed {
		h.command(sparkplug.Command{Committed: []sparkplug.Committed{{Run: run, Seq: seq}}})
	}
	if len(h.got) != 100 {
		t.Errorf("%d in flight, want 100", len(h.got))
	}
	h.mu.Unlock()
	h.until("all", func() bool { return box.Status().Pending == 0 })
}

func TestInboxMergesAndNeverWaits(t *testing.T) {
	b := newInbox()
	for i := range 1000 {
		c := sparkplug.Command{Committed: []sparkplug.Committed{{Run: 1<<32 | 1, Seq: uint64(i)}}, Resend: i == 7}
		if err := b.put(sparkplug.AppendCommand(nil, &c)); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.put([]byte{0xff, 0xff}); err == nil {
		t.Error("garbage was taken for a command")
	}
	o := b.take()
	if o.committed[1<<32|1] != 999 || !o.resend[1<<32|1] || o.rebirth || o.newEpoch {
		t.Errorf("orders %+v", o)
	}
	if o := b.take(); len(o.committed) != 0 {
		t.Errorf("taken twice: %+v", o)
	}
}

func TestPace(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBucket(1000)
	taken := 0
	for range 10_000 {
		if w := b.wait(now); w > 0 {
			now = now.Add(w)
			continue
		}
		b.take(20)
		taken += 20
	}
	if rate := float64(taken) / now.Sub(time.Unix(0, 0)).Seconds(); rate < 950 || rate > 1050 {
		t.Errorf("%.0f per second, want 1000", rate)
	}
	s := newShare(20_000)
	was := s.n
	s.note(1, 10, now)
	s.ack(1, 9, now.Add(time.Hour))
	s.ack(1, 10, now.Add(10*time.Second))
	if s.n != was/2 {
		t.Errorf("share %d after a slow acknowledgement, was %d", s.n, was)
	}
	for range 20 {
		s.note(1, 10, now)
		s.ack(1, 10, now.Add(time.Millisecond))
	}
	if s.n != 15_000 {
		t.Errorf("share %d after quick ones", s.n)
	}
	w := backoff{least: time.Second, most: 30 * time.Second}
	for i := range 10 {
		if d := w.wait(); d < 500*time.Millisecond || d > 30*time.Second {
			t.Errorf("wait %d is %v", i, d)
		}
	}
}

func TestConfigRefused(t *testing.T) {
	box := newOutbox(t, t.TempDir())
	for _, c := range []Config{{Group: "*", Node: "n", URL: "tcp://x:1"}, {Group: "g", Node: "a/b", URL: "tcp://x:1"}, {Group: "g", Node: "n"}} {
		if _, err := New(c, Deps{Outbox: box, Log: quiet}); err == nil {
			t.Errorf("%s was taken", fmt.Sprintf("%+v", c))
		}
	}
}

// A minute of a full gateway's backlog, as it lies on disk: 64 devices at 1 Hz, one
// reading of each in a message. readings/s over 64 is how many times real time.
func BenchmarkDrain(b *testing.B) {
	broker := startBroker(b)
	h := startHub(b, broker)
	const devices, seconds = 64, 60
	for b.Loop() {
		b.StopTimer()
		box := newOutbox(b, b.TempDir())
		for sec := range seconds {
			var batches []outbox.Batch
			for d := range devices {
				batches = append(batches, outbox.Batch{Device: fmt.Sprint("d", d), Points: reading(sec).Points})
			}
			box.Append(record.Live, batches)
		}
		box.Reconnected()
		b.StartTimer()
		_, stop := startSession(b, "tcp://"+broker, box, nil)
		h.until("drained", func() bool { return box.Status().Pending == 0 })
		b.StopTimer()
		stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(b.N*devices*seconds)/b.Elapsed().Seconds(), "readings/s")
}
