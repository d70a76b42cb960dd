package record

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"

	"weishao.dev/weishao/telemetry"
)

// CorruptError says why bytes are not a record, and where.
type CorruptError struct {
	Offset int // in bytes from the start of the record
	Text   string
}

func (e *CorruptError) Error() string {
	return fmt.Sprintf("log record, byte %d: %s", e.Offset, e.Text)
}

// Decode reads a record into r. What r holds then is its own and may be kept;
// one who reads many and keeps none uses a Decoder. r.Seq is left as it is. The
// error is a *CorruptError, and r is then not to be used.
func Decode(b []byte, r *Record) error {
	var d Decoder
	return d.Decode(b, r)
}

// Decoder reads records into memory that it reuses: a record and all it holds
// are good until the next Decode. Strings may be kept, they are never
// overwritten. The zero value is ready; it is not safe for concurrent use.
type Decoder struct {
	interned map[string]string // strings of earlier records
	strings  []string          // dictionary of this record
	sources  []source
	entries  []Entry
	readings []Readings
	points   []telemetry.Point
	lastTime int64
}

// Decode reads a record into r, which is good until the next call. r.Seq is left
// as it is. The error is a *CorruptError, and r is then not to be used.
func (d *Decoder) Decode(b []byte, r *Record) error {
	d.reset()
	r.Entries = nil
	if len(b) < 1+crcSize {
		return &CorruptError{0, fmt.Sprintf("%d bytes are too few for a record", len(b))}
	}
	if b[0] != Version {
		return &CorruptError{0, fmt.Sprintf("format version %d; this program reads version %d", b[0], Version)}
	}
	end := len(b) - crcSize
	if got, want := checksum(b[:end]), binary.LittleEndian.Uint32(b[end:]); got != want {
		return &CorruptError{end, fmt.Sprintf("checksum is %08x, the bytes before it have %08x", want, got)}
	}
	c := cursor{b: b[:end], i: 1}
	r.Arrival = c.varint()
	d.lastTime = r.Arrival
	n := c.count(1)
	d.entries = slices.Grow(d.entries, n)
	for range n {
		entry := d.entry(&c)
		if c.err != nil {
			return c.err
		}
		d.entries = append(d.entries, entry)
	}
	if c.err == nil && c.i != len(c.b) {
		c.fail("bytes follow the last entry")
	}
	r.Entries = d.entries
	return c.result()
}

func (d *Decoder) reset() {
	if d.interned == nil || len(d.interned) > maxWords {
		d.interned = make(map[string]string)
	}
	d.strings = d.strings[:0]
	d.sources = d.sources[:0]
	clear(d.entries) // what is not a Readings is not reused: let it go
	d.entries = d.entries[:0]
	d.readings = d.readings[:0]
	d.points = d.points[:0]
}

func (d *Decoder) entry(c *cursor) Entry {
	switch kind := c.byte(); kind {
	case kindReadings:
		return d.readingsEntry(c)
	case kindNodeBirth:
		return d.nodeBirth(c)
	case kindNodeDeath:
		return &NodeDeath{Node: d.str(c)}
	case kindDeviceBirth:
		return d.deviceBirth(c)
	case kindDeviceDeath:
		return &DeviceDeath{Device: d.str(c)}
	case kindDrained:
		return &Drained{Node: d.str(c)}
	case kindLost:
		l := &Lost{Node: d.str(c)}
		s := d.src(c)
		l.Epoch, l.Run = s.epoch, s.run
		l.Range = c.rng()
		l.Reason = d.str(c)
		return l
	case kindSite:
		return &Site{Version: d.str(c), File: d.file(c)}
	case kindRules:
		v := &Rules{Version: d.str(c)}
		for range c.count(2) {
			v.Files = append(v.Files, d.file(c))
		}
		return v
	case kindTick:
		return theTick
	case kindResumed:
		return theResumed
	default:
		c.fail(fmt.Sprintf("unknown kind of entry %d", kind))
		return nil
	}
}

// What has no fields is the same each time.
var (
	theTick    = &Tick{}
	theResumed = &Resumed{}
)

func (d *Decoder) readingsEntry(c *cursor) *Readings {
	d.readings = append(d.readings, Readings{})
	r := &d.readings[len(d.readings)-1]
	r.Device = d.str(c)
	s := d.src(c)
	r.Epoch, r.Run = s.epoch, s.run
	r.First = c.uvarint()
	r.Backlog = c.byte()&flagBacklog != 0
	n := c.count(minPoint)
	from := len(d.points)
	d.points = slices.Grow(d.points, n)[:from+n]
	r.Points = d.points[from : from+n : from+n]
	for i := range r.Points {
		if !d.shortPoint(c, &r.Points[i]) {
			r.Points[i] = d.point(c)
		}
	}
	return r
}

// minPoint is the size of the smallest point, a fault: head, quality, time.
const minPoint = 3

// shortPoint reads what nearly every point is, a good reading of one of the
// record's first 64 strings within 8 s of the point before it, and reports
// whether it did. It is here for speed alone: point reads the same.
func (d *Decoder) shortPoint(c *cursor, p *telemetry.Point) bool {
	if c.i+11 > len(c.b) {
		return false
	}
	b := c.b[c.i:]
	head := b[0]
	if head&0x81 != 0 || int(head>>1) >= len(d.strings) {
		return false
	}
	delta, n := uint64(b[1]), 2
	if delta >= 0x80 {
		delta, n = delta&0x7f|uint64(b[2])<<7, 3
		if b[2] >= 0x80 {
			return false
		}
	}
	d.lastTime += int64(delta>>1) ^ -int64(delta&1)
	*p = telemetry.Point{
		Metric: d.strings[head>>1],
		Time:   d.lastTime,
		Value:  math.Float64frombits(binary.LittleEndian.Uint64(b[n:])),
	}
	c.i += n + 8
	return true
}

func (d *Decoder) point(c *cursor) (p telemetry.Point) {
	head := c.uvarint()
	if index := head >> 1; index < uint64(len(d.strings)) {
		p.Metric = d.strings[index]
	} else {
		p.Metric = d.word(c, index)
	}
	if head&1 != 0 {
		p.Quality = telemetry.Quality(c.byte())
		if !p.Quality.Valid() {
			c.fail("unknown quality")
		}
	}
	d.lastTime += c.varint()
	p.Time = d.lastTime
	if !p.Quality.Fault() {
		p.Value = c.float()
	}
	return p
}

func (d *Decoder) nodeBirth(c *cursor) *NodeBirth {
	n := &NodeBirth{Node: d.str(c)}
	flags := c.byte()
	n.Ours, n.Forked = flags&flagOurs != 0, flags&flagForked != 0
	n.Epoch = c.epoch()
	for range c.count(6) {
		s := d.src(c)
		r := Run{ID: s.run, Epoch: s.epoch}
		r.Parent = c.uvarint()
		r.Kind = RunKind(c.byte())
		if int(r.Kind) >= len(runKindNames) {
			c.fail("unknown kind of run")
		}
		r.Oldest = c.uvarint()
		r.Next = c.uvarint()
		for range c.count(2) {
			r.Lost = append(r.Lost, c.rng())
		}
		n.Runs = append(n.Runs, r)
	}
	return n
}

func (d *Decoder) deviceBirth(c *cursor) *DeviceBirth {
	b := &DeviceBirth{Device: d.str(c), Model: d.str(c), Serial: d.str(c), Placement: d.str(c)}
	b.IntervalMS = c.varint()
	for range c.count(1) {
		b.Metrics = append(b.Metrics, d.str(c))
	}
	return b
}

func (d *Decoder) file(c *cursor) File {
	name := d.str(c)
	return File{Name: name, Data: slices.Clone(c.take(c.count(1)))}
}

func (d *Decoder) str(c *cursor) string { return d.word(c, c.uvarint()) }

// word is the dictionary's string of that index, or the one that follows here.
func (d *Decoder) word(c *cursor, index uint64) string {
	if index < uint64(len(d.strings)) {
		return d.strings[index]
	}
	if index > uint64(len(d.strings)) {
		c.fail("reference to a string that was not given")
		return ""
	}
	text := c.take(c.count(1))
	s, ok := d.interned[string(text)]
	if !ok {
		s = string(text)
		d.interned[s] = s
	}
	d.strings = append(d.strings, s)
	return s
}

func (d *Decoder) src(c *cursor) source {
	index := c.uvarint()
	if index < uint64(len(d.sources)) {
		return d.sources[index]
	}
	if index > uint64(len(d.sources)) {
		c.fail("reference to a run that was not given")
		return source{}
	}
	s := source{epoch: c.epoch(), run: c.uvarint()}
	d.sources = append(d.sources, s)
	return s
}

// cursor reads b from i on. After an error it reads zeros; the first error
// stays.
type cursor struct {
	b   []byte
	i   int
	err *CorruptError
}

func (c *cursor) fail(text string) {
	if c.err == nil {
		c.err = &CorruptError{c.i, text}
		c.i = len(c.b)
	}
}

func (c *cursor) result() error {
	if c.err == nil {
		return nil
	}
	return c.err
}

func (c *cursor) take(n int) []byte {
	if n > len(c.b)-c.i {
		c.fail("the record ends in the middle of an entry")
		return nil
	}
	c.i += n
	return c.b[c.i-n : c.i]
}

func (c *cursor) byte() byte {
	if c.i < len(c.b) {
		c.i++
		return c.b[c.i-1]
	}
	c.fail("the record ends in the middle of an entry")
	return 0
}

func (c *cursor) uvarint() uint64 {
	if i := c.i; i < len(c.b) && c.b[i] < 0x80 {
		c.i = i + 1
		return uint64(c.b[i])
	}
	return c.longUvarint()
}

func (c *cursor) longUvarint() uint64 {
	v, n := binary.Uvarint(c.b[c.i:])
	if n <= 0 {
		c.fail("a number is longer than 10 bytes or the record ends in it")
		return 0
	}
	c.i += n
	return v
}

func (c *cursor) varint() int64 {
	v := c.uvarint()
	return int64(v>>1) ^ -int64(v&1)
}

// count reads how many items follow, each of at least size bytes, so that a
// forged count cannot make us ask for more memory than the record's size bears.
func (c *cursor) count(size int) int {
	n := c.uvarint()
	if n > uint64((len(c.b)-c.i)/size) {
		c.fail("a count is larger than the rest of the record")
		return 0
	}
	return int(n)
}

func (c *cursor) float() float64 {
	if len(c.b)-c.i < 8 {
		c.fail("the record ends in the middle of an entry")
		return 0
	}
	c.i += 8
	return math.Float64frombits(binary.LittleEndian.Uint64(c.b[c.i-8:]))
}

func (c *cursor) epoch() (e Epoch) {
	copy(e[:], c.take(len(e)))
	return e
}

func (c *cursor) rng() Range {
	from := c.uvarint()
	return Range{From: from, To: c.uvarint()}
}
