package outbox

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math"

	"weishao.dev/weishao/telemetry"
)

const (
	blockHeaderLen = 24
	maxPayload     = 4 << 20
	maxBlockPoints = 8192
	maxName        = 255
	maxNames       = 1 << 16 // devices, and metrics, of one segment

	itemDevice = 0x01
	itemMetric = 0x02
	itemGroup  = 0x03

	formNone = 0
	formRaw  = 15
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	blockMagic = [4]byte{0xB1, 0x0C, 0x5E, 0xA1}
)

// Batch is some points of one device, in the order they were sampled.
type Batch struct {
	Device string // name within the gateway
	Points []telemetry.Point
}

// dictionary numbers the devices and metrics of one segment. Each definition
// carries its number: if the block that holds one is lost, the names behind it keep
// theirs, and what refers to the lost one is seen to be unreadable.
type dictionary struct {
	devices, metrics   []string          // the reader's side: by number, "" where not known
	deviceNo, metricNo map[string]uint64 // the writer's side
}

func newDictionary() *dictionary {
	return &dictionary{deviceNo: map[string]uint64{}, metricNo: map[string]uint64{}}
}

// number finds or makes the number of a name; a new one is defined behind b.
func number(b []byte, item byte, numbers map[string]uint64, name string) ([]byte, uint64) {
	if n, ok := numbers[name]; ok {
		return b, n
	}
	n := uint64(len(numbers))
	numbers[name] = n
	b = append(b, item)
	b = binary.AppendUvarint(b, n)
	b = binary.AppendUvarint(b, uint64(len(name)))
	return append(b, name...), n
}

// define notes a definition that was read.
func define(names []string, n uint64, name string) []string {
	for uint64(len(names)) <= n {
		names = append(names, "")
	}
	names[n] = name
	return names
}

// appendBlock encodes batches, which together hold count points, as one block
// that begins with sequence first.
func appendBlock(b []byte, dict *dictionary, first uint64, count int, batches []Batch) []byte {
	start := len(b)
	b = append(b, make([]byte, blockHeaderLen)...)
	var last int64
	for _, batch := range batches {
		if len(batch.Points) == 0 {
			continue
		}
		var dev uint64
		b, dev = number(b, itemDevice, dict.deviceNo, batch.Device)
		for _, p := range batch.Points {
			b, _ = number(b, itemMetric, dict.metricNo, p.Metric)
		}
		b = append(b, itemGroup)
		b = binary.AppendUvarint(b, dev)
		b = binary.AppendUvarint(b, uint64(len(batch.Points)))
		for _, p := range batch.Points {
			b = binary.AppendUvarint(b, dict.metricNo[p.Metric])
			b = binary.AppendVarint(b, p.Time-last)
			last = p.Time
			b = appendValue(b, p)
		}
	}
	h := b[start : start+blockHeaderLen]
	copy(h, blockMagic[:])
	binary.LittleEndian.PutUint32(h[4:], uint32(len(b)-start-blockHeaderLen))
	binary.LittleEndian.PutUint32(h[8:], uint32(count))
	binary.LittleEndian.PutUint64(h[12:], first)
	binary.LittleEndian.PutUint32(h[20:], blockSum(h, b[start+blockHeaderLen:]))
	return b
}

func blockSum(header, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(header[:20], castagnoli), castagnoli, payload)
}

var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9}

// appendValue writes quality, form and value. A decimal form is taken only if it
// gives back the very same bits and is shorter than the raw one.
func appendValue(b []byte, p telemetry.Point) []byte {
	q := byte(p.Quality) & 0x0f
	if p.Quality.Fault() {
		return append(b, q|formNone<<4)
	}
	for k, scale := range pow10 {
		m := math.Round(p.Value * scale)
		if math.Abs(m) >= 1<<47 {
			break
		}
		if math.Float64bits(float64(int64(m))/scale) == math.Float64bits(p.Value) {
			b = append(b, q|byte(k+1)<<4)
			return binary.AppendVarint(b, int64(m))
		}
	}
	b = append(b, q|formRaw<<4)
	return binary.LittleEndian.AppendUint64(b, math.Float64bits(p.Value))
}

// blockHeader is the decoded first part of a block.
type blockHeader struct {
	length int // of the payload
	count  int
	first  uint64
}

// parseHeader reads a block's header; ok says that it may be one. The checksum
// is over the payload too and is checked by checkBlock.
func parseHeader(h []byte) (blockHeader, bool) {
	if len(h) < blockHeaderLen || [4]byte(h[:4]) != blockMagic {
		return blockHeader{}, false
	}
	bh := blockHeader{
		length: int(binary.LittleEndian.Uint32(h[4:])),
		count:  int(binary.LittleEndian.Uint32(h[8:])),
		first:  binary.LittleEndian.Uint64(h[12:]),
	}
	ok := bh.length <= maxPayload && bh.count > 0 && bh.count <= maxBlockPoints && bh.first > 0 && bh.first < 1<<62
	return bh, ok
}

func checkBlock(header, payload []byte) bool {
	return binary.LittleEndian.Uint32(header[20:]) == blockSum(header, payload)
}

// decodeBlock reads a block's payload. It appends to groups and points, and adds
// what the block defines to dict. Points of one group are consecutive.
func decodeBlock(payload []byte, count int, dict *dictionary, points []telemetry.Point, groups []group) ([]telemetry.Point, []group, error) {
	d := decoder{b: payload}
	var last int64
	for len(d.b) > 0 && d.err == nil {
		switch item := d.byte(); item {
		case itemDevice:
			if n, name := d.definition(); d.err == nil {
				dict.devices = define(dict.devices, n, name)
			}
		case itemMetric:
			if n, name := d.definition(); d.err == nil {
				dict.metrics = define(dict.metrics, n, name)
			}
		case itemGroup:
			dev, n := d.uvarint(), d.uvarint()
			if dev >= uint64(len(dict.devices)) || dict.devices[dev] == "" || n > uint64(count-len(points)) {
				return points, groups, fmt.Errorf("group of device %d with %d readings is not possible here", dev, n)
			}
			groups = append(groups, group{device: dict.devices[dev], n: int(n)})
			for range n {
				var p telemetry.Point
				if p, last = d.point(dict, last); d.err != nil {
					break
				}
				points = append(points, p)
			}
		default:
			return points, groups, fmt.Errorf("unknown item %#x", item)
		}
	}
	if d.err == nil && len(points) != count {
		d.err = fmt.Errorf("%d readings, the header says %d", len(points), count)
	}
	return points, groups, d.err
}

// group is n consecutive points of a device in a decoded block.
type group struct {
	device string
	n      int
}

// decoder reads from the front of b; after the first failure it returns zeros.
type decoder struct {
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%s ends early or is too large", what)
	}
	d.b = nil
}

func (d *decoder) byte() byte {
	if len(d.b) == 0 {
		d.fail("item")
		return 0
	}
	c := d.b[0]
	d.b = d.b[1:]
	return c
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.b)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) definition() (uint64, string) {
	no, n := d.uvarint(), d.uvarint()
	if no >= maxNames || n == 0 || n > maxName || n > uint64(len(d.b)) {
		d.fail("name")
		return 0, ""
	}
	s := string(d.b[:n])
	d.b = d.b[n:]
	return no, s
}

func (d *decoder) point(dict *dictionary, last int64) (telemetry.Point, int64) {
	metric := d.uvarint()
	if metric >= uint64(len(dict.metrics)) || dict.metrics[metric] == "" {
		d.fail("metric number")
		return telemetry.Point{}, last
	}
	p := telemetry.Point{Metric: dict.metrics[metric], Time: last + d.varint()}
	tag := d.byte()
	p.Quality = telemetry.Quality(tag & 0x0f)
	switch form := tag >> 4; {
	case form == formNone:
		if !p.Quality.Fault() {
			d.fail("value")
		}
	case form == formRaw:
		if len(d.b) < 8 {
			d.fail("value")
			return p, last
		}
		p.Value = math.Float64frombits(binary.LittleEndian.Uint64(d.b))
		d.b = d.b[8:]
	case int(form) <= len(pow10):
		p.Value = float64(d.varint()) / pow10[form-1]
	default:
		d.fail("value form")
	}
	if !p.Quality.Valid() {
		d.fail("quality")
	}
	return p, p.Time
}
