// Package winsen drives Winsen's electrochemical CO modules ZE07-CO and ZE03 on a UART:
// 9600 8N1, 3 V levels, fed with 5 V.
//
// Frames have 9 bytes: FF, seven more, and a checksum, the negative sum of bytes 1 to 7.
// A module either uploads a frame each second by itself (as it leaves the factory) or
// answers questions:
//
//	ZE07-CO uploads   FF 04 03 dd hh ll HH LL cs   gas CO, unit ppm, dd decimals, value, full scale
//	ZE03 uploads      FF 86 hh ll .. .. .. .. cs   value in ppm for CO
//	question          FF 01 86 00 00 00 00 00 79
//	answer            FF 86 hh ll .. .. .. .. cs   ZE07-CO: 0.1 ppm, ZE03: 1 ppm
//	switch            FF 01 78 mm 00 00 00 00 cs   ZE07-CO: mm 40 uploads, 41 answers; ZE03: 03 and 04
//
// An upload of the ZE07-CO says what it measures, in which unit and to which full scale,
// and is held to that. The others say none of it: their factors are of the manuals,
// which differ in their wording, and provisional until tried on a real module. So
// uploads are the default.
//
// Range: ZE07-CO 0–500 ppm, ZE03 0–1000 ppm; a value at full scale is saturated.
// Response (T90) within 60 s; alcohol and hydrogen are read as CO. The cell wants 3
// minutes after power-up, and a day or two after months on the shelf: readings carry
// warmup until 3 minutes after the first frame since the gateway began or the module
// was silent. Life 3 to 5 years. An electrochemical cell that has dried out reads 0:
// a module's all-clear proves little without a bump test.
//
// Source: Winsen's manuals ZE07-CO V1.3 and ZE03 V2.8, and public implementations.
package winsen

import (
	"bytes"
	"errors"
	"math"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

const size = 9

// What the second byte of a frame from a module says.
const (
	uploadCO = 0x04
	answer   = 0x86
	switched = 0x78
)

var (
	errChecksum = errors.New("the frame's checksum is wrong: noise or a loose wire")
	errUnit     = devices.Fault(telemetry.BadFrame, errors.New("the module measures another gas, or in another unit"))
	errPart     = devices.Fault(telemetry.BadFrame, errors.New("the frame is of another module, or of one that was told to answer: look at part and mode"))
)

// Checksum is that of bytes 1 to 7 of a frame.
func Checksum(frame []byte) byte {
	sum := byte(0)
	for _, b := range frame[1:8] {
		sum += b
	}
	return -sum
}

// Scan finds a frame that holds a value; it is a serialline.Scan. What confirms a
// switch is passed over.
func Scan(buf []byte) (frame []byte, used int, rejected error) {
	for {
		i := bytes.IndexByte(buf[used:], 0xFF)
		if i < 0 {
			return nil, len(buf), nil
		}
		used += i
		if len(buf) < used+size {
			return nil, used, nil
		}
		f := buf[used : used+size]
		known := f[1] == uploadCO || f[1] == answer || f[1] == switched
		switch right := Checksum(f) == f[8]; {
		case known && right && f[1] != switched:
			return bytes.Clone(f), used + size, nil
		case right:
			used += size
		case known:
			return nil, used + 1, errChecksum // a frame may begin within
		default:
			used++
		}
	}
}

// Part is a module.
type Part struct {
	name      string
	fullScale float64 // ppm
	answers   float64 // ppm per count of an answer
	mode      [2]byte // to switch to uploads, to answers
	uploads   byte    // second byte of what it uploads
}

// The modules.
var (
	ZE07CO = Part{"ze07-co", 500, 0.1, [2]byte{0x40, 0x41}, uploadCO}
	ZE03   = Part{"ze03", 1000, 1, [2]byte{0x03, 0x04}, answer}
)

// Parts are all modules.
var Parts = []Part{ZE07CO, ZE03}

func command(b ...byte) []byte {
	f := make([]byte, size)
	copy(f, append([]byte{0xFF, 0x01}, b...))
	f[8] = Checksum(f)
	return f
}

// Question asks a module for its value.
func Question() []byte { return command(answer) }

// Switch tells the module to upload, or to answer.
func (p Part) Switch(uploads bool) []byte {
	if uploads {
		return command(switched, p.mode[0])
	}
	return command(switched, p.mode[1])
}

// PPM is the value of a frame that Scan found, and the full scale.
func (p Part) PPM(frame []byte, uploads bool) (ppm, fullScale float64, err error) {
	word := func(i int) float64 { return float64(uint16(frame[i])<<8 | uint16(frame[i+1])) }
	want := byte(answer)
	if uploads {
		want = p.uploads
	}
	if frame[1] != want {
		return 0, 0, errPart
	}
	if frame[1] == answer {
		return tidy(word(2) * p.answers), p.fullScale, nil
	}
	if frame[2] != 3 || frame[3] > 3 || word(6) == 0 { // 3 is ppm
		return 0, 0, errUnit
	}
	factor := math.Pow10(-int(frame[3]))
	return tidy(word(4) * factor), tidy(word(6) * factor), nil
}

// tidy keeps 3.7 from being 3.7000000000000002.
func tidy(v float64) float64 { return math.Round(v*1000) / 1000 }
