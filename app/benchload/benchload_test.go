package benchload

import (
	"os"
	"slices"
	"testing"
	"time"

	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

func TestQuantile(t *testing.T) {
	hundred := make([]float64, 100)
	for i := range hundred {
		hundred[i] = float64(100 - i)
	}
	for _, tt := range []struct {
		list    []float64
		q, want float64
	}{
		{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {[]float64{7}, 0.99, 7}, {[]float64{3, 1, 2}, 0.99, 3}, {[]float64{1, 2}, 0, 1},
	} {
		if got := quantile(slices.Clone(tt.list), tt.q); got == nil || *got != tt.want {
			t.Errorf("quantile %g of %d: got %v, want %g", tt.q, len(tt.list), got, tt.want)
		}
	}
	if quantile(nil, 0.5) != nil {
		t.Error("nothing has a median")
	}
}

// What the log has twice, what it lacks in the middle and what it lacks at the end
// are told apart.
func TestTallyTellsLostFromTwice(t *testing.T) {
	entry := func(device string, run, first uint64, n int) *record.Readings {
		return &record.Readings{Device: device, Run: run, First: first, Points: make([]telemetry.Point, n)}
	}
	tests := []struct {
		name             string
		entries          []*record.Readings
		sent             map[stream]uint64
		lost, duplicates uint64
	}{
		{"all", []*record.Readings{entry("g/n/a", 7, 1, 10), entry("g/n/b", 7, 11, 5)}, map[stream]uint64{{"g/n", 7}: 15}, 0, 0},
		{"a hole", []*record.Readings{entry("g/n/a", 7, 1, 10), entry("g/n/a", 7, 14, 2)}, map[stream]uint64{{"g/n", 7}: 15}, 3, 0},
		{"the end", []*record.Readings{entry("g/n/a", 7, 1, 10)}, map[stream]uint64{{"g/n", 7}: 15}, 5, 0},
		{"a run", nil, map[stream]uint64{{"g/n", 7}: 15}, 15, 0},
		{"twice", []*record.Readings{entry("g/n/a", 7, 1, 10), entry("g/n/a", 7, 6, 10)}, map[stream]uint64{{"g/n", 7}: 15}, 0, 5},
		{"all of it twice", []*record.Readings{entry("g/n/a", 7, 1, 10), entry("g/n/a", 7, 1, 10)}, map[stream]uint64{{"g/n", 7}: 10}, 0, 10},
		{"two gateways, two runs", []*record.Readings{entry("g/n/a", 7, 1, 10), entry("g/m/a", 7, 1, 10), entry("g/n/a", 8, 1, 10)},
			map[stream]uint64{{"g/n", 7}: 10, {"g/m", 7}: 10, {"g/n", 8}: 10}, 0, 0},
	}
	for _, tt := range tests {
		tally := newTally()
		for _, e := range tt.entries {
			tally.readings(e)
		}
		tally.close(tt.sent)
		if tally.lost != tt.lost || tally.duplicates != tt.duplicates {
			t.Errorf("%s: %d lost and %d twice, want %d and %d", tt.name, tally.lost, tally.duplicates, tt.lost, tt.duplicates)
		}
	}
}

// A latency runs from publish to the first event; the verdict's counts to the end of
// its millisecond; an incident of another device is one too many.
func TestLatencies(t *testing.T) {
	b := newBook()
	h := b.add("g/n/leak", "leak", time.Time{})
	silent := b.add("g/n/silent", "silent", time.Time{})
	start := time.UnixMilli(1_790_000_000_000)
	h.published, silent.published = start, start
	b.note(incidents.Incident{ID: "1", Devices: []string{"g/n/leak"}, DecidedAt: incidents.TimeOf(start.Add(7 * time.Millisecond))}, start.Add(9*time.Millisecond))
	b.note(incidents.Incident{ID: "1", Devices: []string{"g/n/leak"}, DecidedAt: incidents.TimeOf(start.Add(7 * time.Millisecond))}, start.Add(time.Second))
	b.note(incidents.Incident{ID: "2", Devices: []string{"g/n/other"}}, start)
	l := b.latencies(start, start.Add(time.Second))
	if l.hazards != 2 || l.incidents != 1 || *l.verdictP99 != 8 || *l.seenP99 != 9 || len(b.others) != 1 || b.waiting() != 1 {
		t.Errorf("got %+v, %d others, %d waiting", l, len(b.others), b.waiting())
	}
}

// Messages bring samples in order, at times of their own, with what houses measure.
func TestMessagesFollowTheDevicesClock(t *testing.T) {
	catalogue := telemetry.NewCatalogue(telemetry.LEL{})
	now := time.UnixMilli(1_790_000_000_000)
	for _, table := range tables(2 * time.Minute)[:len(kinds)] {
		g := newGatewayLoad("gw", 10, newBook())
		g.beginning = now
		g.addSource("d", table, 0)
		last := int64(0)
		for i := range 50 {
			g.fill(g.sources[0], now.Add(time.Duration(i)*time.Millisecond)) // faster than time
			if len(g.data.Points) != 10 {
				t.Fatalf("%d readings", len(g.data.Points))
			}
			for j, p := range g.data.Points {
				metric, _ := catalogue.Lookup(table.metrics[j%metricsOf])
				if bad := metric.Check(p.Value); bad != telemetry.BadNone {
					t.Errorf("%s = %g", metric.Name, p.Value)
				}
				if j%metricsOf == 0 && p.Time <= last || p.Time < last {
					t.Fatalf("%d follows %d", p.Time, last)
				}
				last = p.Time
			}
		}
	}
}

func TestOwnProcess(t *testing.T) {
	if _, err := cpuTime(os.Getpid()); err != nil {
		t.Error(err)
	}
	if peak, now, err := memory(os.Getpid()); err != nil || now <= 0 || peak < now {
		t.Errorf("%g MB at most, %g now, %v", peak, now, err)
	}
}
