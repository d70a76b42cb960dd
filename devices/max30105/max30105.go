// Package max30105 drives the optical particle sensor MAX30105 of Analog Devices
// (Maxim), on I²C, as the heart of a smoke meter: metric smoke.
//
// Data sheet: MAX30105, 19-8345
// (https://www.analog.com/media/en/technical-documentation/data-sheets/MAX30105.pdf).
//
//   - It lights the air above its glass with a red and an infra-red diode and counts
//     what smoke reflects. What comes back without smoke (glass, chamber) is Clean.
//   - It is a part, not a detector: how many counts a dB/m is depends on the chamber, and
//     must be found in one, beside a meter that is known (per_db_m: the same for chambers
//     that are alike). What comes back from clean air differs from part to part, and is
//     found by `weishao-gateway calibrate`. Grey smoke of a
//     smouldering fire reflects several times as much as black smoke of a flame of the
//     same obscuration: ±50 % at best. It is no EN 14604 alarm and does not replace one.
//   - Steam, dust and insects reflect as well. Dust settles: Clean creeps upwards by
//     months; clean and calibrate once a year.
//   - Warm-up: 2 minutes, for the diodes' temperature; again when the part has been away
//     for half a minute.
//   - Errata: the temperature of the diodes lowers their light by up to 0.3 %/°C.
//   - Address: 0x57 (page 30, table 17).
//
// Registers ("Register Maps and Descriptions"): 0x04 FIFO write, 0x05 overflow, 0x06
// read, 0x07 data (page 15); 0x08 FIFO configuration, 0x09 mode, 0x0a particle sensing,
// 0x0c and 0x0d diode currents, 0.2 mA a step; 0xff part 0x15. The driver sets 100
// conversions a second of 18 bits and 411 µs, averaged by 16, of red and infra-red:
// 6.25 samples a second.
//
// A sample of the FIFO is two times three bytes, of which the upper six bits are zero
// (page 15), and cannot be read twice. So the reading is the median of the interval's
// samples, which a garbled one does not move, and the settings are read back each time,
// which finds a part that was reset.
//
// # Qualities
//
//   - open: less than half of Clean: a diode is dead, or the glass is covered.
//   - saturated: the median is at the end of the 18 bits.
//   - stuck: no new samples, or the very same counts for ten minutes: the last digits of a
//     part that works are noise.
package max30105

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind max30105 has beside what all devices have.
type Own struct {
	Pos         conf.Pos `yaml:"-"`
	bus.OnI2C   `yaml:",inline"`
	PerDB       conf.At[float64] `yaml:"per_db_m"`    // counts of infra-red light for each dB/m, of the chamber
	Calibration *Calibration     `yaml:"calibration"` // see `weishao-gateway calibrate`
}

// Calibration is the record of a calibration in clean air.
type Calibration struct {
	Pos    conf.Pos         `yaml:"-"`
	Clean  conf.At[float64] `yaml:"clean"` // counts of infra-red light
	Date   time.Time        `yaml:"date"`
	By     string           `yaml:"by"`
	Spread float64          `yaml:"spread"` // standard deviation in % of clean
}

const (
	regWrite  = 0x04
	regData   = 0x07
	regFIFO   = 0x08
	regMode   = 0x09
	regRed    = 0x0c
	regPart   = 0xff
	part      = 0x15
	reset     = 0x40
	warmUp    = 2 * time.Minute
	resetTime = 5 * time.Millisecond
	depth     = 32 // samples
	size      = 6  // bytes of a sample
	top       = 1<<18 - 1
	cooled    = 30 * time.Second // away for longer, it has been without supply
	least     = 3                // samples of which a median is worth something
	stuck     = 10 * time.Minute // with the same counts
)

// Addresses that the part can have.
var Addresses = []bus.Address{0x57}

// Is reports whether a MAX30105 answers.
func Is(ctx context.Context, c bus.Conn) bool { return bus.Answers(ctx, c, regPart, part) }

// settings of 0x08 to 0x0d, as they are read back. 0x0b is reserved.
var settings = []byte{
	4<<5 | 1<<4,     // averages of 16, oldest overwritten
	0x03,            // red and infra-red
	1<<5 | 1<<2 | 3, // 4096 nA, 100 a second, 411 µs
	0x00,            //
	0x1f, 0x1f,      // 6.2 mA each
}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	s := o.sensor(info, b, &errs)
	if o.PerDB.Pos.Line == 0 {
		errs.Add(o.Pos, "per_db_m is missing: counts for each dB/m, found in a chamber like the one that the part sits in")
	}
	s.perDB = conf.Given(&errs, "per_db_m", o.PerDB, 0, 1, top)
	switch c := o.Calibration; {
	case c == nil:
		errs.Add(o.Pos, "calibration is missing: run `weishao-gateway calibrate` in clean air: it writes the record")
	case c.Clean.V < 1 || c.Clean.V > top:
		errs.Add(c.Pos, "clean is missing or no count from 1 to %d: what comes back from clean air", top)
	default:
		s.clean = c.Clean.V
	}
	if info.Model == "" {
		info.Model = "MAX30105"
	}
	if info.Interval <= 0 {
		info.Interval = 2 * time.Second
	}
	if info.Interval < time.Second || info.Interval > 5*time.Second {
		errs.Add(o.Pos, "an interval of %v does not fit the part's memory of 5 s: 1s to 5s", info.Interval)
	}
	info.Metrics = []string{"smoke"}
	return devices.PollPatiently(info, s.sample), errs.Err()
}

func (o *Own) sensor(info devices.Info, b *bus.Buses, errs *conf.Errors) *sensor {
	return &sensor{conn: o.Conn(b, errs, o.Pos, info.ID, Addresses...), same: devices.Stuck{After: stuck}}
}

type sensor struct {
	conn         bus.Conn
	clean, perDB float64
	ready        bool
	began        time.Time // of the warm-up
	last         time.Time // when it was read last
	same         devices.Stuck
}

var (
	errWho      = errors.New("who answers is no MAX30105")
	errSettings = errors.New("its settings are not what was written to it")
	errPointers = errors.New("its memory's pointers are none")
)

func (s *sensor) sample(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
	data, err := s.counts(ctx, now)
	if err != nil {
		return nil, err
	}
	s.last = now
	p, err := s.judge(now, data)
	if err != nil {
		return nil, s.again(bus.BadFrame(s.conn, err))
	}
	if p.Quality == telemetry.Stuck {
		s.ready = false // a reset may help
	}
	if p.Quality == telemetry.Good && now.Sub(s.began) < warmUp {
		p.Quality = telemetry.Warmup
	}
	return []telemetry.Point{p}, nil
}

// counts are the samples that have come, of a part that is set up if need be.
func (s *sensor) counts(ctx context.Context, now time.Time) ([]byte, error) {
	if !s.ready {
		if err := s.setUp(ctx); err != nil {
			return nil, err
		}
		s.ready = true
		if now.Sub(s.last) > cooled {
			s.began = now
		}
		if err := bus.Wait(ctx, s.conn, 600*time.Millisecond); err != nil { // until there is something
			return nil, s.again(err)
		}
	}
	data, err := s.read(ctx)
	if err != nil {
		return nil, s.again(err)
	}
	return data, nil
}

func (s *sensor) again(err error) error {
	s.ready = false
	return err
}

func (s *sensor) setUp(ctx context.Context) error {
	if err := s.conn.Tx(ctx, []byte{regMode, reset}, nil); err != nil {
		return err
	}
	if err := bus.Wait(ctx, s.conn, resetTime); err != nil {
		return err
	}
	id := make([]byte, 1)
	if err := bus.ReadReg(ctx, s.conn, regPart, id); err != nil {
		return err
	}
	if id[0] != part {
		return bus.BadFrame(s.conn, errWho)
	}
	for _, w := range [][]byte{
		append([]byte{regRed}, settings[4:]...),
		{regWrite, 0, 0, 0}, // an empty memory
		append([]byte{regFIFO}, settings[:3]...),
	} {
		if err := s.conn.Tx(ctx, w, nil); err != nil {
			return err
		}
	}
	return nil
}

// read gives the samples of the part's memory: none if it has no new ones.
func (s *sensor) read(ctx context.Context) ([]byte, error) {
	got := make([]byte, len(settings))
	if err := bus.ReadReg(ctx, s.conn, regFIFO, got); err != nil {
		return nil, err
	}
	got[3] = settings[3] // reserved
	if !slices.Equal(got, settings) {
		return nil, bus.BadFrame(s.conn, errSettings)
	}
	pointers := make([]byte, 3)
	if err := bus.ReadReg(ctx, s.conn, regWrite, pointers); err != nil {
		return nil, err
	}
	n, err := waiting(pointers)
	if err != nil {
		return nil, bus.BadFrame(s.conn, err)
	}
	data := make([]byte, n*size)
	if n == 0 {
		return data, nil
	}
	return data, bus.ReadReg(ctx, s.conn, regData, data)
}

// judge says what samples mean.
func (s *sensor) judge(now time.Time, data []byte) (telemetry.Point, error) {
	p := telemetry.Point{Metric: "smoke"}
	if len(data) == 0 {
		p.Quality = telemetry.Stuck
		return p, nil
	}
	ir, err := decode(data)
	still := err == nil && s.still(now, data)
	switch {
	case err != nil:
		return p, err
	case ir >= top:
		p.Quality = telemetry.Saturated
	case ir < s.clean/2:
		p.Quality = telemetry.Open
	case still:
		p.Quality = telemetry.Stuck
	default:
		p.Value = max(0, (ir-s.clean)/s.perDB)
	}
	return p, nil
}

// still reports whether all samples have been the same for too long.
func (s *sensor) still(now time.Time, data []byte) bool {
	first := data[:size]
	if !bytes.Equal(data, bytes.Repeat(first, len(data)/size)) {
		s.same = devices.Stuck{After: stuck} // it moves
		return false
	}
	return s.same.Is(now, first)
}

// waiting is how many samples there are, by the write, overflow and read pointers.
func waiting(p []byte) (int, error) {
	if p[0] >= depth || p[2] >= depth || p[1] >= depth {
		return 0, errPointers
	}
	n := (int(p[0]) - int(p[2]) + depth) % depth
	if n == 0 && p[1] > 0 {
		n = depth
	}
	return n, nil
}

var (
	errBits = errors.New("bits are set that a sample does not have")
	errFew  = errors.New("too few samples")
)

// decode gives the median of the infra-red counts. Which of the two colours comes first
// is in the mode: red.
func decode(data []byte) (float64, error) {
	var ir []int
	for ; len(data) >= size; data = data[size:] {
		if (data[0]|data[3])&^3 != 0 {
			return 0, errBits
		}
		ir = append(ir, int(data[3])<<16|int(data[4])<<8|int(data[5]))
	}
	if len(ir) < least {
		return 0, errFew
	}
	slices.Sort(ir)
	return float64(ir[len(ir)/2]), nil
}
