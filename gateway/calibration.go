package gateway

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/devices/climate"
	"weishao.dev/weishao/devices/life"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/internal/durable"
)

// calibrationKey is the key of a device's own in which its kind reads its calibration.
const calibrationKey = "calibration"

// Calibration is what was found when a device was calibrated.
type Calibration struct {
	Key, Unit string       // of the value
	Value     float64      // mean
	Spread    float64      // in %
	Times     int          // measurements
	Air       *climate.Air // that it was found in; nil: not known
	Date      time.Time
	By        string
}

// CalibrationFile is where the record of a device is, beside the configuration in a
// folder.
func CalibrationFile(dir, device string) string {
	return filepath.Join(dir, device+".calibration.yaml")
}

// Write makes the record of a device, whole or not at all, for its owner alone (0600).
// What the mapping "calibration" of its kind has, the file has.
func (c Calibration) Write(dir, device string) error {
	text := fmt.Sprintf("# Written by `weishao-gateway calibrate`, from %d measurements in clean air. It holds for the\n"+
		"# device %s of the configuration beside it, unless that has a calibration of its own.\n"+
		"%s: %s # %s\nspread: %.2f # %%, standard deviation\ndate: %s\nby: %s\n",
		c.Times, device, c.Key, strconv.FormatFloat(c.Value, 'g', 6, 64), c.Unit, c.Spread, c.Date.Format(time.RFC3339), strconv.Quote(c.By))
	if c.Air != nil {
		text += fmt.Sprintf("temperature: %g # °C\nhumidity: %g # %%RH\n", c.Air.Temperature, c.Air.Humidity)
	}
	return durable.WriteFile(CalibrationFile(dir, device), []byte(text), 0o600)
}

// readCalibration takes the record beside the configuration for the device's own, if
// the file has none, and the day of whichever there is.
func (d *Device) readCalibration(dir string) error {
	record := lookup(&d.Own, calibrationKey)
	d.calibrated = record != nil
	if record == nil && d.ID.V != "" {
		path := CalibrationFile(dir, d.ID.V)
		data, err := os.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return conf.Errors{{Pos: d.ID.Pos, Text: fmt.Sprintf("the record of the calibration of %q: %v", d.ID.V, err)}}
		}
		if record, err = parseRecord(path, data); err != nil {
			return err
		}
		key := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: calibrationKey, Line: d.Pos.Line, Column: d.Pos.Column}
		d.Own.Content = append(d.Own.Content[:len(d.Own.Content):len(d.Own.Content)], key, record)
	}
	if day := lookup(record, "date"); day != nil {
		d.calibratedOn(day.Value)
	}
	return nil
}

// HasCalibration reports whether the file itself holds the device's calibration.
func (d *Device) HasCalibration() bool { return d.calibrated }

// parseRecord reads the file of a calibration, which is a mapping of single values.
func parseRecord(path string, data []byte) (*yaml.Node, error) {
	var values map[string]yaml.Node
	if err := conf.Decode(path, data, &values); err != nil {
		return nil, err
	}
	var errs conf.Errors
	var root yaml.Node
	if err := yaml.Unmarshal(data, &root); err != nil || len(root.Content) == 0 {
		errs.Add(conf.Pos{File: path, Line: 1, Column: 1}, "not a record of a calibration: %v", err)
		return nil, errs
	}
	for _, v := range values {
		if v.Kind != yaml.ScalarNode {
			errs.Add(conf.Pos{File: path, Line: v.Line, Column: v.Column}, "a record of a calibration has single values only")
		}
	}
	return root.Content[0], errs.Err()
}

// lookup is the value of a key in a mapping; nil if there is none.
func lookup(n *yaml.Node, key string) *yaml.Node {
	if n == nil || n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// calibratedOn notes the day of the record, unless the file says another.
func (d *Device) calibratedOn(text string) {
	day, err := time.Parse(time.RFC3339, strings.TrimSpace(text))
	if err != nil {
		if day, err = time.Parse(time.DateOnly, strings.TrimSpace(text)); err != nil {
			return // its kind refuses it with its place
		}
	}
	if d.Lives.Life == nil {
		d.Lives.Life = &life.Dates{Pos: d.Pos}
	}
	if d.Lives.Life.Calibrated.IsZero() {
		d.Lives.Life.Calibrated = day
	}
}
