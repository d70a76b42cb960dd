package modbus

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// Functions that are used.
const (
	ReadCoils   = 1
	ReadHolding = 3
	ReadInput   = 4
	WriteCoil   = 5
)

// MaxRegisters is how many registers one transaction may read.
const MaxRegisters = 125

// What can be wrong with an answer.
var (
	ErrNoAnswer = fault(telemetry.NoResponse, "no answer")
	ErrShort    = fault(telemetry.BadFrame, "the answer is cut off")
	ErrChecksum = fault(telemetry.BadFrame, "the answer's checksum is wrong: noise, a wrong speed, or two slaves with one number")
	ErrShifted  = fault(telemetry.BadFrame, "the answer does not begin where it should: look at the line's bias and termination")
	ErrOther    = fault(telemetry.BadFrame, "another slave answered")
	ErrContent  = fault(telemetry.BadFrame, "the answer is to another question")
	ErrEcho     = fault(telemetry.BadFrame, "the adapter gives back what is sent: switch its echo off")
	ErrNoise    = fault(telemetry.BadFrame, "the line is never silent")
)

func fault(q telemetry.Quality, text string) error { return devices.Fault(q, errors.New(text)) }

// Exception is a slave's refusal.
type Exception byte

var exceptions = map[Exception]string{
	1: "illegal function", 2: "illegal data address", 3: "illegal data value", 4: "device failure",
	5: "acknowledged, still at it", 6: "busy", 8: "memory parity error", 10: "gateway path unavailable", 11: "gateway target did not respond",
}

func (e Exception) Error() string {
	text := exceptions[e]
	if text == "" {
		text = "unknown"
	}
	return fmt.Sprintf("the slave refused with exception %d (%s)", byte(e), text)
}

// asFault: a slave that knows neither function nor register is not the part that it
// is taken for; another refusal says that it cannot measure now.
func (e Exception) asFault() error {
	if e >= 1 && e <= 3 {
		return devices.Fault(telemetry.BadFrame, e)
	}
	return devices.Fault(telemetry.NoResponse, e)
}

// read is the question for n registers or coils from addr on.
func read(function byte, addr, n uint16) []byte {
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16([]byte{function}, addr), n)
}

func write(function byte, addr, value uint16) []byte { return read(function, addr, value) }

// answerLen is how long the answer to a question is.
func answerLen(question []byte) int {
	n := int(binary.BigEndian.Uint16(question[3:]))
	switch question[0] {
	case ReadCoils:
		return 2 + (n+7)/8
	case ReadHolding, ReadInput:
		return 2 + 2*n
	}
	return len(question) // a write is confirmed with itself
}

// content is what the answer to a question holds.
func content(question, answer []byte) ([]byte, error) {
	switch {
	case len(answer) == 2 && answer[0] == question[0]|0x80:
		return nil, Exception(answer[1]).asFault()
	case len(answer) == 0 || answer[0] != question[0] || len(answer) != answerLen(question):
		return nil, ErrContent
	case question[0] == WriteCoil:
		if !bytes.Equal(question, answer) {
			return nil, ErrContent
		}
		return nil, nil
	case int(answer[1]) != len(answer)-2:
		return nil, ErrContent
	}
	return answer[2:], nil
}
