package edge

import (
	"log/slog"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/mqttsensor"
	"weishao.dev/weishao/devices/mqttsensor/esphome"
	"weishao.dev/weishao/devices/mqttsensor/tasmota"
	"weishao.dev/weishao/devices/mqttsensor/zigbee2mqtt"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/telemetry"
)

// mqttKinds are the sensors behind a local MQTT broker. Those that name the same one
// share a session with it.
func mqttKinds(catalogue *telemetry.Catalogue, log *slog.Logger) map[string]gateway.Factory {
	brokers := mqttsensor.NewBrokers(log)
	return map[string]gateway.Factory{
		"zigbee2mqtt": mqttSensor[zigbee2mqtt.Own](brokers, catalogue),
		"tasmota":     mqttSensor[tasmota.Own](brokers, catalogue),
		"esphome":     mqttSensor[esphome.Own](brokers, catalogue),
	}
}

// ownSensor is a dialect's Own.
type ownSensor[T any] interface {
	*T
	Device(devices.Info, mqttsensor.Parts) (devices.Device, error)
}

func mqttSensor[T any, P ownSensor[T]](brokers *mqttsensor.Brokers, catalogue *telemetry.Catalogue) gateway.Factory {
	return func(d *gateway.Device, dir string) (devices.Device, error) {
		own := P(new(T))
		if err := d.DecodeOwn(own); err != nil {
			return nil, err
		}
		return own.Device(d.Info(), mqttsensor.Parts{Brokers: brokers, Catalogue: catalogue, Dir: dir})
	}
}
