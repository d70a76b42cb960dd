package edge

import (
	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/modbusgas"
	"weishao.dev/weishao/devices/modbusmeter"
	"weishao.dev/weishao/devices/pms"
	"weishao.dev/weishao/devices/pzem"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/devices/winsen"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/telemetry"
)

// serialKinds are the kinds of sensors on serial lines and Modbus. What shares a line
// with them, such as the coils of actuators, is to be of the same lines and buses.
func serialKinds(lines *serialline.Lines, buses *modbus.Buses, catalogue *telemetry.Catalogue) map[string]gateway.Factory {
	return map[string]gateway.Factory{
		"modbus_gas": kind(func(o *modbusgas.Own, i devices.Info) (devices.Device, error) {
			return o.Device(i, o.Pos, buses, catalogue)
		}),
		"modbus_meter": kind(func(o *modbusmeter.Own, i devices.Info) (devices.Device, error) {
			return o.Device(i, o.Pos, buses, catalogue)
		}),
		"pms":       kind(func(o *pms.Own, i devices.Info) (devices.Device, error) { return o.Device(i, o.Pos, lines) }),
		"pzem":      kind(func(o *pzem.Own, i devices.Info) (devices.Device, error) { return o.Device(i, o.Pos, buses) }),
		"winsen_ze": kind(func(o *winsen.Own, i devices.Info) (devices.Device, error) { return o.Device(i, o.Pos, lines) }),
	}
}
