package worker

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"weishao.dev/weishao/hub/live"
	"weishao.dev/weishao/internal/durable"
	"weishao.dev/weishao/rules"
	"weishao.dev/weishao/site"
)

// The snapshot file, all numbers little endian:
//
//	8 bytes  "weishao" and the format's version
//	8 bytes  log position to read from
//	3 parts  engine, view, versions in effect (JSON)
//	24 bytes the parts' lengths
//	4 bytes  CRC32C of all before
const snapshotMagic = "weishao\x03"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errTorn = errors.New("torn or damaged file")

// snapshot is the worker's state after some record.
type snapshot struct {
	next   uint64
	engine *rules.Frozen
	view   *live.Frozen
	effect effect
}

// take copies the state.
func (w *Worker) take() (snapshot, error) {
	engine, err := w.engine.Freeze()
	if err != nil {
		return snapshot{}, err
	}
	return snapshot{w.next, engine, w.View.Freeze(), w.effect}, nil
}

func (s snapshot) write(file string) error {
	return durable.Write(file, 0o600, func(to io.Writer) error {
		sum := crc32.New(castagnoli)
		out := &counter{to: io.MultiWriter(to, sum)}
		if _, err := out.Write(binary.LittleEndian.AppendUint64([]byte(snapshotMagic), s.next)); err != nil {
			return err
		}
		var lengths []byte
		for _, part := range []func(io.Writer) error{s.engine.Write, s.writeView, s.writeEffect} {
			before := out.n
			if err := part(out); err != nil {
				return err
			}
			lengths = binary.LittleEndian.AppendUint64(lengths, out.n-before)
		}
		if _, err := out.Write(lengths); err != nil {
			return err
		}
		_, err := to.Write(binary.LittleEndian.AppendUint32(nil, sum.Sum32()))
		return err
	})
}

func (s snapshot) writeView(w io.Writer) error {
	b, err := s.view.Encode()
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

func (s snapshot) writeEffect(w io.Writer) error {
	b, err := json.Marshal(s.effect)
	if err != nil {
		return err
	}
	_, err = w.Write(b)
	return err
}

// counter counts what goes through it.
type counter struct {
	to io.Writer
	n  uint64
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.to.Write(b)
	c.n += uint64(n)
	return n, err
}

// save begins to write a snapshot, unless the one before is still being written.
func (w *Worker) save() {
	if w.saving != nil {
		select {
		case err := <-w.saving:
			w.saved(err)
		default:
			return
		}
	}
	s, err := w.take()
	if err != nil {
		w.saved(err)
		return
	}
	anchor := time.Since(w.anchored) >= w.Keep
	if anchor {
		w.anchored = time.Now()
	}
	w.saving = make(chan error, 1)
	go func(done chan<- error) {
		err := s.write(w.Config.Snapshot)
		if anchor && err == nil {
			err = w.anchor(s)
		}
		done <- err
	}(w.saving)
}

// finalSave waits for the snapshot under way and writes the last one.
func (w *Worker) finalSave() {
	if w.saving != nil {
		w.saved(<-w.saving)
	}
	if w.engine == nil {
		return // the snapshot before is good
	}
	s, err := w.take()
	if err == nil {
		err = s.write(w.Config.Snapshot)
	}
	w.saved(err)
}

func (w *Worker) saved(err error) {
	w.saving = nil
	if err != nil && !errors.Is(err, rules.ErrBusy) { // busy: the next one will do
		w.Logger.Error("no snapshot of the rules; a restart will take longer", "file", w.Config.Snapshot, "error", err)
	}
}

// restore begins where the snapshot ends, or else an anchor, the newest first, or
// else with the log's first record.
func (w *Worker) restore(first uint64) error {
	anchors, err := listAnchors(w.Anchors)
	if err != nil {
		return err
	}
	if n := len(anchors); n > 0 {
		w.anchored = anchors[n-1].written
	}
	files := []string{w.Config.Snapshot}
	for _, a := range slices.Backward(anchors) {
		files = append(files, a.file)
	}
	for _, file := range files {
		w.engine, w.next, w.effect = rules.NewEngine(), first, effect{}
		b, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("the rules' snapshot: %w", err)
		}
		if err = w.load(b, first); err == nil {
			return nil
		}
		w.Logger.Warn("a snapshot of the rules cannot be used; more of the log is evaluated again", "file", file, "error", err)
	}
	w.engine, w.next, w.effect = rules.NewEngine(), first, effect{}
	return nil
}

// load takes a snapshot back. The view is changed last, so that an error leaves
// it empty.
func (w *Worker) load(b []byte, first uint64) error {
	next, parts, err := split(b)
	if err != nil {
		return err
	}
	if next < first {
		return fmt.Errorf("it ends at position %d, and the log begins at %d", next, first)
	}
	if last := w.Log.Last(); next > last+1 {
		return fmt.Errorf("it ends at position %d, and the log at %d: is it another log's?", next, last)
	}
	if err := w.engine.Restore(parts[0]); err != nil {
		return err
	}
	if err := json.Unmarshal(parts[2], &w.effect); err != nil {
		return err
	}
	in := site.Empty()
	if s := w.effect.Site; s != nil {
		if in, err = site.Load(s.File.Name, s.File.Data); err != nil {
			return err
		}
	}
	if err := w.View.Restore(parts[1]); err != nil {
		return err
	}
	w.View.SetSite(in)
	w.View.SetActive(w.engine.Active())
	w.next = next
	return nil
}

// split takes the file apart.
func split(b []byte) (next uint64, parts [3][]byte, err error) {
	const head, tail = 16, 3*8 + 4
	if len(b) < head+tail || string(b[:7]) != snapshotMagic[:7] {
		return 0, parts, errTorn
	}
	if b[7] != snapshotMagic[7] {
		return 0, parts, fmt.Errorf("format %d, this program writes %d", b[7], snapshotMagic[7])
	}
	if crc32.Checksum(b[:len(b)-4], castagnoli) != binary.LittleEndian.Uint32(b[len(b)-4:]) {
		return 0, parts, errTorn
	}
	lengths, body := b[len(b)-tail:], b[head:len(b)-tail]
	for i := range parts {
		n := binary.LittleEndian.Uint64(lengths[8*i:])
		if n > uint64(len(body)) {
			return 0, parts, errTorn
		}
		parts[i], body = body[:n], body[n:]
	}
	return binary.LittleEndian.Uint64(b[8:]), parts, nil
}

// SnapshotPosition is the log position up to which a stopped worker had
// evaluated: exactly so after a clean stop, at least so after a kill. 0 where
// there is no snapshot that can be read.
func SnapshotPosition(file string) uint64 {
	b, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	next, _, err := split(b)
	if err != nil || next == 0 {
		return 0
	}
	return next - 1
}
