package app

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/hub/worker"
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/internal/unixsocket"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/rules/backtest"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry/record"
)

// hubLog is a hub's log as a backtest reads it: asked of the hub while it runs, else
// from the folder itself.
type hubLog interface {
	ends(context.Context) (logEnds, error)
	read(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error]
	labels(ctx context.Context, from, to int64) ([]incidents.Label, error)
	io.Closer
}

// overHub runs over a hub's own log.
func (t *trial) overHub(f backtestFlags) error {
	dir := f.data
	if f.config != "" {
		cfg, err := LoadHubConfig(f.config)
		if err != nil {
			return err
		}
		dir = cfg.Data
	}
	log, err := openHubLog(t.ctx, dir)
	if err != nil {
		return err
	}
	defer log.Close()
	ends, err := log.ends(t.ctx)
	if err != nil {
		return err
	}
	if _, err := t.inputs(f, &ends); err != nil {
		return t.report(err)
	}
	if err := t.times(f); err != nil {
		return err
	}
	stretch, err := t.stretch(dir, log, ends)
	if err != nil {
		return err
	}
	if t.labels, err = log.labels(t.ctx, t.opts.From, t.opts.To); err != nil {
		return err
	}
	t.one = func(out func(rules.Verdict)) (backtest.Summary, error) {
		sum, err := stretch.Run(t.opts, out)
		return sum, cmp.Or(t.ctx.Err(), err) // the log's reader ends with ctx, as if there were no more
	}
	t.both = func(out, outOthers func(rules.Verdict)) (backtest.Summary, error) {
		sum, err := stretch.Both(t.opts, t.others, out, outOthers)
		return sum, cmp.Or(t.ctx.Err(), err)
	}
	return t.run(f.against != "")
}

// stretch is what of the log is to be read: from a state that the hub kept, at most a
// day before --from, so that the rules under trial know by then what they would know.
func (t *trial) stretch(dir string, log hubLog, ends logEnds) (backtest.Log, error) {
	anchors := filepath.Join(dir, anchorFolder)
	start := func() (*rules.Engine, uint64, error) { return worker.StateAt(anchors, ends.First, t.opts.From) }
	engine, from, err := start()
	if err != nil {
		return backtest.Log{}, err
	}
	if engine == nil {
		return backtest.Log{}, fmt.Errorf("the log begins at position %d: what came before it has passed its age, and no state of that time was kept", ends.First)
	}
	if since := engine.Arrival(); since > t.opts.From {
		if t.opts.From != 0 {
			return backtest.Log{}, fmt.Errorf("the hub's log can be evaluated from %s on; what came before has passed its age: choose a later --from, or have the hub keep more (log: max_age)", stamp(since))
		}
		t.opts.From = since
	}
	return backtest.Log{
		Start: func() (*rules.Engine, error) {
			e, _, err := start()
			return e, err
		},
		Records: log.read(t.ctx, from, ends.Last),
	}, nil
}

// openHubLog asks a running hub, or opens the folder of one that does not run.
func openHubLog(ctx context.Context, dir string) (hubLog, error) {
	door := liveLog{controlSocket(dir)}
	if _, err := door.ends(ctx); !errors.Is(err, unixsocket.ErrNobody) {
		return door, err
	}
	// A reader that is slower than the server is told to read again from where it was,
	// which concerns nobody here: a record that is missing ends the run.
	log, err := eventlog.OpenDir(ctx, filepath.Join(dir, logFolder), 0, slog.New(slog.DiscardHandler))
	if errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("%s has no log: it is to be the data folder of a hub that has run (%w)", dir, err)
	}
	if err != nil {
		return nil, cmp.Or(inUse(dir, err), err)
	}
	store, err := incidents.Open(ctx, filepath.Join(dir, incidentsFile), incidents.Options{Directory: incidents.FromSite(site.Empty)})
	if err != nil {
		return nil, errors.Join(err, log.Close())
	}
	return storedLog{dir, log, store}, nil
}

// liveLog is the log of a hub that runs, over its own door.
type liveLog struct{ socket string }

func (r liveLog) ends(ctx context.Context) (e logEnds, err error) {
	err = unixsocket.Call(ctx, r.socket, "/log-ends", struct{}{}, &e)
	return e, err
}

func (r liveLog) labels(ctx context.Context, from, to int64) (list []incidents.Label, err error) {
	err = unixsocket.Call(ctx, r.socket, "/labels", labelsRequest{from, to}, &list)
	return list, err
}

func (r liveLog) read(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error] {
	return func(yield func(*record.Record, error) bool) {
		body, err := unixsocket.Stream(ctx, r.socket, "/log", logRequest{from, to})
		if err != nil {
			yield(nil, err)
			return
		}
		defer body.Close()
		in := logStream{in: bufio.NewReaderSize(body, 1<<16)}
		for {
			rec, err := in.next()
			if errors.Is(err, io.EOF) || !yield(rec, err) || err != nil {
				return
			}
		}
	}
}

func (liveLog) Close() error { return nil }

// logStream reads what a hub sends of its log: each record with its length and its
// position ahead, and a length of 0 at the end.
type logStream struct {
	in  *bufio.Reader
	dec record.Decoder
	rec record.Record
	buf []byte
}

// maxFrame is more than any record has.
const maxFrame = 64 << 20

func (s *logStream) next() (*record.Record, error) {
	n, err := binary.ReadUvarint(s.in)
	if err == nil && n == 0 {
		return nil, io.EOF
	}
	var pos uint64
	if err == nil {
		pos, err = binary.ReadUvarint(s.in)
	}
	if err == nil && n > maxFrame {
		err = fmt.Errorf("a record of %d bytes", n)
	}
	if err == nil {
		s.buf = append(s.buf[:0], make([]byte, n)...)
		_, err = io.ReadFull(s.in, s.buf)
	}
	if err != nil {
		return nil, fmt.Errorf("the hub broke off while it sent its log; is it still running? (%s)", err)
	}
	s.rec.Seq = pos
	if err := s.dec.Decode(s.buf, &s.rec); err != nil {
		return nil, fmt.Errorf("log record %d: %w", pos, err)
	}
	return &s.rec, nil
}

// storedLog is the log of a hub that does not run.
type storedLog struct {
	dir   string
	log   *eventlog.Dir
	store *incidents.Store
}

func (s storedLog) ends(ctx context.Context) (e logEnds, err error) {
	if e.First, err = s.log.First(ctx); err != nil {
		return e, err
	}
	e.Last = s.log.Last()
	engine, _, err := worker.LoadEngine(filepath.Join(s.dir, rulesState))
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, rules.ErrSnapshot) { // a program before this one wrote it
		return e, s.inEffect(ctx, &e)
	}
	if err != nil {
		return e, err
	}
	where, what := engine.InEffect()
	e.Site, e.Rules = where.File, what.Files
	return e, nil
}

// inEffect looks for the last site and rules in the log itself.
func (s storedLog) inEffect(ctx context.Context, e *logEnds) error {
	for rec, err := range s.log.ReadTo(ctx, e.First, e.Last) {
		if err != nil {
			return err
		}
		for _, entry := range rec.Entries {
			switch entry := entry.(type) {
			case *record.Site:
				e.Site = record.File{Name: entry.File.Name, Data: bytes.Clone(entry.File.Data)}
			case *record.Rules:
				e.Rules = nil
				for _, f := range entry.Files {
					e.Rules = append(e.Rules, record.File{Name: f.Name, Data: bytes.Clone(f.Data)})
				}
			}
		}
	}
	return ctx.Err()
}

func (s storedLog) read(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error] {
	return s.log.ReadTo(ctx, from, to)
}

func (s storedLog) labels(ctx context.Context, from, to int64) ([]incidents.Label, error) {
	return s.store.Labels(ctx, timeOr(from), timeOr(to))
}

func (s storedLog) Close() error { return errors.Join(s.store.Close(), s.log.Close()) }

// timeOr is Unix ms as time.Time, zero for 0.
func timeOr(ms int64) time.Time {
	if ms == 0 {
		return time.Time{}
	}
	return time.UnixMilli(ms)
}
