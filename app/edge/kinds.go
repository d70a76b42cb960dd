package edge

import (
	"cmp"
	"log/slog"
	"maps"
	"path/filepath"
	"strings"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/bus"
	"weishao.dev/weishao/devices/replay"
	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/gateway"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// Kinds are the kinds of devices that a gateway's configuration may name. A new map
// for each gateway: replayed files are read once and shared within it.
func Kinds(catalogue *telemetry.Catalogue, log *slog.Logger) map[string]gateway.Factory {
	return kindsOn(newWiring(bus.Host()), catalogue, log)
}

func kindsOn(w *wiring, catalogue *telemetry.Catalogue, log *slog.Logger) map[string]gateway.Factory {
	recordings := recordings{catalogue: catalogue, files: map[recording]*replay.File{}}
	kinds := map[string]gateway.Factory{
		"simulated": simulatedDevice,
		"replay":    recordings.device,
	}
	maps.Copy(kinds, newHardware(w, catalogue).kinds())
	maps.Copy(kinds, serialKinds(w.lines, w.modbus, catalogue))
	maps.Copy(kinds, mqttKinds(catalogue, log))
	for name, make := range kinds {
		kinds[name] = func(d *gateway.Device, dir string) (devices.Device, error) {
			dev, err := make(d, dir)
			if err != nil {
				return nil, err
			}
			return w.rooms.Watch(dev), nil
		}
	}
	return kinds
}

func simulatedDevice(d *gateway.Device, _ string) (devices.Device, error) {
	var own simulated.Own
	if err := d.DecodeOwn(&own); err != nil {
		return nil, err
	}
	return own.Device(d.Info())
}

// recordings are the files that devices of kind "replay" play.
type recordings struct {
	catalogue *telemetry.Catalogue
	files     map[recording]*replay.File
}

type recording struct {
	path string
	loop bool
}

func (r *recordings) device(d *gateway.Device, dir string) (devices.Device, error) {
	var own replay.Own
	if err := d.DecodeOwn(&own); err != nil {
		return nil, err
	}
	var errs conf.Errors
	if own.File.V == "" {
		errs.Add(d.Pos, "file is missing: name the recording that %q plays", d.ID.V)
		return nil, errs
	}
	path := own.File.V
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	key := recording{path, own.Loop}
	if r.files[key] == nil {
		f, err := replay.Open(path, r.catalogue, replay.Options{Loop: own.Loop})
		if err != nil {
			errs.Add(own.File.Pos, "file: %v", err)
			return nil, errs
		}
		r.files[key] = f
	}
	name := cmp.Or(own.Device.V, d.ID.V)
	dev, ok := r.files[key].Device(name, d.Info())
	if !ok {
		at := own.Device.Pos
		if at.Line == 0 {
			at = d.ID.Pos
		}
		names := r.files[key].Names()
		errs.Add(at, "there is no device %q in %s (it has %s)%s", name, own.File.V, strings.Join(names[:min(8, len(names))], ", "), telemetry.Suggest(name, names))
		return nil, errs
	}
	return dev, nil
}
