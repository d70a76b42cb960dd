package influx

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"

	lp "github.com/influxdata/line-protocol"

	"weishao.dev/weishao/history"
	"weishao.dev/weishao/telemetry"
)

func gunzip(r *http.Request) io.Reader {
	if r.Header.Get("Content-Encoding") != "gzip" {
		return r.Body
	}
	z, err := gzip.NewReader(r.Body)
	if err != nil {
		return strings.NewReader(err.Error())
	}
	return z
}

func TestWhenQualityIsWritten(t *testing.T) {
	e := newEncoder()
	tests := []struct {
		why  string
		s    history.Sample
		want string
	}{
		{"first since Open", good("g/n/a", "co", 1_000, 1.5), `co,device=g/n/a value=1.5,quality="good" 1000`},
		{"steady", good("g/n/a", "co", 2_000, 1.5), `co,device=g/n/a value=1.5 2000`},
		{"another series' first", good("g/n/b", "co", 2_000, 0), `co,device=g/n/b value=0,quality="good" 2000`},
		{"a fault", fault("g/n/a", "co", 3_000, telemetry.Stuck), `co,device=g/n/a quality="stuck" 3000`},
		{"and again", fault("g/n/a", "co", 4_000, telemetry.Stuck), `co,device=g/n/a quality="stuck" 4000`},
		{"its end", good("g/n/a", "co", 5_000, 2), `co,device=g/n/a value=2,quality="good" 5000`},
		{"late", good("g/n/a", "co", 4_500, 2), `co,device=g/n/a value=2,quality="good" 4500`},
		{"steady again", good("g/n/a", "co", 6_000, 1e-7), `co,device=g/n/a value=1e-07 6000`},
		{"after a silence", good("g/n/a", "co", 66_001, 2), `co,device=g/n/a value=2,quality="good" 66001`},
		{"warmup is measured", history.Sample{Device: "g/n/a", Point: telemetry.Point{Metric: "co", Time: 67_000, Value: 3, Quality: telemetry.Warmup}}, `co,device=g/n/a value=3,quality="warmup" 67000`},
		{"escapes", good("g/n o/a,=b", "my metric", 1, 1), `my\ metric,device=g/n\ o/a\,\=b value=1,quality="good" 1`},
	}
	for _, tt := range tests {
		got, bad := e.append(nil, &tt.s)
		if string(got) != tt.want+"\n" || bad != "" {
			t.Errorf("%s: got %q (%s), want %q", tt.why, got, bad, tt.want)
		}
	}
}

// What we write, InfluxData's own parser reads back the same.
func FuzzLine(f *testing.F) {
	f.Add("gas.ch4", "beixin/gw-17/gas-301", 3.25, int64(1_795_392_000_000), uint8(0))
	f.Add("a b,c", "d =e,", -1e300, int64(1), uint8(5))
	f.Add(`back\slash`, "x", 0.0, int64(0), uint8(9))
	f.Fuzz(func(t *testing.T, metric, device string, v float64, at int64, q uint8) {
		s := history.Sample{Device: device, Point: telemetry.Point{Metric: metric, Time: at, Value: v, Quality: telemetry.Quality(q % 10)}}
		e := newEncoder()
		line, bad := e.append(nil, &s)
		if bad != "" {
			if len(line) != 0 {
				t.Fatalf("a refused sample left %q", line)
			}
			return
		}
		if v != v || v-v != 0 || strings.HasPrefix(metric, "#") || at < -1<<40 || at > 1<<43 {
			return // NaN, infinities and times a century off are never readings; # begins a comment
		}
		h := lp.NewMetricHandler()
		h.SetTimePrecision(1_000_000)
		metrics, err := lp.NewParser(h).Parse(line)
		if err != nil || len(metrics) != 1 {
			t.Fatalf("%q: %d metrics, %v", line, len(metrics), err)
		}
		m := metrics[0]
		if m.Name() != metric || m.Time().UnixMilli() != at || len(m.TagList()) != 1 || m.TagList()[0].Value != device {
			t.Fatalf("%q came back as %s %v at %v", line, m.Name(), m.TagList(), m.Time())
		}
		for _, fld := range m.FieldList() {
			if fld.Key == "value" && fld.Value != v || fld.Key == "quality" && fld.Value != s.Quality.String() {
				t.Fatalf("%q: field %v", line, fld)
			}
		}
	})
}

func BenchmarkLine(b *testing.B) {
	e := newEncoder()
	s := good("beixin/gw-17/gas-301", "gas.ch4", t0, 3.25)
	buf := make([]byte, 0, 1<<10)
	b.ReportAllocs()
	for b.Loop() {
		s.Time += 1000
		buf, _ = e.append(buf[:0], &s)
	}
}
