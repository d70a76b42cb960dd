package ingest

import (
	"math"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

func TestReadingsAreCommittedThenAcknowledged(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.acked(7, 0) // the answer to the birth
	g.data(7, 1, 10)
	g.acked(7, 10)
	if got := h.sequences(7); !slices.Equal(got, from1(10)) {
		t.Fatalf("the log has %v", got)
	}
	births, devices := entries[*record.NodeBirth](h), entries[*record.DeviceBirth](h)
	if len(births) != 1 || births[0].Node != "g/a" || !births[0].Ours || births[0].Forked || len(births[0].Runs) != 1 {
		t.Fatalf("births %+v", births)
	}
	if len(devices) != 1 || devices[0].Device != "g/a/d" || !slices.Equal(devices[0].Metrics, []string{"co", "temperature"}) {
		t.Fatalf("devices %+v", devices)
	}
	if len(entries[*record.Drained](h)) != 1 {
		t.Error("nothing was left behind, but nobody said so")
	}
	if gaps := h.in.Gaps(); len(gaps) != 0 {
		t.Errorf("gaps %+v", gaps)
	}
	if n := h.in.Nodes(); len(n) != 1 || !n[0].Online || n[0].Version != "test" || n[0].Runs[0].Committed != 10 {
		t.Errorf("nodes %+v", n)
	}
}

func TestDuplicatesReordersAndGapsOnTheWire(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.data(7, 1, 5)
	g.data(7, 1, 5)   // again
	g.data(7, 4, 4)   // overlaps
	g.data(7, 11, 10) // 8 to 10 are missing
	c := g.command("a request to send again", func(c sparkplug.Command) bool { return c.Resend })
	_ = c
	eventually(t, "the hole to show", func() bool {
		gaps := h.in.Gaps()
		return len(gaps) == 1 && gaps[0].From == 8 && gaps[0].To == 20 && gaps[0].State == Pending
	})
	g.data(7, 8, 3)
	g.data(7, 11, 10)
	g.acked(7, 20)
	if got := h.sequences(7); !slices.Equal(got, from1(20)) {
		t.Fatalf("the log has %v", got)
	}
	if gaps := h.in.Gaps(); len(gaps) != 0 {
		t.Errorf("gaps %+v", gaps)
	}
	if h.bad(telemetry.BadReplay) != 7 {
		t.Errorf("%v replayed readings counted, want 7", h.bad(telemetry.BadReplay))
	}
}

func TestRestart(t *testing.T) {
	for _, tc := range []struct {
		name  string
		spoil func(t *testing.T, file string)
	}{
		{"with its snapshot", func(*testing.T, string) {}},
		{"without a snapshot", func(t *testing.T, file string) {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		}},
		{"with a torn snapshot", func(t *testing.T, file string) {
			b, err := os.ReadFile(file)
			if err == nil {
				err = os.WriteFile(file, b[:len(b)/2], 0o600)
			}
			if err != nil {
				t.Fatal(err)
			}
		}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dir := t.TempDir()
			h := startHub(t, dir)
			g := h.gateway("a")
			g.birth(live(7, 0, 1), backlog(3, 0, 1, 101))
			g.data(7, 1, 10)
			g.data(3, 1, 40)
			g.acked(3, 40)
			before := h.in.Nodes()[0]
			gaps := h.in.Gaps()
			h.stop()
			tc.spoil(t, h.in.cfg.Snapshot)

			h = startHub(t, dir)
			after := h.in.Nodes()[0]
			if !slices.Equal(after.Runs, before.Runs) || after.Draining != before.Draining || after.Epoch != before.Epoch {
				t.Fatalf("before %+v\nafter %+v", before, after)
			}
			if !slices.Equal(gaps, h.in.Gaps()) || len(gaps) != 1 || gaps[0].From != 41 || gaps[0].To != 100 {
				t.Fatalf("gaps before %+v, after %+v", gaps, h.in.Gaps())
			}
			g = h.gateway("a")
			g.data(7, 1, 20) // before a birth: asked for, and not counted as anybody's mistake
			g.command("a request for births", func(c sparkplug.Command) bool { return c.Rebirth })
			g.birth(live(7, 0, 11), backlog(3, 0, 1, 101))
			g.acked(7, 10)
			g.data(7, 1, 20)
			g.data(3, 41, 60)
			g.acked(3, 100)
			if got := h.sequences(7); !slices.Equal(got, from1(20)) {
				t.Fatalf("the log has %v of the live run", got)
			}
			if got := h.sequences(3); !slices.Equal(got, from1(100)) {
				t.Fatalf("the log has %v of the backlog", got)
			}
			if n := len(entries[*record.Drained](h)); n != 1 {
				t.Errorf("%d times drained, want once", n)
			}
			if h.bad(telemetry.BadUnannounced) != 0 {
				t.Error("data before a birth was counted after a restart")
			}
		})
	}
}

func TestBadReadingsAreCountedAndHandled(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	now := time.Now().UnixMilli()
	year := int64(365 * 24 * 3600 * 1000)
	pt := func(alias uint64, at int64, v float64) sparkplug.Point {
		return sparkplug.Point{Alias: alias, Time: at, Value: v}
	}
	g.points(sparkplug.Data{Run: 7, First: 1, Points: []sparkplug.Point{
		pt(16, now, math.NaN()), pt(16, now, 1), pt(16, now, math.Inf(-1)), pt(16, now, 6000), pt(18, now, 1),
		pt(17, now, 20), pt(17, now, 21), pt(16, now-year, 1), pt(16, now+year, 1), pt(16, 0, 1),
		{Alias: 16, Time: now, Value: math.NaN(), Quality: telemetry.Open}, pt(16, now, -100),
	}})
	g.acked(7, 12)
	if got, want := h.sequences(7), []uint64{2, 6, 7, 11}; !slices.Equal(got, want) {
		t.Fatalf("the log has %v, want %v", got, want)
	}
	for kind, want := range map[telemetry.Bad]float64{telemetry.BadNaN: 1, telemetry.BadInfinity: 1, telemetry.BadRange: 2,
		telemetry.BadMetric: 1, telemetry.BadTime: 3} {
		if got := h.bad(kind); got != want {
			t.Errorf("%s counted %v times, want %v", kind, got, want)
		}
		if got := h.in.BadByDevice()["g/a/d"][kind]; float64(got) != want {
			t.Errorf("%s counted %v times at the device, want %v", kind, got, want)
		}
	}
	// The refused ones count as handled after a restart too, though the last of
	// them left nothing else in the log.
	dir := h.dir
	h.stop()
	if err := os.Remove(h.in.cfg.Snapshot); err != nil {
		t.Fatal(err)
	}
	h = startHub(t, dir)
	g = h.gateway("a")
	g.birth(record.Run{ID: 7, Kind: record.Live, Oldest: 13, Next: 13})
	g.acked(7, 12)
	if gaps := h.in.Gaps(); len(gaps) != 0 {
		t.Errorf("gaps %+v", gaps)
	}
}

func TestBadMessagesStopNothing(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.publish(sparkplug.DDATA, "d", []byte("\x0a\xff\xff no protobuf"))
	g.publish(sparkplug.NBIRTH, "", []byte{0x0a})
	g.publish(sparkplug.DDATA, "d", sparkplug.AppendDeath(nil, 1, 1)) // no run, no sequence
	g.data(7, 0, 3)                                                   // no such sequence
	g.publish(sparkplug.DDATA, "d", nil)
	g.wait(g.client.Publish("spBv1.0/g/DDATA/b/d", 0, false, []byte("forged")))
	g.data(7, 1, 5)
	g.acked(7, 5)
	if got := h.bad(telemetry.BadPayload); got != 5 {
		t.Errorf("%v undecodable, want 5", got)
	}
	if got := h.bad(telemetry.BadTopic); got != 1 {
		t.Errorf("%v foreign topics, want 1", got)
	}
	g.client.Publish(sparkplug.DeviceTopic(sparkplug.DDATA, "g", "a", "d"), 0, false, make([]byte, 10<<20))
	eventually(t, "10 MB to be counted", func() bool { return h.bad(telemetry.BadSize) == 1 })
	g = h.gateway("a") // the broker hung up on the other
	g.birth(live(7, 0, 6))
	g.data(7, 6, 5)
	g.acked(7, 10)
	if got := h.sequences(7); !slices.Equal(got, from1(10)) {
		t.Fatalf("the log has %v", got)
	}
	if bad := h.in.Nodes()[0].Bad; bad[telemetry.BadTopic] != 1 || bad[telemetry.BadSize] != 1 {
		t.Errorf("at the gateway: %v", bad)
	}
	// What another broker lets through is counted here.
	h.in.Handle("spBv1.0/g/DDATA/a/d", make([]byte, 10<<20))
	h.in.Handle("spBv1.0/g/DDATA/+/d", nil)
	h.in.Handle("nonsense", nil)
	eventually(t, "the messages to be counted", func() bool { return h.bad(telemetry.BadSize) == 2 && h.bad(telemetry.BadTopic) == 3 })
}

func TestUnannouncedDataWaitsForItsBirth(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.data(7, 1, 5)
	g.command("a request for births", func(c sparkplug.Command) bool { return c.Rebirth })
	g.birth(live(7, 0, 6))
	g.command("to send again what was dropped", func(c sparkplug.Command) bool { return c.Resend })
	g.data(7, 1, 5)
	g.acked(7, 5)
	if h.bad(telemetry.BadUnannounced) != 1 {
		t.Errorf("%v unannounced, want 1", h.bad(telemetry.BadUnannounced))
	}
	// An alias nobody declares: asked for, then refused, and the run goes on.
	strange := sparkplug.Data{Run: 7, First: 6, Points: []sparkplug.Point{{Alias: 99, Time: time.Now().UnixMilli(), Value: 1}, {Alias: 16, Time: time.Now().UnixMilli(), Value: 2}}}
	for range patience + 1 {
		g.points(strange)
		g.birth(live(7, 0, 8))
	}
	g.points(strange)
	g.acked(7, 7)
	if got, want := h.sequences(7), []uint64{1, 2, 3, 4, 5, 7}; !slices.Equal(got, want) {
		t.Fatalf("the log has %v, want %v", got, want)
	}
}

// Each certificate that gets lost is asked for anew. A gateway that has answered before
// loses nothing by having been asked.
func TestEachLostCertificateIsAskedFor(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	withoutDevice := func(next uint64) {
		r := live(7, 0, next)
		r.Epoch = g.epoch
		g.publish(sparkplug.NBIRTH, "", sparkplug.AppendNodeBirth(nil, &sparkplug.NodeBirth{Timestamp: time.Now().UnixMilli(), Ours: true, Epoch: g.epoch, Runs: []record.Run{r}}))
	}
	for seq := uint64(1); seq <= 4; seq++ {
		withoutDevice(seq)
		g.data(7, seq, 1)
		g.command("a request for births", func(c sparkplug.Command) bool { return c.Rebirth })
		g.birth(live(7, 0, seq+1))
		g.data(7, seq, 1)
		g.acked(7, seq)
	}
	if got := h.sequences(7); !slices.Equal(got, from1(4)) {
		t.Errorf("the log has %v", got)
	}
}

func TestLossIsRecordedOnce(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	g.data(7, 1, 4)
	g.acked(7, 4)
	dropped := record.Run{ID: 7, Kind: record.Backlog, Oldest: 9, Next: 31, Lost: []record.Range{{From: 5, To: 8}, {From: 15, To: 20}}}
	for range 2 { // a rebirth says it again
		g.birth(live(8, 7, 1), dropped)
	}
	g.acked(7, 8)
	g.data(7, 9, 6)
	g.data(7, 21, 10)
	g.acked(7, 30)
	want := []uint64{1, 2, 3, 4, 9, 10, 11, 12, 13, 14, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30}
	if got := h.sequences(7); !slices.Equal(got, want) {
		t.Fatalf("the log has %v", got)
	}
	lost := entries[*record.Lost](h)
	if len(lost) != 2 || lost[0].Range != (record.Range{From: 5, To: 8}) || lost[1].Range != (record.Range{From: 15, To: 20}) || lost[0].Node != "g/a" || lost[0].Run != 7 {
		t.Fatalf("lost %+v", lost)
	}
	gaps := h.in.Gaps()
	if len(gaps) != 2 || gaps[0].State != Missing || gaps[1].To != 20 || gaps[0].Reason != reasonDropped {
		t.Errorf("gaps %+v", gaps)
	}
	if n := len(entries[*record.Drained](h)); n != 2 { // the first birth's, and now
		t.Errorf("%d times drained, want 2", n)
	}
}

func TestDeathIsHonouredForItsOwnSessionOnly(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.bdSeq = 5
	g.birth(live(7, 0, 1))
	g.publish(sparkplug.NDEATH, "", sparkplug.AppendDeath(nil, 0, 4))
	g.publish(sparkplug.NDEATH, "", nil)
	g.publish(sparkplug.DDEATH, "d", nil)
	g.publish(sparkplug.DDEATH, "d", nil)
	g.data(7, 1, 1)
	g.command("a birth of the dead device", func(c sparkplug.Command) bool { return c.Rebirth })
	if n := len(entries[*record.NodeDeath](h)); n != 0 {
		t.Fatalf("%d deaths by wills of other sessions", n)
	}
	g.publish(sparkplug.NDEATH, "", sparkplug.AppendDeath(nil, 0, 5))
	g.publish(sparkplug.NDEATH, "", sparkplug.AppendDeath(nil, 0, 5))
	eventually(t, "the death", func() bool { return len(entries[*record.NodeDeath](h)) == 1 })
	if h.in.Nodes()[0].Online {
		t.Error("dead, and online")
	}
	if n := len(entries[*record.DeviceDeath](h)); n != 1 {
		t.Errorf("%d deaths of the device, want 1", n)
	}
}

func TestForks(t *testing.T) {
	e2 := record.Epoch{15: 2}
	for _, tc := range []struct {
		name   string
		births [][]record.Run
		forked []bool
	}{
		{"restarts and reconnects", [][]record.Run{{live(10, 0, 1)}, {live(11, 10, 1), backlog(10, 0, 1, 5)}, {live(11, 10, 9), backlog(10, 0, 1, 5)},
			{live(13, 12, 1), backlog(12, 11, 1, 4), backlog(11, 10, 1, 9)}}, []bool{false, false, false, false}},
		{"a clone goes on from the same run", [][]record.Run{{live(10, 0, 5)}, {live(11, 10, 1)}, {live(12, 10, 1)}, {live(12, 10, 3)}, {live(11, 10, 3)}},
			[]bool{false, false, true, false, false}},
		{"a clone seen first as backlog", [][]record.Run{{live(10, 0, 5)}, {live(12, 11, 1), backlog(11, 10, 1, 3)}, {live(13, 10, 1)}}, []bool{false, false, true}},
		{"two cards from one fresh image", [][]record.Run{{live(10, 0, 1)}, {live(11, 0, 1)}}, []bool{false, true}},
		{"a new epoch is another history", [][]record.Run{{live(10, 0, 1)}, {{Epoch: e2, ID: 11, Parent: 0, Oldest: 1, Next: 1}, backlog(10, 0, 1, 5)}}, []bool{false, false}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			h := startHub(t, t.TempDir())
			g := h.gateway("a")
			for _, runs := range tc.births {
				g.birth(runs...)
			}
			eventually(t, "all births", func() bool { return len(entries[*record.NodeBirth](h)) == len(tc.births) })
			for i, b := range entries[*record.NodeBirth](h) {
				if b.Forked != tc.forked[i] {
					t.Errorf("birth %d: forked %v", i+1, b.Forked)
				}
			}
			if slices.Contains(tc.forked, true) {
				g.command("take a new epoch", func(c sparkplug.Command) bool { return c.NewEpoch })
			}
		})
	}
}

func TestRestoredImageIsAFork(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(10, 0, 1))
	g.data(10, 1, 20)
	g.acked(10, 20)
	for range 2 { // reported once
		g.birth(live(11, 9, 1), backlog(10, 0, 1, 15))
	}
	g.command("take a new epoch", func(c sparkplug.Command) bool { return c.NewEpoch })
	eventually(t, "all births", func() bool { return len(entries[*record.NodeBirth](h)) == 3 })
	b := entries[*record.NodeBirth](h)
	if b[0].Forked || !b[1].Forked || b[2].Forked {
		t.Errorf("forked: %v %v %v", b[0].Forked, b[1].Forked, b[2].Forked)
	}
	if h.in.Nodes()[0].Forks != 1 {
		t.Errorf("nodes %+v", h.in.Nodes())
	}
}

func TestTicksAndArrival(t *testing.T) {
	h := startHub(t, t.TempDir(), func(c *Config) { c.Clock = telemetry.NewClock(10) })
	eventually(t, "ten ticks", func() bool { return len(entries[*record.Tick](h)) >= 10 })
	recs := h.records()
	for i := 1; i < len(recs); i++ {
		if recs[i].Seq != recs[i-1].Seq+1 || recs[i].Arrival < recs[i-1].Arrival {
			t.Fatalf("record %d at %d follows record %d at %d", recs[i].Seq, recs[i].Arrival, recs[i-1].Seq, recs[i-1].Arrival)
		}
	}
	if per := float64(recs[len(recs)-1].Arrival-recs[0].Arrival) / float64(len(recs)-1); per < 900 { // more where the disk is slow: late ticks are one
		t.Errorf("a tick every %.0f ms of the hub's clock, want 1000", per)
	}
}

// When the hub's clock is set back, time passes in the log all the same, or silence
// would be found by nobody until the clock has caught up.
func TestTimePassesInTheLogWhenTheClockIsSetBack(t *testing.T) {
	clock := func(ahead time.Duration) func(*Config) {
		return func(c *Config) { c.Clock = telemetry.NewClockAt(time.Now().Add(ahead), 50) }
	}
	dir := t.TempDir()
	h := startHub(t, dir, clock(time.Hour))
	eventually(t, "a tick", func() bool { return len(entries[*record.Tick](h)) > 0 })
	h.stop()
	h = startHub(t, dir, clock(0))
	before := h.log.Arrival()
	eventually(t, "time passing", func() bool { return h.log.Arrival() >= before+5_000 })
}

func TestAnnounceReturnsWhenCommitted(t *testing.T) {
	h := startHub(t, t.TempDir())
	for i := range 3 {
		v := string(rune('a' + i))
		if err := h.in.Announce(t.Context(), &record.Site{Version: v, File: record.File{Name: "site.yaml", Data: []byte(v)}}, &record.Rules{Version: v}); err != nil {
			t.Fatal(err)
		}
		sites := entries[*record.Site](h)
		if len(sites) != i+1 || sites[i].Version != v || len(entries[*record.Rules](h)) != i+1 {
			t.Fatalf("announced %q, the log has %+v", v, sites)
		}
	}
	h.stop()
	if err := h.in.Announce(t.Context(), &record.Tick{}); err != ErrStopped {
		t.Errorf("announced to a stopped hub: %v", err)
	}
}

// An enrolled gateway that lies as much as a message can hold must not make a
// record that the log refuses, which would end the hub.
func TestHugeCertificatesFitTheLog(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("a")
	g.birth(live(7, 0, 1))
	long := strings.Repeat("x", 900_000)
	for range 12 {
		g.publish(sparkplug.DBIRTH, "d", sparkplug.AppendDeviceBirth(nil, &sparkplug.DeviceBirth{Model: long[:450_000], Serial: long[450_001:]}))
	}
	var many []record.Run
	for id := range uint64(20) {
		r := record.Run{ID: 100 + id, Parent: 99 + id, Kind: record.Backlog, Oldest: 1, Next: 100_000}
		for s := uint64(2); s < 9_000; s += 2 { // all of them just below broker.MaxPayload
			r.Lost = append(r.Lost, record.Range{From: s, To: s})
		}
		many = append(many, r)
	}
	g.birth(many...)
	eventually(t, "the lies to be counted", func() bool { return h.bad(telemetry.BadPayload) == 1 })
	if err := h.in.Announce(t.Context(), &record.Site{File: record.File{Data: make([]byte, MaxAnnounce+1)}}); err == nil {
		t.Error("a site too large for the log was announced")
	}
	if err := h.in.Announce(t.Context(), &record.Site{File: record.File{Data: make([]byte, MaxAnnounce)}}); err != nil {
		t.Error(err)
	}
	g.birth(live(7, 0, 1))
	g.data(7, 1, 3)
	g.acked(7, 3)
}
