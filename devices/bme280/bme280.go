// Package bme280 drives the temperature and humidity sensor BME280 of Bosch Sensortec,
// on I²C. Its pressure is not measured: the catalogue has no use for it.
//
// Data sheet: BME280, BST-BME280-DS002
// (https://www.bosch-sensortec.com/media/boschsensortec/downloads/datasheets/bst-bme280-ds002.pdf).
//
//   - Range: −40 to 85 °C, 0 to 100 %RH (full accuracy 0 to 65 °C, 20 to 80 %RH).
//   - Accuracy: ±1 °C, typically ±0.5 °C at 25 °C; ±3 %RH (tables 2 and 3). It heats
//     itself, and the board heats it: expect 1 °C too much in a housing.
//   - Response: 1 s to 63 % of humidity.
//   - Warm-up: 2 ms from power-up. After soldering or vapours the humidity is off for
//     days (section 1.3 of the handling instructions).
//   - Addresses: 0x76, or 0x77 with SDO high. Boards sold as BME280 with a BMP280 on
//     them are common: that has no humidity and the identity 0x58, and is refused.
//
// Registers (section 5.3): 0xd0 identity 0x60, 0xe0 reset by 0xb6, 0x88 to 0xa1 and
// 0xe1 to 0xe7 compensation words (table 16), 0xf2 humidity, 0xf3 status, 0xf4
// measurement, 0xf7 to 0xfe results. The driver forces one measurement at a time
// (section 3.3.3), each quantity once, without filter: at most 6.4 ms (section 9.1). The
// arithmetic is that of section 4.2.3, in floating point as section 8.1 has it.
//
// Above 85 °C both quantities are saturated: a room that hot is taken for a fire.
// Humidity that is computed a little below 0 or above 100 %RH is the part's own error and
// is cut off there; what is further off was not measured: the element is broken (open),
// or wet or shorted (saturated).
//
// I²C carries no checksum: compensation words are read twice, the settings are read
// back, results are read twice. The last digits of a sensor that works are noise: the
// same results for ten minutes are a part that is stuck.
package bme280

import (
	"context"
	"errors"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Own is what a device of kind bme280 has beside what all devices have.
type Own struct {
	Pos       conf.Pos `yaml:"-"`
	bus.OnI2C `yaml:",inline"`
}

const (
	regTrim     = 0x88
	regHumTrim  = 0xe1
	regID       = 0xd0
	regReset    = 0xe0
	regHumidity = 0xf2
	regStatus   = 0xf3
	regMeasure  = 0xf4
	regResults  = 0xf7

	id         = 0x60
	idBMP280   = 0x58
	reset      = 0xb6
	once       = 1        // oversampling ×1, of humidity in 0xf2
	forced     = 1<<5 | 1 // temperature ×1, no pressure, forced
	idle       = 1 << 5   // the same when it has measured
	busy       = 1<<3 | 1
	resetTime  = 3 * time.Millisecond
	measures   = 8 * time.Millisecond
	stuckAfter = 10 * time.Minute

	coldest = -40 // °C
	hottest = 85  // beyond it the part is at the end of its range
	beyond  = 200 // beyond it nothing was measured
	outside = 10  // %RH below 0 or above 100 that may be an error of the part: some three times its ±3
)

// Addresses that the part can have.
var Addresses = []bus.Address{0x76, 0x77}

// Is reports whether a BME280 answers.
func Is(ctx context.Context, c bus.Conn) bool { return bus.Answers(ctx, c, regID, id) }

// IsBMP280 reports whether it is the one without humidity.
func IsBMP280(ctx context.Context, c bus.Conn) bool { return bus.Answers(ctx, c, regID, idBMP280) }

var metrics = []string{"temperature", "humidity"}

// Device makes the device of a configuration. Errors are of type conf.Errors.
func (o *Own) Device(info devices.Info, b *bus.Buses) (devices.Device, error) {
	var errs conf.Errors
	s := &sensor{conn: o.Conn(b, &errs, o.Pos, info.ID, Addresses...)}
	if info.Model == "" {
		info.Model = "BME280"
	}
	if info.Interval <= 0 {
		info.Interval = 10 * time.Second
	}
	s.same.After = max(stuckAfter, 20*info.Interval)
	info.Metrics = metrics
	return devices.PollPatiently(info, s.sample), errs.Err()
}

type sensor struct {
	conn bus.Conn
	trim *trim // nil: to be set up
	same devices.Stuck
}

var (
	errWho      = errors.New("who answers is no BME280 (a BMP280 has no humidity)")
	errTrim     = errors.New("its compensation words are none")
	errSettings = errors.New("its settings are not what was written to it")
	errBusy     = errors.New("a measurement does not end")
	errRange    = errors.New("the temperature is none that the part can have")
	errSkipped  = errors.New("it has not measured")
)

func (s *sensor) sample(ctx context.Context, now time.Time) ([]telemetry.Point, error) {
	r, err := s.measure(ctx)
	if err != nil {
		s.trim = nil
		return nil, err
	}
	t, rh, err := s.trim.decode(r)
	if err != nil {
		s.trim = nil
		return nil, bus.BadFrame(s.conn, err)
	}
	if s.same.Is(now, r) {
		s.trim = nil // a reset may help
		return devices.Faults(telemetry.Stuck, metrics), nil
	}
	if t > hottest {
		return devices.Faults(telemetry.Saturated, metrics), nil
	}
	return []telemetry.Point{{Metric: "temperature", Value: t}, humidity(rh)}, nil
}

// humidity is what a computed humidity is as a reading.
func humidity(rh float64) telemetry.Point {
	p := telemetry.Point{Metric: "humidity"}
	switch {
	case rh < -outside:
		p.Quality = telemetry.Open
	case rh > 100+outside:
		p.Quality = telemetry.Saturated
	default:
		p.Value = min(100, max(0, rh))
	}
	return p
}

// setUp resets the part and reads its compensation words.
func (s *sensor) setUp(ctx context.Context) error {
	if err := s.conn.Tx(ctx, []byte{regReset, reset}, nil); err != nil {
		return err
	}
	if err := bus.Wait(ctx, s.conn, resetTime); err != nil {
		return err
	}
	if err := s.expect(ctx, regID, id, errWho); err != nil {
		return err
	}
	low, high := make([]byte, 26), make([]byte, 7)
	if err := bus.ReadTwice(ctx, s.conn, regTrim, low); err != nil {
		return err
	}
	if err := bus.ReadTwice(ctx, s.conn, regHumTrim, high); err != nil {
		return err
	}
	t, err := newTrim(low, high)
	if err != nil {
		return bus.BadFrame(s.conn, err)
	}
	s.trim = t
	return nil
}

// measure gives the eight bytes of the results.
func (s *sensor) measure(ctx context.Context) ([]byte, error) {
	if s.trim == nil {
		if err := s.setUp(ctx); err != nil {
			return nil, err
		}
	}
	// What is written to 0xf2 takes effect with 0xf4 (section 5.4.3).
	if err := s.conn.Tx(ctx, []byte{regHumidity, once, regMeasure, forced}, nil); err != nil {
		return nil, err
	}
	if err := bus.Wait(ctx, s.conn, measures); err != nil {
		return nil, err
	}
	settings := make([]byte, 3) // 0xf2 to 0xf4
	if err := bus.ReadReg(ctx, s.conn, regHumidity, settings); err != nil {
		return nil, err
	}
	switch {
	case settings[1]&busy != 0:
		return nil, bus.BadFrame(s.conn, errBusy)
	case settings[0]&7 != once || settings[2] != idle:
		return nil, bus.BadFrame(s.conn, errSettings)
	}
	r := make([]byte, 8)
	return r, bus.ReadTwice(ctx, s.conn, regResults, r)
}

func (s *sensor) expect(ctx context.Context, reg, want byte, otherwise error) error {
	r := make([]byte, 1)
	err := bus.ReadReg(ctx, s.conn, reg, r)
	if err == nil && r[0] != want {
		err = bus.BadFrame(s.conn, otherwise)
	}
	return err
}

// trim are the compensation words of table 16.
type trim struct {
	t1, t2, t3             float64
	h1, h2, h3, h4, h5, h6 float64
}

func newTrim(low, high []byte) (*trim, error) {
	u16 := func(i int) uint16 { return uint16(low[i]) | uint16(low[i+1])<<8 }
	t := &trim{
		t1: float64(u16(0)), t2: float64(int16(u16(2))), t3: float64(int16(u16(4))),
		h1: float64(low[25]),
		h2: float64(int16(uint16(high[0]) | uint16(high[1])<<8)),
		h3: float64(high[2]),
		h4: float64(int16(int8(high[3]))<<4 | int16(high[4]&0x0f)),
		h5: float64(int16(int8(high[5]))<<4 | int16(high[4]>>4)),
		h6: float64(int8(high[6])),
	}
	// A part's t1 is near 27,500 and its h2 near 360; zeros and ones are no words.
	if t.t1 == 0 || t.t1 == 0xffff || t.t2 == 0 || t.h2 == 0 || t.h2 == -1 {
		return nil, errTrim
	}
	return t, nil
}

// decode gives °C and %RH of the results; the latter may be a little outside 0 to 100.
func (t *trim) decode(r []byte) (temp, rh float64, err error) {
	rawT := int(r[3])<<12 | int(r[4])<<4 | int(r[5])>>4
	rawH := int(r[6])<<8 | int(r[7])
	if rawT == 0x80000 || rawH == 0x8000 { // the values of what is not measured
		return 0, 0, errSkipped
	}
	x := float64(rawT)
	a := (x/16384 - t.t1/1024) * t.t2
	b := x/131072 - t.t1/8192
	fine := a + float64(float64(b*b)*t.t3)
	temp = fine / 5120
	if temp < coldest || temp > beyond {
		return 0, 0, errRange
	}
	h := fine - 76800
	h = (float64(rawH) - (float64(t.h4*64) + float64(t.h5/16384*h))) *
		(t.h2 / 65536 * (1 + float64(t.h6/67108864*h*(1+float64(t.h3/67108864*h)))))
	h *= 1 - float64(t.h1*h)/524288
	return temp, h, nil
}
