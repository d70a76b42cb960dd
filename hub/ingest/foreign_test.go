package ingest

import (
	"math"
	"slices"
	"testing"
	"time"

	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

func num(name string, v float64) sparkplug.Metric {
	return sparkplug.Metric{Name: []byte(name), HasName: name != "", Kind: sparkplug.KindDouble, Float: v, Datatype: sparkplug.Double}
}

func payload(seq uint64, metrics ...sparkplug.Metric) []byte {
	return (&sparkplug.Payload{HasSeq: true, Seq: seq, Metrics: metrics}).Append(nil)
}

func points(h *hub, device string) (list []telemetry.Point) {
	for _, r := range entries[*record.Readings](h) {
		if r.Device == device {
			if r.Run != 0 || r.First != 0 || !r.Epoch.IsZero() {
				h.t.Errorf("a foreign reading has a run: %+v", r)
			}
			list = append(list, r.Points...)
		}
	}
	return list
}

func TestForeignNode(t *testing.T) {
	s := site.Empty()
	s.Devices = map[string]*site.Device{"g/f/meter": {ID: "g/f/meter", Metrics: map[string]site.Mapping{
		"Power/kW": {Metric: "power", Scale: 1000}, "Amps": {Metric: "current", Scale: 1, Offset: 0.5}}}}
	s.Nodes = map[string]*site.Node{"g/f": {ID: "g/f", Interval: time.Minute, Metrics: map[string]site.Mapping{"CPU temp": {Metric: "temperature", Scale: 1}}}}
	h := startHub(t, t.TempDir(), func(c *Config) { c.Site = s })
	g := h.gateway("f")
	now := time.Now().UnixMilli()

	g.publish(sparkplug.NDATA, "", payload(9, num("CPU temp", 40)))
	g.command("a request for births", func(c sparkplug.Command) bool { return c.Rebirth })

	bdSeq := sparkplug.Metric{Name: []byte("bdSeq"), HasName: true, Kind: sparkplug.KindLong, Int: 3, Datatype: sparkplug.UInt64}
	g.publish(sparkplug.NBIRTH, "", payload(0, bdSeq, num("CPU temp", 41), num("Node Control/Rebirth", 0)))
	celsius := num("temperature", 50) // in another unit, as the certificate says
	celsius.Properties.EngUnit = []byte("°F")
	amps := num("Amps", 2)
	amps.Alias, amps.HasAlias = 1<<40, true
	power := sparkplug.Metric{Name: []byte("Power/kW"), HasName: true, Alias: 5, HasAlias: true, IsNull: true, Datatype: sparkplug.Int16}
	g.publish(sparkplug.DBIRTH, "meter", payload(1, power, amps, celsius, num("unmapped", 1),
		sparkplug.Metric{Name: []byte("firmware"), HasName: true, Kind: sparkplug.KindString, Bytes: []byte("1.2"), Datatype: sparkplug.String}))
	byAlias := func(alias uint64, m sparkplug.Metric) sparkplug.Metric {
		m.Name, m.HasName, m.Alias, m.HasAlias, m.Timestamp, m.HasTimestamp = nil, false, alias, true, now-1000, true
		return m
	}
	g.publish(sparkplug.DDATA, "meter", payload(2,
		byAlias(5, sparkplug.Metric{Kind: sparkplug.KindInt, Int: uint64(math.MaxUint32)}), // -1 as Int16: out of range
		byAlias(5, sparkplug.Metric{Kind: sparkplug.KindInt, Int: 2}),
		byAlias(1<<40, sparkplug.Metric{IsNull: true}),
		byAlias(77, num("", 1))))
	g.command("a birth with alias 77", func(c sparkplug.Command) bool { return c.Rebirth })
	eventually(t, "the readings", func() bool { return len(points(h, "g/f/meter")) == 4 })

	p := points(h, "g/f/meter")
	if p[0].Metric != "current" || p[0].Value != 2.5 || p[0].Time < now || p[1].Metric != "temperature" || math.Abs(p[1].Value-10) > 1e-9 {
		t.Errorf("from the birth: %+v", p[:2])
	}
	if p[2].Metric != "power" || p[2].Value != 2000 || p[2].Time != now-1000 || p[3].Quality != telemetry.NoResponse {
		t.Errorf("from data: %+v", p[2:])
	}
	if p := points(h, "g/f/_node"); len(p) != 1 || p[0].Metric != "temperature" || p[0].Value != 41 {
		t.Errorf("of the node itself: %+v", p)
	}
	for kind, want := range map[telemetry.Bad]float64{telemetry.BadMetric: 1, telemetry.BadRange: 1, telemetry.BadUnannounced: 2} {
		if got := h.bad(kind); got != want {
			t.Errorf("%s counted %v times, want %v", kind, got, want)
		}
	}
	d := entries[*record.DeviceBirth](h)
	if len(d) != 2 || d[1].Device != "g/f/meter" || !slices.Equal(d[1].Metrics, []string{"power", "current", "temperature"}) || d[1].IntervalMS != 60_000 {
		t.Errorf("devices %+v", d)
	}

	// A hole in the message counter: something was missed.
	for len(g.commands) > 0 {
		<-g.commands
	}
	g.publish(sparkplug.NDATA, "", payload(5, num("CPU temp", 42)))
	g.command("births, for the hole", func(c sparkplug.Command) bool { return c.Rebirth })
	g.publish(sparkplug.NDEATH, "", sparkplug.AppendDeath(nil, 0, 3))
	eventually(t, "the death", func() bool { return len(entries[*record.NodeDeath](h)) == 1 })
	if b := entries[*record.NodeBirth](h); len(b) != 1 || b[0].Ours || b[0].Forked {
		t.Errorf("births %+v", b)
	}
	if gaps := h.in.Gaps(); len(gaps) != 0 {
		t.Errorf("gaps %+v", gaps)
	}
}

func TestNewSiteMapsWhatIsAnnouncedAlready(t *testing.T) {
	h := startHub(t, t.TempDir())
	g := h.gateway("f")
	g.publish(sparkplug.NBIRTH, "", payload(0))
	g.publish(sparkplug.DBIRTH, "meter", payload(1, num("W", 10)))
	eventually(t, "the unknown metric to be counted", func() bool { return h.bad(telemetry.BadMetric) == 1 })
	s := site.Empty()
	s.Devices = map[string]*site.Device{"g/f/meter": {ID: "g/f/meter", Metrics: map[string]site.Mapping{"W": {Metric: "power"}}}}
	h.in.SetSite(s)
	g.command("births, since their metrics have changed", func(c sparkplug.Command) bool { return c.Rebirth })
	g.publish(sparkplug.DDATA, "meter", payload(2, num("W", 11)))
	eventually(t, "the reading", func() bool { return len(points(h, "g/f/meter")) == 1 })
	if p := points(h, "g/f/meter")[0]; p.Metric != "power" || p.Value != 11 {
		t.Errorf("reading %+v", p)
	}
}
