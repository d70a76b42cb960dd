package edge

import (
	"weishao.dev/weishao/devices/actuator"
	"weishao.dev/weishao/devices/actuator/mqttwire"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/devices/modbus"
	"weishao.dev/weishao/devices/serialline"
)

// wiring is what the devices and the actuators of a gateway share.
type wiring struct {
	buses  *bus.Buses
	lines  *serialline.Lines
	modbus *modbus.Buses
	rooms  *climate.Rooms
}

// newWiring has the buses that the openers open, and this machine's serial ports.
func newWiring(open bus.Openers) *wiring {
	lines := serialline.NewLines()
	return &wiring{bus.New(open), lines, modbus.NewBuses(lines), climate.NewRooms()}
}

// wires are what actuators hang on; dir is the configuration's folder.
func (w *wiring) wires(dir string) map[string]actuator.Wires {
	return map[string]actuator.Wires{"gpio": actuator.GPIO(w.buses), "modbus": actuator.Modbus(w.modbus), "mqtt": mqttwire.Wires(dir)}
}
