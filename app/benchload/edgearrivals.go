package benchload

import (
	"context"
	"path/filepath"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// arrivals reads from the hub's log what only the hub knows: when readings came, and
// that each came once.
func (b *edgeBench) arrivals(ctx context.Context) error {
	var live [2][]float64
	first := [2]*float64{&b.res.FirstAtHub, nil}
	if b.res.Outage != nil {
		first[1] = &b.res.Outage.FirstAtHub
	}
	t := newTally()
	err := walkLog(ctx, filepath.Join(b.Hub.Dir, "data"), b.Hub.LogFolder, b.log, func(rec *record.Record) {
		for _, e := range rec.Entries {
			r, ok := e.(*record.Readings)
			if !ok || telemetry.NodeOf(r.Device) != telemetry.NodeID(group, edgeNode) {
				continue
			}
			t.readings(r)
			if r.Backlog {
				continue
			}
			for i, s := range b.spans {
				if at := b.starts[i]; first[i] != nil && *first[i] == 0 && !at.IsZero() && rec.Arrival >= at.UnixMilli() {
					*first[i] = float64(rec.Arrival - at.UnixMilli())
				}
				if rec.Arrival >= s.from.UnixMilli() && rec.Arrival <= s.to.UnixMilli() {
					for _, p := range r.Points {
						live[i] = append(live[i], float64(rec.Arrival-p.Time))
					}
				}
			}
		}
	})
	if err != nil {
		return err
	}
	b.res.Lost, b.res.Duplicates = t.lost, t.duplicates
	b.res.LiveP50, b.res.LiveP99 = value(quantile(live[0], 0.5)), value(quantile(live[0], 0.99))
	if d := b.res.Outage; d != nil {
		d.LiveP50, d.LiveP99, d.LiveMax = value(quantile(live[1], 0.5)), value(quantile(live[1], 0.99)), value(quantile(live[1], 1))
	}
	return nil
}

func value(v *float64) float64 {
	if v == nil {
		return 0
	}
	return *v
}
