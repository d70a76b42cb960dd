package sparkplug

import "fmt"

// MaxMetrics is how many metrics a payload may have. It bounds what a hostile
// message of many tiny metrics can make the decoder hold (about 3 MB), and is
// well above what a gateway with a thousand devices declares.
const MaxMetrics = 1 << 14

// Payload is a Sparkplug B payload. Reuse one: Decode keeps its slices. The
// zero value is an empty payload.
//
// Every []byte of a decoded Payload aliases the message that was decoded. It is
// good for as long as nobody writes to that message; copy what is kept.
type Payload struct {
	Timestamp    int64 // when sent, Unix ms; 0 if absent
	Seq          uint64
	HasSeq       bool
	HasTimestamp bool
	UUID         []byte
	Body         []byte
	Metrics      []Metric
}

// DataType is Sparkplug B's number for a metric's type. It tells how the bits of
// an integer are to be read.
type DataType uint32

const (
	Unknown DataType = iota
	Int8
	Int16
	Int32
	Int64
	UInt8
	UInt16
	UInt32
	UInt64
	Float
	Double
	Boolean
	String
	DateTime
	Text
	UUID
	DataSet
	Bytes
	File
	Template
	PropertySet
	PropertySetList
)

var dataTypeNames = [...]string{"Unknown", "Int8", "Int16", "Int32", "Int64", "UInt8", "UInt16", "UInt32", "UInt64",
	"Float", "Double", "Boolean", "String", "DateTime", "Text", "UUID", "DataSet", "Bytes", "File", "Template", "PropertySet", "PropertySetList"}

func (d DataType) String() string {
	if int64(d) < int64(len(dataTypeNames)) {
		return dataTypeNames[d]
	}
	return fmt.Sprintf("DataType(%d)", uint32(d))
}

// Kind says which field of the wire's value carried it, and so which field of
// Metric holds it.
type Kind uint8

const (
	KindNone   Kind = iota // no value
	KindInt                // Int: 32 bits, two's complement for signed datatypes
	KindLong               // Int: 64 bits, two's complement for signed datatypes
	KindFloat              // Float, from 32 bits
	KindDouble             // Float
	KindBool               // Bool
	KindString             // Bytes, as sent: not checked to be UTF-8
	KindBytes              // Bytes
	KindOther              // a dataset, template or extension, stepped over
)

// Metric is one metric of a payload. Timestamp is Unix ms, 0 if absent.
type Metric struct {
	Name      []byte
	Alias     uint64
	Timestamp int64
	Datatype  DataType // Unknown when the message leaves it to the birth certificate

	Int   uint64
	Float float64
	Bytes []byte
	Kind  Kind
	Bool  bool

	HasName      bool
	HasAlias     bool
	HasTimestamp bool
	IsHistorical bool
	IsTransient  bool
	IsNull       bool

	Properties Properties
}

// Properties are those of a metric's properties that mean something to us; the
// others are stepped over.
type Properties struct {
	Quality    int32 // as QualityGood; valid if HasQuality
	HasQuality bool
	Reason     []byte // PropWeishaoQual; nil if absent
	EngUnit    []byte // PropEngUnit; nil if absent
}

// Reset empties p and keeps its memory.
func (p *Payload) Reset() {
	*p = Payload{Metrics: p.Metrics[:0]}
}

// Find returns the metric of that name, or nil.
func (p *Payload) Find(name string) *Metric {
	for i := range p.Metrics {
		if m := &p.Metrics[i]; m.HasName && string(m.Name) == name {
			return m
		}
	}
	return nil
}

// Number is the metric's value as a number: integers by the signedness and
// width of Datatype, false and true as 0 and 1. ok is false for a null, for what
// is not a number, and for an integer without a Datatype: its sign is unknown
// then, so put the one of the birth certificate into Datatype first.
func (m *Metric) Number() (v float64, ok bool) {
	if m.IsNull {
		return 0, false
	}
	switch m.Kind {
	case KindDouble, KindFloat:
		return m.Float, true
	case KindBool:
		if m.Bool {
			return 1, true
		}
		return 0, true
	case KindInt, KindLong:
		return m.integer()
	}
	return 0, false
}

// integer reads the bits of Int by Datatype. Senders differ in whether they
// extend the sign of a narrow integer; cutting it to its width suits both.
func (m *Metric) integer() (float64, bool) {
	switch m.Datatype {
	case Int8:
		return float64(int8(m.Int)), true
	case Int16:
		return float64(int16(m.Int)), true
	case Int32:
		return float64(int32(m.Int)), true
	case Int64:
		return float64(int64(m.Int)), true
	case UInt8, UInt16, UInt32, UInt64:
		return float64(m.Int), true
	case Boolean:
		if m.Int != 0 {
			return 1, true
		}
		return 0, true
	}
	return 0, false
}

// Uint is the metric's value as an unsigned integer, whatever the declared
// signedness: for counters such as bdSeq, which clients declare either way.
func (m *Metric) Uint() (v uint64, ok bool) {
	if m.IsNull || m.Kind != KindInt && m.Kind != KindLong {
		return 0, false
	}
	return m.Int, true
}

// True reports whether the metric is the boolean true.
func (m *Metric) True() bool {
	return m != nil && !m.IsNull && m.Kind == KindBool && m.Bool
}

// DecodeError says why bytes are not a payload, and where.
type DecodeError struct {
	Offset int // in bytes from the start of the payload, the unpacked one if it came compressed
	Text   string
}

func (e *DecodeError) Error() string {
	return fmt.Sprintf("sparkplug payload, byte %d: %s", e.Offset, e.Text)
}
