package outbox

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"

	"weishao.dev/weishao/telemetry/record"
)

const formatVersion = 1

// epochFile is the content of the file "epoch".
type epochFile struct {
	Format      int    `json:"format"`
	Epoch       string `json:"epoch"`
	Fingerprint string `json:"fingerprint"`
}

// stateFile is the content of the file "state". Run IDs are in hex.
type stateFile struct {
	Format    int                 `json:"format"`
	Counter   uint32              `json:"counter"` // highest that a run of this card has had
	Lineage   lineage             `json:"lineage"`
	Committed map[string]uint64   `json:"committed,omitempty"`
	Lost      map[string]lostFile `json:"lost,omitempty"`
}

// lineage is what the next runs have for parents.
type lineage struct {
	Epoch record.Epoch `json:"epoch"`
	Live  uint64       `json:"live"`  // last live run; 0 before the first
	Alarm uint64       `json:"alarm"` // last alarm run
}

// lostFile is what must outlive a run's segments until the hub knows that these
// readings will never come.
type lostFile struct {
	Epoch  record.Epoch   `json:"epoch"`
	Parent uint64         `json:"parent"`
	Kind   record.RunKind `json:"kind"`
	Next   uint64         `json:"next"`
	Ranges []record.Range `json:"ranges"`
}

func newEpoch() record.Epoch {
	var e record.Epoch
	_, _ = rand.Read(e[:])  // never fails, by its documentation
	e[6] = e[6]&0x0f | 0x40 // version 4
	e[8] = e[8]&0x3f | 0x80 // variant 10
	return e
}

// runID is counter<<32 | 32 random bits.
func runID(counter uint32) uint64 {
	var b [4]byte
	_, _ = rand.Read(b[:])
	return uint64(counter)<<32 | uint64(binary.BigEndian.Uint32(b[:]))
}

// newLineage begins an epoch's family of runs. The first alarm run's parent is an
// ID that no run has or will have: counter 0 is never given to a run.
func newLineage(e record.Epoch) lineage { return lineage{Epoch: e, Alarm: runID(0) | 1} }

// loadEpoch reads the card's epoch. If it is not to be used, why says so and the
// epoch is a new one, which is not stored yet.
func loadEpoch(fsys FS, dir, fingerprint string) (e record.Epoch, why string, err error) {
	var f epochFile
	switch b, err := readAll(fsys, filepath.Join(dir, "epoch")); {
	case errors.Is(err, fs.ErrNotExist):
		why = "the outbox is new"
	case err != nil:
		return e, "", err
	case json.Unmarshal(b, &f) != nil || f.Format != formatVersion:
		why = "the epoch file is damaged or of another version"
	case f.Fingerprint != fingerprint:
		why = "the card or the machine is not the one that wrote this outbox"
	default:
		if e, err := record.ParseEpoch(f.Epoch); err == nil {
			return e, "", nil
		}
		why = "the epoch file is damaged"
	}
	return newEpoch(), why, nil
}

func storeEpoch(fsys FS, dir string, e record.Epoch, fingerprint string) error {
	b, err := json.Marshal(epochFile{formatVersion, e.String(), fingerprint})
	if err != nil {
		return err
	}
	return replace(fsys, filepath.Join(dir, "epoch"), append(b, '\n'))
}

// loadState reads the state; ok is false if it is not there or damaged. Then all
// that segments cannot tell is unknown, and the caller takes a new epoch.
func loadState(fsys FS, dir string) (s stateFile, ok bool, err error) {
	b, err := readAll(fsys, filepath.Join(dir, "state"))
	if errors.Is(err, fs.ErrNotExist) {
		return s, false, nil
	}
	if err != nil {
		return s, false, err
	}
	if json.Unmarshal(b, &s) != nil || s.Format != formatVersion {
		return stateFile{}, false, nil
	}
	return s, true, nil
}

func (s stateFile) store(fsys FS, dir string) error {
	s.Format = formatVersion
	b, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return replace(fsys, filepath.Join(dir, "state"), append(b, '\n'))
}

func hexID(id uint64) string { return fmt.Sprintf("%016x", id) }

func parseHexID(s string) (uint64, bool) {
	id, err := strconv.ParseUint(s, 16, 64)
	return id, err == nil && id != 0
}
