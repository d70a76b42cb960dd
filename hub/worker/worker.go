// Package worker evaluates the rules over the log: one goroutine for one
// partition. It reads a record, applies it to the engine, and hands the
// verdicts to the incidents in one transaction with the record's position.
//
// Its state is a snapshot plus a log position. After a crash it restores the
// snapshot and reads on; verdicts that the incidents have taken already come
// again with the same IDs and are ignored by position.
package worker

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/internal/durable"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry/record"
)

// Log is where records come from.
type Log interface {
	Read(ctx context.Context, from uint64) iter.Seq2[*record.Record, error]
	First() uint64
}

// Incidents takes verdicts, idempotent by log position.
type Incidents interface {
	Apply(ctx context.Context, pos uint64, verdicts []rules.Verdict) error
	Position() uint64
}

// Config is what a worker needs; all of it is required.
type Config struct {
	Log       Log
	Incidents Incidents
	View      *live.View
	Derived   func(rules.DerivedSample) // must not wait
	Snapshot  string                    // file
	Every     time.Duration             // between two snapshots, wall time
	Registry  prometheus.Registerer
	Logger    *slog.Logger
}

// Worker evaluates one partition.
type Worker struct {
	Config
	engine   *rules.Engine
	next     uint64 // position to read from
	siteFile *record.Site
	verdicts []rules.Verdict
	position prometheus.Gauge
	raised   *prometheus.CounterVec
	seconds  prometheus.Counter
}

// Open restores a worker from its snapshot, or begins with the log's first
// record where there is none that fits.
func Open(c Config) (*Worker, error) {
	w := &Worker{
		Config:   c,
		position: prometheus.NewGauge(prometheus.GaugeOpts{Name: "weishao_rules_position", Help: "Log position up to which the rules have been evaluated."}),
		raised:   prometheus.NewCounterVec(prometheus.CounterOpts{Name: "weishao_verdicts_total", Help: "Verdicts by event and hazard."}, []string{"event", "hazard"}),
		seconds:  prometheus.NewCounter(prometheus.CounterOpts{Name: "weishao_rules_seconds_total", Help: "Time spent in evaluating rules."}),
	}
	c.Registry.MustRegister(w.position, w.raised, w.seconds)
	w.engine, w.next = rules.NewEngine(), c.Log.First()
	err := w.restore()
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		c.Logger.Warn("the rules' snapshot cannot be used; evaluating the log from its beginning", "file", c.Snapshot, "err", err)
		w.engine, w.next = rules.NewEngine(), c.Log.First()
	}
	return w, nil
}

// Run evaluates until ctx ends, and leaves a snapshot behind.
func (w *Worker) Run(ctx context.Context) error {
	last := time.Now()
	for rec, err := range w.Log.Read(ctx, w.next) {
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			return fmt.Errorf("rules: reading the log: %w", err)
		}
		if err := w.apply(ctx, rec); err != nil {
			if ctx.Err() != nil {
				break
			}
			return err
		}
		if now := time.Now(); now.Sub(last) >= w.Every {
			last = now
			w.save()
		}
	}
	w.save()
	return nil
}

func (w *Worker) apply(ctx context.Context, rec *record.Record) error {
	start := time.Now()
	w.verdicts = w.verdicts[:0]
	if err := w.engine.Apply(rec, (*sink)(w)); err != nil {
		// A record that the engine refuses must not stop the stream: what it holds
		// is in the log, and people must hear of it.
		w.Logger.Error("a log record could not be evaluated", "pos", rec.Seq, "err", err)
	}
	w.View.Apply(rec)
	for _, e := range rec.Entries {
		if s, ok := e.(*record.Site); ok {
			w.siteFile = &record.Site{Version: s.Version, File: s.File}
		}
	}
	w.seconds.Add(time.Since(start).Seconds())
	if len(w.verdicts) > 0 && rec.Seq > w.Incidents.Position() {
		if err := w.Incidents.Apply(ctx, rec.Seq, w.verdicts); err != nil {
			return fmt.Errorf("incidents at log position %d: %w", rec.Seq, err)
		}
	}
	w.next = rec.Seq + 1
	w.position.Set(float64(rec.Seq))
	return nil
}

// sink is the worker as the engine sees it.
type sink Worker

func (s *sink) Verdict(v rules.Verdict) {
	s.verdicts = append(s.verdicts, v)
	s.raised.WithLabelValues(string(v.Event), string(v.Hazard)).Inc()
}

func (s *sink) Derived(d rules.DerivedSample) { s.Config.Derived(d) }

// The snapshot file: 8 bytes next position, then four parts (engine, view, name and
// text of the site file), each with 4 bytes of length, then 4 bytes CRC32C of all before. All
// numbers are little endian.
func (w *Worker) save() {
	if err := w.writeSnapshot(); err != nil {
		w.Logger.Error("no snapshot of the rules; a restart will take longer", "err", err)
	}
}

func (w *Worker) writeSnapshot() error {
	engine, err := w.engine.Snapshot()
	if err != nil {
		return err
	}
	view, err := w.View.Snapshot()
	if err != nil {
		return err
	}
	var name, text []byte
	if w.siteFile != nil {
		name, text = []byte(w.siteFile.File.Name), w.siteFile.File.Data
	}
	b := binary.LittleEndian.AppendUint64(nil, w.next)
	for _, part := range [][]byte{engine, view, name, text} {
		b = binary.LittleEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	b = binary.LittleEndian.AppendUint32(b, crc32.Checksum(b, castagnoli))
	return durable.WriteFile(w.Config.Snapshot, b, 0o600)
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errTorn = errors.New("torn or damaged file")

func (w *Worker) restore() error {
	b, err := os.ReadFile(w.Config.Snapshot)
	if err != nil {
		return err
	}
	if len(b) < 12 || crc32.Checksum(b[:len(b)-4], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return errTorn
	}
	next, b := binary.LittleEndian.Uint64(b), b[8:len(b)-4]
	var parts [4][]byte
	for i := range parts {
		if len(b) < 4 || uint64(len(b)-4) < uint64(binary.LittleEndian.Uint32(b)) {
			return errTorn
		}
		n := 4 + binary.LittleEndian.Uint32(b)
		parts[i], b = b[4:n], b[n:]
	}
	if next < w.Log.First() {
		return fmt.Errorf("it ends at position %d, and the log begins at %d", next, w.Log.First())
	}
	if err := w.engine.Restore(parts[0]); err != nil {
		return err
	}
	if err := w.View.Restore(parts[1]); err != nil {
		return err
	}
	if len(parts[2]) > 0 {
		s, err := site.Load(string(parts[2]), parts[3])
		if err != nil {
			return err
		}
		w.siteFile = &record.Site{Version: s.Version, File: record.File{Name: string(parts[2]), Data: parts[3]}}
		w.View.SetSite(s)
	}
	w.next = next
	return nil
}
