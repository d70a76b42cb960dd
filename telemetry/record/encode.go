package record

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"weishao.dev/weishao/telemetry"
)

// Version is the first byte of every encoded record.
const Version = 1

const (
	kindReadings = iota + 1
	kindNodeBirth
	kindNodeDeath
	kindDeviceBirth
	kindDeviceDeath
	kindDrained
	kindLost
	kindSite
	kindRules
	kindTick
	kindResumed
)

const (
	flagBacklog = 1 << 0
	flagOurs    = 1 << 0
	flagForked  = 1 << 1
)

const crcSize = 4

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

// AppendRecord writes r behind dst. One who writes many keeps an Encoder.
func AppendRecord(dst []byte, r *Record) []byte {
	var e Encoder
	return e.Append(dst, r)
}

// Encoder writes records and keeps its dictionary's memory between them. The
// zero value is ready; it is not safe for concurrent use.
type Encoder struct {
	generation uint64 // of the record being written
	words      map[string]*word
	recent     [64]slot
	strings    uint64 // strings seen in this record
	sources    map[source]uint64
	lastTime   int64
}

// word is a string's place in the dictionary of the record of that generation.
type word struct{ generation, index uint64 }

// slot remembers where a string was found last: readings name the same few
// metrics again and again, and comparing one string is cheaper than hashing it.
type slot struct {
	text string
	word *word
}

// source is where an outbox sequence belongs.
type source struct {
	epoch Epoch
	run   uint64
}

// maxWords bounds the strings that an Encoder or Decoder remembers from record
// to record.
const maxWords = 1 << 16

// Append writes r behind dst. Entries must be of this package's types.
func (e *Encoder) Append(dst []byte, r *Record) []byte {
	e.reset(r)
	start := len(dst)
	dst = append(dst, Version)
	dst = binary.AppendVarint(dst, r.Arrival)
	dst = binary.AppendUvarint(dst, uint64(len(r.Entries)))
	for _, entry := range r.Entries {
		dst = e.entry(dst, entry)
	}
	return binary.LittleEndian.AppendUint32(dst, checksum(dst[start:]))
}

func (e *Encoder) reset(r *Record) {
	if e.words == nil || len(e.words) > maxWords {
		e.words = make(map[string]*word)
		e.recent = [64]slot{}
	}
	if e.sources == nil {
		e.sources = make(map[source]uint64)
	}
	clear(e.sources)
	e.generation++
	e.strings = 0
	e.lastTime = r.Arrival
}

func (e *Encoder) entry(dst []byte, entry Entry) []byte {
	switch v := entry.(type) {
	case *Readings:
		return e.readings(append(dst, kindReadings), v)
	case *NodeBirth:
		return e.nodeBirth(append(dst, kindNodeBirth), v)
	case *NodeDeath:
		return e.str(append(dst, kindNodeDeath), v.Node)
	case *DeviceBirth:
		return e.deviceBirth(append(dst, kindDeviceBirth), v)
	case *DeviceDeath:
		return e.str(append(dst, kindDeviceDeath), v.Device)
	case *Drained:
		return e.str(append(dst, kindDrained), v.Node)
	case *Lost:
		dst = e.str(append(dst, kindLost), v.Node)
		dst = e.src(dst, source{v.Epoch, v.Run})
		dst = appendRange(dst, v.Range)
		return e.str(dst, v.Reason)
	case *Site:
		dst = e.str(append(dst, kindSite), v.Version)
		return e.file(dst, v.File)
	case *Rules:
		dst = e.str(append(dst, kindRules), v.Version)
		dst = binary.AppendUvarint(dst, uint64(len(v.Files)))
		for _, f := range v.Files {
			dst = e.file(dst, f)
		}
		return dst
	case *Tick:
		return append(dst, kindTick)
	case *Resumed:
		return append(dst, kindResumed)
	}
	panic(fmt.Sprintf("record: entry of foreign type %T", entry)) // a bug: Entry is sealed by its method
}

func (e *Encoder) readings(dst []byte, r *Readings) []byte {
	dst = e.str(dst, r.Device)
	dst = e.src(dst, source{r.Epoch, r.Run})
	dst = binary.AppendUvarint(dst, r.First)
	dst = append(dst, bit(r.Backlog, flagBacklog))
	dst = binary.AppendUvarint(dst, uint64(len(r.Points)))
	for i := range r.Points {
		dst = e.point(dst, &r.Points[i])
	}
	return dst
}

func (e *Encoder) point(dst []byte, p *telemetry.Point) []byte {
	w, isNew := e.lookup(p.Metric)
	head := w << 1
	if p.Quality != telemetry.Good {
		head |= 1
	}
	dst = binary.AppendUvarint(dst, head)
	if isNew {
		dst = appendText(dst, p.Metric)
	}
	if p.Quality != telemetry.Good {
		dst = append(dst, byte(p.Quality))
	}
	dst = binary.AppendVarint(dst, p.Time-e.lastTime)
	e.lastTime = p.Time
	if p.Quality.Fault() {
		return dst
	}
	return binary.LittleEndian.AppendUint64(dst, math.Float64bits(p.Value))
}

func (e *Encoder) nodeBirth(dst []byte, n *NodeBirth) []byte {
	dst = e.str(dst, n.Node)
	dst = append(dst, bit(n.Ours, flagOurs)|bit(n.Forked, flagForked))
	dst = append(dst, n.Epoch[:]...)
	dst = binary.AppendUvarint(dst, uint64(len(n.Runs)))
	for i := range n.Runs {
		r := &n.Runs[i]
		dst = e.src(dst, source{r.Epoch, r.ID})
		dst = binary.AppendUvarint(dst, r.Parent)
		dst = append(dst, byte(r.Kind))
		dst = binary.AppendUvarint(dst, r.Oldest)
		dst = binary.AppendUvarint(dst, r.Next)
		dst = binary.AppendUvarint(dst, uint64(len(r.Lost)))
		for _, l := range r.Lost {
			dst = appendRange(dst, l)
		}
	}
	return dst
}

func (e *Encoder) deviceBirth(dst []byte, d *DeviceBirth) []byte {
	for _, s := range [...]string{d.Device, d.Model, d.Serial, d.Placement} {
		dst = e.str(dst, s)
	}
	dst = binary.AppendVarint(dst, d.IntervalMS)
	dst = binary.AppendUvarint(dst, uint64(len(d.Metrics)))
	for _, m := range d.Metrics {
		dst = e.str(dst, m)
	}
	return dst
}

func (e *Encoder) file(dst []byte, f File) []byte {
	dst = e.str(dst, f.Name)
	dst = binary.AppendUvarint(dst, uint64(len(f.Data)))
	return append(dst, f.Data...)
}

func (e *Encoder) str(dst []byte, s string) []byte {
	index, isNew := e.lookup(s)
	dst = binary.AppendUvarint(dst, index)
	if isNew {
		dst = appendText(dst, s)
	}
	return dst
}

// lookup gives the string's index in this record's dictionary, and whether it
// has just been put there.
func (e *Encoder) lookup(s string) (index uint64, isNew bool) {
	near := &e.recent[slotOf(s)]
	w := near.word
	if w == nil || near.text != s {
		if w = e.words[s]; w == nil {
			w = new(word)
			e.words[s] = w
		}
		*near = slot{s, w}
	}
	if w.generation == e.generation {
		return w.index, false
	}
	*w = word{e.generation, e.strings}
	e.strings++
	return w.index, true
}

// slotOf spreads the names that occur together (metrics, devices of a gateway,
// which differ at their ends) over the recent slots.
func slotOf(s string) uint {
	n := uint(len(s))
	if n < 2 {
		return n
	}
	return (n + 7*uint(s[n-1]) + 31*uint(s[n-2]) + 3*uint(s[0])) % 64
}

func (e *Encoder) src(dst []byte, s source) []byte {
	index, seen := e.sources[s]
	if seen {
		return binary.AppendUvarint(dst, index)
	}
	index = uint64(len(e.sources))
	e.sources[s] = index
	dst = binary.AppendUvarint(dst, index)
	dst = append(dst, s.epoch[:]...)
	return binary.AppendUvarint(dst, s.run)
}

func appendText(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

func appendRange(dst []byte, r Range) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, r.From), r.To)
}

func bit(set bool, flag byte) byte {
	if set {
		return flag
	}
	return 0
}
