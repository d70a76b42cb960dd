package web

import (
	"bytes"
	"fmt"
	"time"
)

// Time is a moment in Unix milliseconds. In JSON it is RFC 3339 in UTC with
// milliseconds, or null for zero.
type Time int64

const timeFormat = "2006-01-02T15:04:05.000Z07:00"

// MarshalJSON implements json.Marshaler.
func (t Time) MarshalJSON() ([]byte, error) {
	if t == 0 {
		return []byte("null"), nil
	}
	return []byte(`"` + time.UnixMilli(int64(t)).UTC().Format(timeFormat) + `"`), nil
}

// UnmarshalJSON implements json.Unmarshaler.
func (t *Time) UnmarshalJSON(b []byte) error {
	if bytes.Equal(b, []byte("null")) {
		*t = 0
		return nil
	}
	p, err := time.Parse(`"`+time.RFC3339Nano+`"`, string(b))
	if err != nil {
		return fmt.Errorf("a time is RFC 3339, got %s", b)
	}
	*t = Time(p.UnixMilli())
	return nil
}
