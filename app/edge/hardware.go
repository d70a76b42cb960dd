package edge

import (
	"fmt"
	"slices"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/adc"
	"weishao.dev/weishao/devices/ads1x15"
	"weishao.dev/weishao/devices/bme280"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/devices/contact"
	"weishao.dev/weishao/devices/ds18b20"
	"weishao.dev/weishao/devices/ina219"
	"weishao.dev/weishao/devices/ina226"
	"weishao.dev/weishao/devices/max30105"
	"weishao.dev/weishao/devices/mcp3x08"
	"weishao.dev/weishao/devices/mq"
	"weishao.dev/weishao/devices/residual"
	"weishao.dev/weishao/devices/sct013"
	"weishao.dev/weishao/devices/sht3x"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// hardware is what sensors on I²C, SPI, GPIO and 1-wire share within a gateway.
type hardware struct {
	buses     *bus.Buses
	catalogue *telemetry.Catalogue
	rooms     *climate.Rooms
	chips     map[string]converter // by kind and place
}

type converter struct {
	settings string
	input    func(c *adc.Config, errs *conf.Errors) adc.Input
}

func newHardware(w *wiring, catalogue *telemetry.Catalogue) *hardware {
	return &hardware{buses: w.buses, catalogue: catalogue, rooms: w.rooms, chips: map[string]converter{}}
}

// kinds are the kinds of devices on these buses.
func (h *hardware) kinds() map[string]gateway.Factory {
	kinds := map[string]gateway.Factory{
		"bme280":   kind(func(o *bme280.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses) }),
		"contact":  kind(func(o *contact.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses, h.input) }),
		"ds18b20":  kind(func(o *ds18b20.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses) }),
		"ina219":   kind(func(o *ina219.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses) }),
		"ina226":   kind(func(o *ina226.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses) }),
		"max30105": kind(func(o *max30105.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses) }),
		"residual": kind(func(o *residual.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.input) }),
		"sct013":   kind(func(o *sct013.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.input) }),
		"sht3x":    kind(func(o *sht3x.Own, i devices.Info) (devices.Device, error) { return o.Device(i, h.buses) }),
	}
	for name, model := range map[string]ads1x15.Model{"ads1115_alert": ads1x15.ADS1115, "ads1015_alert": ads1x15.ADS1015} {
		kinds[name] = kind(func(o *ads1x15.OwnComparator, i devices.Info) (devices.Device, error) {
			return o.Device(model, i, h.buses)
		})
	}
	for name, model := range mq.Models {
		kinds[name] = kind(func(o *mq.Own, i devices.Info) (devices.Device, error) {
			return o.Device(model, i, mq.Parts{Buses: h.buses, ADC: h.input, Catalogue: h.catalogue, Rooms: h.rooms})
		})
	}
	return kinds
}

// kind makes a factory of what reads its own keys and makes a device of them.
func kind[Own any](make func(*Own, devices.Info) (devices.Device, error)) gateway.Factory {
	return func(d *gateway.Device, _ string) (devices.Device, error) {
		var own Own
		if err := d.DecodeOwn(&own); err != nil {
			return nil, err
		}
		return make(&own, d.Info())
	}
}

// input is an adc.Open: inputs of one converter share it.
func (h *hardware) input(c *adc.Config, at conf.Pos, device string, errs *conf.Errors) adc.Input {
	found := len(*errs)
	var chip converter
	var place string
	switch c.Kind.V {
	case "ads1115":
		place, chip = h.ads(ads1x15.ADS1115, c, at, errs)
	case "ads1015":
		place, chip = h.ads(ads1x15.ADS1015, c, at, errs)
	case "mcp3008":
		place, chip = h.mcp(mcp3x08.MCP3008, c, errs)
	case "mcp3208":
		place, chip = h.mcp(mcp3x08.MCP3208, c, errs)
	case "":
		if c.Pos.Line != 0 {
			at = c.Pos
		}
		errs.Add(at, "adc names no converter: write adc: {kind: ads1115, channel: 0} or the like (ads1115, ads1015, mcp3008, mcp3208)")
	default:
		kinds := []string{"ads1115", "ads1015", "mcp3008", "mcp3208"}
		errs.Add(c.Kind.Pos, "unknown converter %q (one of %v)%s", c.Kind.V, kinds, telemetry.Suggest(c.Kind.V, kinds))
	}
	if len(*errs) > found {
		return nil
	}
	if before, shared := h.chips[place]; shared {
		if before.settings != chip.settings {
			errs.Add(c.Pos, "%s is given as %s here and as %s for another device", place, chip.settings, before.settings)
			return nil
		}
		chip = before
	}
	h.chips[place] = chip
	if before := h.buses.Claim(fmt.Sprintf("%s input %d", place, c.Channel.V), device); before != "" && c.Channel.Pos.Line != 0 {
		errs.Add(c.Channel.Pos, "input %d of %s is read by %s: give each sensor its own", c.Channel.V, place, before)
	}
	return chip.input(c, errs)
}

func channel(c *adc.Config, n int, errs *conf.Errors) int {
	if c.Channel.Pos.Line == 0 {
		errs.Add(c.Pos, "channel is missing: which input of the %s, from 0", c.Kind.V)
	} else if c.Channel.V < 0 || c.Channel.V >= n {
		errs.Add(c.Channel.Pos, "a %s has inputs 0 to %d, not %d", c.Kind.V, n-1, c.Channel.V)
	}
	return c.Channel.V
}

func (h *hardware) ads(m ads1x15.Model, c *adc.Config, at conf.Pos, errs *conf.Errors) (string, converter) {
	c.Check(errs, "address", "range")
	on := bus.OnI2C{Bus: c.Bus, Address: c.Address}
	conn := on.Conn(h.buses, errs, at, "the converter "+m.Name, ads1x15.Addresses...)
	chip := ads1x15.New(conn, m)
	return conn.String(), converter{m.Name, func(c *adc.Config, errs *conf.Errors) adc.Input {
		scale := 1 // 4.096 V
		if c.Range.Pos.Line != 0 {
			if scale = slices.Index(ads1x15.Ranges, c.Range.V); scale < 0 {
				errs.Add(c.Range.Pos, "range %g is none of %v", c.Range.V, ads1x15.Ranges)
			}
		}
		return chip.Input(channel(c, 4, errs), scale)
	}}
}

func (h *hardware) mcp(m mcp3x08.Model, c *adc.Config, errs *conf.Errors) (string, converter) {
	c.Check(errs, "reference")
	on := bus.OnSPI{Bus: c.Bus}
	path := on.Path(errs)
	vref := 3.3
	if c.Reference.Pos.Line != 0 {
		if vref = c.Reference.V; vref < 0.25 || vref > 5.5 {
			errs.Add(c.Reference.Pos, "reference %g is not between 0.25 and 5.5", vref)
		}
	}
	chip := mcp3x08.New(h.buses, path, m, vref)
	return path, converter{fmt.Sprintf("%s with reference %g", m.Name, vref), func(c *adc.Config, errs *conf.Errors) adc.Input {
		return chip.Input(channel(c, 8, errs))
	}}
}
