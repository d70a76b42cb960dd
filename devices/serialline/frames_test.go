package serialline_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/devices/serialline/linetest"
	"weishao.dev/weishao/telemetry"
)

// scan takes '<', one byte and '>' for a frame; "<!" is a wrong checksum.
func scan(buf []byte) ([]byte, int, error) {
	i := bytes.IndexByte(buf, '<')
	switch {
	case i < 0:
		return nil, len(buf), nil
	case len(buf) < i+3:
		return nil, i, nil
	case buf[i+1] == '!':
		return nil, i + 3, errors.New("wrong checksum")
	}
	return bytes.Clone(buf[i : i+3]), i + 3, nil
}

func TestFramesFromAStream(t *testing.T) {
	port := linetest.New(t)
	f := serialline.NewFrames(line(t, port.Path), scan)
	next := func() (string, telemetry.Quality) {
		b, err := f.Next(t.Context(), 100*time.Millisecond)
		if err != nil {
			return string(b), devices.QualityOf(err)
		}
		return string(b), telemetry.Good
	}
	for _, c := range []struct {
		say, want string
		q         telemetry.Quality
	}{
		{"garbage<a><b", "<a>", telemetry.Good},
		{">", "<b>", telemetry.Good},
		{"", "", telemetry.NoResponse},
		{"noise", "", telemetry.BadFrame},
		{"<", "", telemetry.BadFrame}, // short
		{"x><c>", "<c>", telemetry.Good},
		{"<!><d>", "", telemetry.BadFrame},
		{"", "<d>", telemetry.Good},
	} {
		port.Say([]byte(c.say)...)
		if got, q := next(); got != c.want || q != c.q {
			t.Errorf("%q: got %q %v, want %q %v", c.say, got, q, c.want, c.q)
		}
	}
	port.Unplug()
	if _, q := next(); q != telemetry.NoResponse {
		t.Errorf("unplugged: %v", q)
	}
}

func TestWhatCameBeforeIsNoAnswer(t *testing.T) {
	port := linetest.New(t)
	l := line(t, port.Path)
	f := serialline.NewFrames(l, scan)
	port.Say([]byte("<0><old>")...)
	if b, err := f.Next(t.Context(), time.Second); string(b) != "<0>" || err != nil {
		t.Fatal(b, err)
	}
	port.Say([]byte("<1>")...)
	port.Serve(1, func(q []byte) []byte { return []byte{'<', q[0], '>'} })
	if b, err := f.Ask(t.Context(), []byte("?"), time.Second); string(b) != "<?>" || err != nil {
		t.Errorf("got %q, %v", b, err)
	}
}
