package mqttsensor

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"strconv"
	"strings"

	"weishao.dev/weishao/telemetry"
)

// MaxPayload is the longest message that is looked at, in bytes.
const MaxPayload = 64 << 10

var errNotObject = errors.New("not a JSON object")

// Object reads a payload that is one JSON object. Numbers come as json.Number.
func Object(payload []byte) (map[string]any, error) {
	if len(payload) > MaxPayload {
		return nil, errors.New("longer than 64 KiB")
	}
	dec := json.NewDecoder(bytes.NewReader(payload))
	dec.UseNumber()
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return nil, errors.New("something follows the JSON object")
	}
	o, ok := v.(map[string]any)
	if !ok {
		return nil, errNotObject
	}
	return o, nil
}

// Find looks a field up: by its whole name, or else by its parts, which '.' divides,
// of nested objects and, by number, of lists.
func Find(o map[string]any, name string) (v any, ok bool) {
	if v, ok = o[name]; ok {
		return v, true
	}
	head, rest, nested := strings.Cut(name, ".")
	if !nested {
		return nil, false
	}
	switch v := o[head].(type) {
	case map[string]any:
		return Find(v, rest)
	case []any:
		i, err := strconv.ParseUint(rest, 10, 16)
		if err != nil || i >= uint64(len(v)) {
			return nil, false
		}
		return v[i], true
	}
	return nil, false
}

// decimal is how a number is written. Hexadecimal, digits with underscores, "inf" and
// a comma are not.
var decimal = regexp.MustCompile(`^[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?$`)

// Number reads a number, or a string that is one. The quality says why it is none.
func Number(v any) (float64, telemetry.Quality) {
	switch v := v.(type) {
	case nil:
		return 0, telemetry.NoResponse
	case json.Number:
		return Number(string(v))
	case string:
		if noData(v) {
			return 0, telemetry.NoResponse
		}
		if !decimal.MatchString(v) {
			return 0, telemetry.BadFrame
		}
		f, err := strconv.ParseFloat(v, 64)
		if err != nil {
			return 0, telemetry.BadFrame
		}
		return f, telemetry.Good
	}
	return 0, telemetry.BadFrame
}

// Switch reads something that is on or off: true, 1, "ON", "true", "1".
func Switch(v any) (on bool, q telemetry.Quality) {
	switch v := v.(type) {
	case nil:
		return false, telemetry.NoResponse
	case bool:
		return v, telemetry.Good
	case json.Number:
		return Switch(string(v))
	case string:
		switch strings.ToLower(v) {
		case "on", "true", "1":
			return true, telemetry.Good
		case "off", "false", "0":
			return false, telemetry.Good
		}
		if noData(v) {
			return false, telemetry.NoResponse
		}
	}
	return false, telemetry.BadFrame
}

// noData are the words for "there is no value".
func noData(s string) bool {
	switch strings.ToLower(strings.TrimSpace(s)) {
	case "", "null", "none", "nan", "unknown", "unavailable", "n/a":
		return true
	}
	return false
}

// lowBattery is the charge in % below which a device's word is doubtful.
const lowBattery = 10

// Doubt says whether a device reports of itself that it is not to be relied upon: its
// battery is low, or somebody has tampered with it. charge is the name of the battery's
// charge in %, flags those of what is doubtful when on. nil: it says nothing of it.
func Doubt(o map[string]any, charge string, flags ...string) *bool {
	var doubt, said bool
	if v, q := Number(o[charge]); q == telemetry.Good {
		doubt, said = v < lowBattery, true
	}
	for _, name := range flags {
		if on, q := Switch(o[name]); q == telemetry.Good {
			doubt, said = doubt || on, true
		}
	}
	if !said {
		return nil
	}
	return &doubt
}

// Online reads an availability message: online or offline, in plain text or as the
// "state" of a JSON object. ok is false for anything else.
func Online(payload []byte) (online, ok bool) {
	text := strings.TrimSpace(string(payload))
	if len(text) > 256 {
		return false, false
	}
	if strings.HasPrefix(text, "{") {
		o, err := Object(payload)
		if err != nil {
			return false, false
		}
		text, _ = o["state"].(string)
	} else if unquoted, err := strconv.Unquote(text); err == nil {
		text = unquoted
	}
	switch strings.ToLower(text) {
	case "online":
		return true, true
	case "offline":
		return false, true
	}
	return false, false
}
