package worker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"weishao.dev/weishao/rules"
)

// anchor is a snapshot that is kept.
type anchor struct {
	file    string
	next    uint64 // log position to read from
	written time.Time
}

const anchorName = "%020d.snapshot"

// listAnchors lists a folder's anchors by position. No folder has none.
func listAnchors(dir string) (list []anchor, err error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("the rules' kept snapshots: %w", err)
	}
	for _, e := range entries { // by name, and so by position
		var next uint64
		if _, err := fmt.Sscanf(e.Name(), anchorName, &next); err != nil || e.Name() != fmt.Sprintf(anchorName, next) {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // removed meanwhile
		}
		list = append(list, anchor{filepath.Join(dir, e.Name()), next, info.ModTime()})
	}
	return list, nil
}

// anchor keeps a snapshot, and lets go of those that the log has left behind.
func (w *Worker) anchor(s snapshot) error {
	if err := os.MkdirAll(w.Anchors, 0o700); err != nil {
		return err
	}
	if err := s.write(filepath.Join(w.Anchors, fmt.Sprintf(anchorName, s.next))); err != nil {
		return err
	}
	list, err := listAnchors(w.Anchors)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	first, err := w.Log.First(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.next < first {
			err = errors.Join(err, os.Remove(a.file))
		}
	}
	return err
}

// ReplayFrom is the engine with which a replay of a log begins, and the position
// it reads from: the log's first record while that is the first there ever was,
// else the oldest anchor that the log reaches back to. ok is false where there is
// none.
func ReplayFrom(anchors string, first uint64) (e *rules.Engine, from uint64, ok bool, err error) {
	if first <= 1 {
		return rules.NewEngine(), 1, true, nil
	}
	list, err := listAnchors(anchors)
	if err != nil {
		return nil, 0, false, err
	}
	for _, a := range list {
		if a.next < first {
			continue
		}
		e, from, err := LoadEngine(a.file)
		return e, from, err == nil, err
	}
	return nil, 0, false, nil
}

// StateAt is the engine with which rules are tried over a log from a moment on (Unix
// ms of arrival), and the position it reads from: the newest anchor that is as old as
// that, or the log's first record while that is the first there ever was. Where
// neither is, it is the oldest anchor that can be used, which is younger; nil where
// there is none.
func StateAt(anchors string, first uint64, at int64) (e *rules.Engine, from uint64, err error) {
	list, err := listAnchors(anchors)
	if err != nil {
		return nil, 0, err
	}
	for _, a := range slices.Backward(list) {
		if a.next < first {
			break
		}
		older, next, err := LoadEngine(a.file)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, rules.ErrSnapshot) {
			continue // removed meanwhile, or of a program before this one
		}
		if err != nil {
			return nil, 0, err
		}
		e, from = older, next
		if e.Arrival() <= at {
			return e, from, nil
		}
	}
	if first <= 1 {
		return rules.NewEngine(), 1, nil
	}
	return e, from, nil
}

// LoadEngine takes the rules' state, and the log position that it is to read from,
// out of a snapshot's file.
func LoadEngine(file string) (e *rules.Engine, next uint64, err error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, 0, fmt.Errorf("the rules' snapshot: %w", err)
	}
	next, parts, err := split(b)
	if err != nil {
		return nil, 0, fmt.Errorf("%s: %w", file, err)
	}
	e = rules.NewEngine()
	if err := e.Restore(parts[0]); err != nil {
		return nil, 0, fmt.Errorf("%s: %w", file, err)
	}
	return e, next, nil
}
