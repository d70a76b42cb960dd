package probing

import (
	"context"
	"errors"
	"fmt"
	"math"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/pzem"
	"weishao.dev/weishao/telemetry"
)

// Registers reads registers of a slave, as modbus.Slave does.
type Registers interface {
	Registers(ctx context.Context, function byte, addr, n uint16) ([]uint16, error)
}

// Modbus asks the slaves first to last of a line, and tells as it goes. keys are what
// names the line in a device's mapping: "port: /dev/ttyUSB0, baud: 9600".
func Modbus(ctx context.Context, slave func(n byte) Registers, first, last int, where, keys string, told func(n int)) (list []Found) {
	for n := first; n <= last && ctx.Err() == nil; n++ {
		told(n)
		what, kind, err := identify(ctx, slave(byte(n)))
		if err != nil {
			return append(list, Found{Where: where, What: err.Error()})
		}
		if what != "" {
			f := Found{Where: fmt.Sprintf("%s slave %d", where, n), What: what}
			if kind != "" {
				f.YAML = fmt.Sprintf("{id: meter-%d, %s, %s, slave: %d}", n, kind, keys, n)
			}
			list = append(list, f)
		}
	}
	if len(list) == 0 {
		list = append(list, Found{Where: where, What: "no slave answers: look at A and B, the supply, the speed (--baud), and whether another program has the port"})
	}
	return list
}

// What a Modbus gateway says in the place of a slave that does not answer.
const (
	pathUnavailable modbus.Exception = 10
	targetSilent    modbus.Exception = 11
)

// identify is empty for a slave that is not there. Its error is the line's.
func identify(ctx context.Context, s Registers) (what, kind string, err error) {
	r, err := s.Registers(ctx, modbus.ReadInput, 0, 2)
	refusal, refused := errors.AsType[modbus.Exception](err)
	switch {
	case err == nil:
	case errors.Is(err, modbus.ErrNoAnswer), refused && (refusal == pathUnavailable || refusal == targetSilent):
		return "", "", nil
	case refused:
		return "a slave that has no input register 0: describe it by a map (kind modbus_meter or modbus_gas)", "", nil
	case devices.QualityOf(err) == telemetry.BadFrame:
		return fmt.Sprintf("something answers that cannot be read: %v", err), "", nil
	default:
		return "", "", err
	}
	if v := math.Float32frombits(uint32(r[0])<<16 | uint32(r[1])); v > 80 && v < 300 {
		return fmt.Sprintf("a meter with IEEE 754 values, %.1f V: as Eastron SDM120 and SDM230 (map: sdm230 for the latter)", v), "kind: modbus_meter, map: sdm120", nil
	}
	if r, err = s.Registers(ctx, modbus.ReadInput, 0, pzem.Words); err == nil {
		if m := pzem.Decode([pzem.Words]uint16(r)); m.Check() == nil {
			return fmt.Sprintf("PZEM-004T v3, PZEM-014 or PZEM-016, %.1f V", m.Voltage), "kind: pzem", nil
		}
	}
	return "a slave that is not recognised: describe it by a map (kind modbus_meter or modbus_gas)", "", nil
}
