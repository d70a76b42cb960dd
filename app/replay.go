package app

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/hub/worker"
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

const replayHelp = `
Reads a stopped hub's log from its first record, evaluates the rules again and
compares the verdicts with those that the hub kept: same IDs, same times, byte
for byte. Exits with 0 when they agree.`

func runReplay(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	if err := c.parse(0, 0); err != nil {
		return err
	}
	if err := need("config", *file); err != nil {
		return err
	}
	cfg, err := LoadHubConfig(*file)
	if err != nil {
		return err
	}
	res, err := Replay(c.ctx, cfg)
	if err != nil {
		return err
	}
	fmt.Fprintf(c.stdout, "log positions %d to %d: %d verdicts, %d kept by the hub\n", res.From, res.To, res.Verdicts, res.Kept)
	if res.Difference != "" {
		return errors.New(res.Difference)
	}
	fmt.Fprintln(c.stdout, "all agree, byte for byte")
	return nil
}

// ReplayResult compares a replay with what the hub kept.
type ReplayResult struct {
	From, To       uint64
	Verdicts, Kept int
	Difference     string // the first one; empty when there is none
}

// compareVerdicts notes the first difference between two lists of verdicts as
// JSON, both in log order.
func compareVerdicts(replayed, kept [][]byte) string {
	for i := range min(len(replayed), len(kept)) {
		if !bytes.Equal(replayed[i], kept[i]) {
			return fmt.Sprintf("verdict %d differs:\n replayed %s\n kept     %s", i, replayed[i], kept[i])
		}
	}
	if len(replayed) != len(kept) {
		return fmt.Sprintf("the replay gives %d verdicts, the hub kept %d", len(replayed), len(kept))
	}
	return ""
}

// Replay evaluates a stopped hub's log again, from its first record to the last
// that the hub had evaluated, and compares the verdicts with those that it kept.
// Where the first records have passed their age, it begins with the state that
// the hub kept of that time.
func Replay(ctx context.Context, cfg *HubConfig) (res ReplayResult, err error) {
	quiet := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	dir, err := eventlog.OpenDir(ctx, filepath.Join(cfg.Data, logFolder), 0, quiet)
	if err != nil {
		return res, cmp.Or(inUse(cfg.Data, err), err)
	}
	defer func() { err = errors.Join(err, dir.Close()) }()
	first, err := dir.First(ctx)
	if err != nil {
		return res, err
	}
	engine, from, ok, err := worker.ReplayFrom(filepath.Join(cfg.Data, anchorFolder), first)
	if err != nil {
		return res, err
	}
	if !ok {
		return res, fmt.Errorf("the log begins at position %d: what came before it has passed its age, and no state of that time was kept", first)
	}
	kept, last, err := keptVerdicts(ctx, filepath.Join(cfg.Data, incidentsFile), from)
	if err != nil {
		return res, err
	}
	// The log goes on a little: what came last the hub had no time for.
	res.From, res.To = from, min(dir.Last(), max(last, worker.SnapshotPosition(filepath.Join(cfg.Data, rulesState))))
	replayed, err := evaluate(ctx, engine, dir.Log, res.From, res.To)
	if err != nil {
		return res, err
	}
	res.Verdicts, res.Kept = len(replayed), len(kept)
	res.Difference = compareVerdicts(replayed, kept)
	return res, nil
}

// evaluate is what the rules say over a stretch of the log, as JSON.
func evaluate(ctx context.Context, engine *rules.Engine, log *eventlog.Log, from, to uint64) ([][]byte, error) {
	out := &verdictList{}
	for rec, err := range log.ReadTo(ctx, from, to) {
		if err != nil {
			return nil, err
		}
		if err := engine.Apply(rec, out); err != nil {
			return nil, fmt.Errorf("log record %d: %w", rec.Seq, err)
		}
		if out.err != nil {
			return nil, out.err
		}
	}
	return out.list, ctx.Err()
}

// verdictList is a rules.Output that keeps verdicts as bytes.
type verdictList struct {
	list [][]byte
	err  error
}

func (l *verdictList) Verdict(v rules.Verdict) {
	b, err := json.Marshal(v)
	if err != nil {
		l.err = errors.Join(l.err, fmt.Errorf("verdict %s: %w", v.ID, err))
	}
	l.list = append(l.list, b)
}

func (l *verdictList) Derived(rules.DerivedSample) {}

// keptVerdicts is what the hub kept from a log position on, and the position of
// the last of it.
func keptVerdicts(ctx context.Context, file string, from uint64) (list [][]byte, last uint64, err error) {
	if _, err := os.Stat(file); err != nil {
		return nil, 0, fmt.Errorf("the incidents: %w", err)
	}
	store, err := incidents.Open(ctx, file, incidents.Options{Directory: incidents.FromSite(site.Empty)})
	if err != nil {
		return nil, 0, err
	}
	defer store.Close()
	for p, err := range store.Verdicts(ctx, from) {
		if err != nil {
			return nil, 0, err
		}
		list, last = append(list, p.Verdict), p.Pos
	}
	return list, last, nil
}
