package ingest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"

	"weishao.dev/weishao/internal/durable"
)

// snapshotVersion changes with the meaning of anything in state.
const snapshotVersion = 1

// snapshot is the state after some record, on its way to disk.
//
// The file is JSON: {"version":1,"position":P,"crc":C,"state":{...}}. position is
// that of the last record in it, crc the CRC32C of the bytes of state. A file that
// is not whole is not used: the log has everything.
type snapshot struct{ state json.RawMessage }

type snapshotFile struct {
	Version  int             `json:"version"`
	Position uint64          `json:"position"`
	CRC      uint32          `json:"crc"`
	State    json.RawMessage `json:"state"`
}

// snapshot copies the state.
func (s *state) snapshot() *snapshot {
	b, err := json.Marshal(s.Nodes)
	if err != nil {
		panic(fmt.Sprintf("ingest: state does not marshal: %v", err)) // plain data: it always does
	}
	return &snapshot{b}
}

func (s *snapshot) write(path string, position uint64) error {
	b, err := json.Marshal(snapshotFile{snapshotVersion, position, checksum(s.state), s.state})
	if err != nil {
		return fmt.Errorf("ingest: snapshot: %w", err)
	}
	return durable.WriteFile(path, b, 0o600)
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// errNoSnapshot says that there is no file.
var errNoSnapshot = errors.New("there is none yet")

// readSnapshot reads what write wrote.
func readSnapshot(path string) (*state, uint64, error) {
	b, err := os.ReadFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, 0, errNoSnapshot
	case err != nil:
		return nil, 0, err
	}
	var f snapshotFile
	if err := json.Unmarshal(b, &f); err != nil {
		return nil, 0, err
	}
	switch {
	case f.Version != snapshotVersion:
		return nil, 0, fmt.Errorf("version %d, this program writes %d", f.Version, snapshotVersion)
	case f.CRC != checksum(f.State):
		return nil, 0, errors.New("its checksum does not match")
	}
	s := newState()
	if err := json.Unmarshal(f.State, &s.Nodes); err != nil {
		return nil, 0, err
	}
	for id, n := range s.Nodes {
		if n == nil || n.Node != id {
			return nil, 0, fmt.Errorf("gateway %q is not in order", id)
		}
		n.index()
	}
	return s, f.Position, nil
}

// restore makes the state that the log implies.
func restore(ctx context.Context, cfg Config) (*state, error) {
	s, pos, err := usableSnapshot(ctx, cfg)
	if err != nil {
		return nil, err
	}
	for rec, err := range cfg.Log.ReadTo(ctx, pos+1, cfg.Log.Last()) {
		if err != nil {
			return nil, err
		}
		s.apply(rec)
	}
	return s, ctx.Err()
}

// usableSnapshot reads the snapshot, or gives the empty state where there is
// none that fits the log.
func usableSnapshot(ctx context.Context, cfg Config) (*state, uint64, error) {
	if cfg.Snapshot == "" {
		return newState(), 0, nil
	}
	s, pos, err := readSnapshot(cfg.Snapshot)
	switch {
	case errors.Is(err, errNoSnapshot):
	case err != nil:
		cfg.Logger.Warn("snapshot not used; reading the whole log", "file", cfg.Snapshot, "error", err)
	case pos > cfg.Log.Last():
		// The log was restored from an older copy, or is another one. What the
		// snapshot says is committed is not there, and must show as lost.
		cfg.Logger.Error("the log ends before the snapshot: records are missing from it", "snapshot", pos, "log", cfg.Log.Last())
	default:
		return s, pos, warnOfHole(ctx, cfg, pos)
	}
	return newState(), 0, nil
}

// warnOfHole says so when records between the snapshot and the oldest one kept
// have expired: what they said is not known any more.
func warnOfHole(ctx context.Context, cfg Config, pos uint64) error {
	first, err := cfg.Log.First(ctx)
	if err == nil && first > pos+1 {
		cfg.Logger.Warn("records after the snapshot have expired", "snapshot", pos, "oldest_kept", first)
	}
	return err
}
