package readings_test

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	. "weishao.dev/weishao/telemetry/readings"
)

var catalogue = telemetry.NewCatalogue(telemetry.LEL{})

// read gives the readings of a file's text and its errors, one a line.
func read(t testing.TB, text string) (list []telemetry.Reading, errs []string) {
	t.Helper()
	r, err := NewReader("f.csv", strings.NewReader(text), catalogue)
	if err != nil {
		return nil, []string{err.Error()}
	}
	for reading, err := range r.All() {
		if err != nil {
			errs = append(errs, err.Error())
			continue
		}
		list = append(list, reading)
	}
	return list, errs
}

func reading(device, metric string, ms int64, v float64, q telemetry.Quality) telemetry.Reading {
	return telemetry.Reading{Device: device, Point: telemetry.Point{Metric: metric, Time: ms, Value: v, Quality: q}}
}

func TestRead(t *testing.T) {
	const ms = 1764000000250
	for name, c := range map[string]struct {
		text string
		want []telemetry.Reading
	}{
		"Unix seconds":       {"time,device,metric,value\n1764000000.250,d,co,1.5\n", []telemetry.Reading{reading("d", "co", ms, 1.5, 0)}},
		"RFC 3339":           {"time,device,metric,value\n2025-11-24T16:00:00.25Z,d,co,1.5\n", []telemetry.Reading{reading("d", "co", ms, 1.5, 0)}},
		"RFC 3339, offset":   {"time,device,metric,value\n2025-11-25T00:00:00.25+08:00,d,co,1.5\n", []telemetry.Reading{reading("d", "co", ms, 1.5, 0)}},
		"before 1970":        {"time,device,metric,value\n-1.5,d,co,1\n", []telemetry.Reading{reading("d", "co", -1500, 1, 0)}},
		"exponent":           {"time,device,metric,value\n1.764e9,d,co,1e2\n", []telemetry.Reading{reading("d", "co", 1764000000000, 100, 0)}},
		"rounded":            {"time,device,metric,value\n0.0005,d,co,1\n0.00049,d,co,1\n", []telemetry.Reading{reading("d", "co", 1, 1, 0), reading("d", "co", 0, 1, 0)}},
		"CRLF, BOM, blanks":  {"\ufefftime,device,metric,value\r\n\r\n1, d ,co, 2\r\n", []telemetry.Reading{reading("d", "co", 1000, 2, 0)}},
		"no newline at end":  {"time,device,metric,value\n1,d,co,2", []telemetry.Reading{reading("d", "co", 1000, 2, 0)}},
		"header alone":       {"time,device,metric,value", nil},
		"quality":            {Header + "\n1,d,co,2,\n1,d,co,2,warmup\n1,d,co,,open\n1,d,co,7,open\n", []telemetry.Reading{reading("d", "co", 1000, 2, 0), reading("d", "co", 1000, 2, telemetry.Warmup), reading("d", "co", 1000, 0, telemetry.Open), reading("d", "co", 1000, 0, telemetry.Open)}},
		"quotes":             {"time,device,metric,value\n\"1\",\"a,\"\"b\"\"\",\"co\",\"2\"\n", []telemetry.Reading{reading(`a,"b"`, "co", 1000, 2, 0)}},
		"quotes in the open": {"time,device,metric,value\n1,a\"b,co,2\n", []telemetry.Reading{reading(`a"b`, "co", 1000, 2, 0)}},
		"many decimals":      {"time,device,metric,value\n1,d,temperature,-0.1000000000000000055511151231257827\n", []telemetry.Reading{reading("d", "temperature", 1000, -0.1, 0)}},
		"Chinese name":       {"time,device,metric,value\n1,北新街/17号楼,co,2\n", []telemetry.Reading{reading("北新街/17号楼", "co", 1000, 2, 0)}},
	} {
		t.Run(name, func(t *testing.T) {
			got, errs := read(t, c.text)
			if len(errs) > 0 {
				t.Fatalf("errors: %q", errs)
			}
			if d := cmp.Diff(c.want, got); d != "" {
				t.Errorf("want -, got +:\n%s", d)
			}
		})
	}
}

// Each mistake is told with file, line, what is wrong and what would be right,
// and the line after it is read.
func TestMistakes(t *testing.T) {
	for line, want := range map[string]string{
		"1764000000250,d,co,1":       `time "1764000000250": too large for seconds; if it is milliseconds, divide by 1000`,
		"2025-11-24 16:00:00,d,co,1": `time "2025-11-24 16:00:00": has no zone: write RFC 3339`,
		"2025-02-29T00:00:00Z,d,co,1": `time "2025-02-29T00:00:00Z": is neither RFC 3339, as 2026-11-24T08:00:00Z, ` +
			`nor Unix seconds, as 1764000000.250`,
		"2100-02-29T00:00:00Z,d,co,1":       `time "2100-02-29T00:00:00Z": is neither`,
		"2025-11-24T24:00:00Z,d,co,1":       `time "2025-11-24T24:00:00Z": is neither`,
		"2025-11-24T16:00:00.Z,d,co,1":      `time "2025-11-24T16:00:00.Z": is neither`,
		"2025-11-24T16:00:00+24:00,d,co,1":  `time "2025-11-24T16:00:00+24:00": is neither`,
		"9999-11-24T16:00:00Z,d,co,1":       `time "9999-11-24T16:00:00Z": is neither`,
		"NaN,d,co,1":                        `time "NaN": is neither`,
		"1,,co,1":                           `device "" is to be a name of 1 to 194 bytes`,
		"1,a\x07b,co,1":                     `device "a\ab" is to be`,
		"1,d,gas.ch,1":                      `unknown metric "gas.ch", did you mean "gas.ch4"?`,
		"1,d,co.dose,1":                     `metric "co.dose" is computed from readings`,
		"1,d,co,":                           `no value: a reading without one needs a fault in the column quality`,
		"1,d,co,abc":                        `value "abc" is not a decimal number`,
		"1,d,co,0x10":                       `value "0x10" is not a decimal number`,
		"1,d,co,1_000":                      `value "1_000" is not a decimal number`,
		"1,d,co,nan":                        `value "nan" is not a measured number`,
		"1,d,co,-Inf":                       `value "-Inf" is not a measured number`,
		"1,d,co,1e999":                      `value "1e999" is not a measured number`,
		"1,d,co,5001":                       `value "5001" is outside the range of co, 0 to 5000 ppm: is it in another unit?`,
		"1,d,co":                            `3 fields; the header has 4: time,device,metric,value`,
		"1,d,co,1,good":                     `5 fields; the header has 4`,
		`1,"d,co,1`:                         `a field in quotes is to end with "`,
		`1,"d"x,co,1`:                       `a field in quotes is to end with "`,
		"1,d,co," + strings.Repeat("9", 70): `value "999999999999999999999999999999999999999999999999999999999999"... is outside`,
	} {
		got, errs := read(t, "time,device,metric,value\n"+line+"\n2,d,co,3\n")
		if len(errs) != 1 || !strings.HasPrefix(errs[0], "f.csv:2: "+want) {
			t.Errorf("%q: got errors %q, want f.csv:2: %s...", line, errs, want)
		}
		if len(got) != 1 || got[0].Value != 3 {
			t.Errorf("%q: the line after it: got %v", line, got)
		}
	}
	_, errs := read(t, Header+"\n1,d,co,1,goood\n")
	if want := `f.csv:2: quality: unknown quality "goood" (one of good, `; len(errs) != 1 || !strings.HasPrefix(errs[0], want) {
		t.Errorf("got %q, want %s...", errs, want)
	}
}

func TestBadFiles(t *testing.T) {
	zipped := gzipped(t, "time,device,metric,value\n"+strings.Repeat("1,d,co,2\n", 1000))
	for name, c := range map[string]struct{ text, want string }{
		"empty":             {"", "f.csv:0: the file is empty; its first line is to be time,device,metric,value[,quality]"},
		"another header":    {"a,b\n", `f.csv:1: the first line is to be time,device,metric,value[,quality], not "a,b"`},
		"endless line":      {strings.Repeat("x", 1<<17), "f.csv:1: a line longer than 65536 bytes: this is not a readings file"},
		"gzip cut short":    {zipped[:len(zipped)-9], "f.csv:"},
		"gzip of something": {gzipped(t, "PK"), `f.csv:1: the first line is to be`},
		"not quite gzip":    {"\x1f\x8bxxxx", "f.csv:0: "},
	} {
		_, errs := read(t, c.text)
		if len(errs) != 1 || !strings.HasPrefix(errs[0], c.want) {
			t.Errorf("%s: got errors %q, want one: %s...", name, errs, c.want)
		}
	}

	broken := errors.New("disk on fire")
	r, err := NewReader("f.csv", io.MultiReader(strings.NewReader("time,device,metric,value\n"), iotest.ErrReader(broken)), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range r.All() {
		if !errors.Is(err, broken) {
			t.Errorf("got %v, want %v", err, broken)
		}
	}
	if _, err := Open(filepath.Join(t.TempDir(), "none.csv"), catalogue); err == nil {
		t.Error("a file that is not there was opened")
	}
}

// A program that counts bad input needs its kind.
func TestKinds(t *testing.T) {
	r, err := NewReader("f.csv", strings.NewReader("time,device,metric,value\nx,d,co,1\n1,d,x,1\n1,d,co,nan\n1,d,co,inf\n1,d,co,-100\n1,d\n"), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	var got []telemetry.Bad
	for _, err := range r.All() {
		var bad *LineError
		if !errors.As(err, &bad) {
			t.Fatalf("got %v, want a *LineError", err)
		}
		got = append(got, bad.Bad)
	}
	want := []telemetry.Bad{telemetry.BadTime, telemetry.BadMetric, telemetry.BadNaN, telemetry.BadInfinity, telemetry.BadRange, telemetry.BadPayload}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
}

// A zero that has wandered is 0, as at a gateway.
func TestAZeroThatWanders(t *testing.T) {
	got, errs := read(t, "time,device,metric,value\n1,d,gas.ch4,-0.4\n")
	if len(errs) > 0 || len(got) != 1 || got[0].Value != 0 || got[0].Quality != telemetry.Good {
		t.Errorf("got %v, %v", got, errs)
	}
}

func TestTolerant(t *testing.T) {
	text := "time,device,metric,value\n1,d,smoke,3\n2,d,smoke,24.7\n3,d,smoke,x\n4,d,smoke,19\n"
	r, err := NewReader("f.csv", strings.NewReader(text), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	var got []telemetry.Reading
	var bad []int
	for reading, err := range r.Tolerant(func(e *LineError) { bad = append(bad, e.Line) }) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, reading)
	}
	want := []telemetry.Reading{reading("d", "smoke", 1000, 3, 0), reading("d", "smoke", 2000, 0, telemetry.Saturated), reading("d", "smoke", 4000, 19, 0)}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("want -, got +:\n%s", d)
	}
	if d := cmp.Diff([]int{3, 4}, bad); d != "" {
		t.Errorf("bad lines: want -, got +:\n%s", d)
	}

	r, err = NewReader("f.csv", strings.NewReader("time,device,metric,value\n"+strings.Repeat("x", 1<<17)), catalogue)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, err := range r.Tolerant(nil) {
		if n++; err == nil {
			t.Error("a file that is none: no error")
		}
	}
	if n != 1 {
		t.Errorf("a file that is none: %d errors, want 1", n)
	}
}

func gzipped(t testing.TB, text string) string {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := io.WriteString(z, text); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// What is written is read, plain and gzipped.
func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	rapid.Check(t, func(rt *rapid.T) {
		want := rapid.SliceOfN(rapid.Custom(genReading), 0, 20).Draw(rt, "readings")
		path := filepath.Join(dir, rapid.SampledFrom([]string{"a.csv", "a.csv.gz"}).Draw(rt, "name"))
		w, err := Create(path)
		if err != nil {
			rt.Fatal(err)
		}
		for _, r := range want {
			if err := w.Write(r); err != nil {
				rt.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			rt.Fatal(err)
		}
		r, err := Open(path, catalogue)
		if err != nil {
			rt.Fatal(err)
		}
		var got []telemetry.Reading
		for reading, err := range r.All() {
			if err != nil {
				rt.Fatal(err)
			}
			got = append(got, reading)
		}
		if err := r.Close(); err != nil {
			rt.Fatal(err)
		}
		if len(want) > 0 || len(got) > 0 {
			if d := cmp.Diff(want, got); d != "" {
				rt.Fatalf("want -, got +:\n%s", d)
			}
		}
	})
}

func genReading(t *rapid.T) telemetry.Reading {
	m, _ := catalogue.Lookup(rapid.SampledFrom([]string{"co", "temperature", "power_factor", "reactive_power"}).Draw(t, "metric"))
	r := reading(rapid.SampledFrom([]string{"g/n/d", `a,b`, `"`, `q"uo"te`, "北/新/街"}).Draw(t, "device"), m.Name,
		rapid.Int64Range(-1e12, 1e13).Draw(t, "time"), 0, telemetry.Quality(rapid.IntRange(0, int(telemetry.BadFrame)).Draw(t, "quality")))
	if !r.Quality.Fault() {
		r.Value = rapid.Float64Range(m.Min, m.Max).Draw(t, "value")
	}
	return r
}

func TestWriterRefuses(t *testing.T) {
	w := NewWriter(io.Discard)
	for _, r := range []telemetry.Reading{
		reading("d", "co", 0, math.NaN(), 0), reading("d", "co", 0, math.Inf(1), 0), reading("", "co", 0, 1, 0),
		reading("a\nb", "co", 0, 1, 0), reading(" d", "co", 0, 1, 0), reading("d", "", 0, 1, 0),
		reading("d", "co", 0, 1, 99), reading("d", "co", math.MinInt64, 1, 0),
	} {
		if err := w.Write(r); err == nil {
			t.Errorf("%v was written", r)
		}
	}
}

// Times and values are those that the standard library reads.
func TestNumbersAsStrconv(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Float64Range(-40, 1200).Draw(t, "value")
		text := strconv.FormatFloat(v, rapid.SampledFrom([]byte("efg")).Draw(t, "format"), rapid.IntRange(-1, 20).Draw(t, "precision"), 64)
		want, _ := strconv.ParseFloat(text, 64)
		if want < -40 || want > 1200 {
			return // rounded out of range
		}
		zone := time.FixedZone("", rapid.IntRange(-23*60, 23*60).Draw(t, "zone")*60)
		at := time.UnixMilli(rapid.Int64Range(-62_000_000_000_000, 95_000_000_000_000).Draw(t, "ms")).In(zone)
		line := fmt.Sprintf("%s,d,temperature,%s\n", at.Format("2006-01-02T15:04:05.000Z07:00"), text)
		r, err := NewReader("f.csv", strings.NewReader("time,device,metric,value\n"+line), catalogue)
		if err != nil {
			t.Fatal(err)
		}
		for got, err := range r.All() {
			if err != nil || got.Value != want || got.Time != at.UnixMilli() || math.Signbit(got.Value) != math.Signbit(want) {
				t.Fatalf("%s: got %v at %d, %v; want %v at %d", line, got.Value, got.Time, err, want, at.UnixMilli())
			}
		}
	})
}

func FuzzReader(f *testing.F) {
	f.Add([]byte(Header + "\n1,d,co,2,\n1,\"d\",co,,open\n"))
	f.Add([]byte("time,device,metric,value\r\n2025-11-24T16:00:00.25+08:00,d,temperature,-1e1\n"))
	f.Add([]byte("\x1f\x8b"))
	f.Fuzz(func(t *testing.T, b []byte) {
		r, err := NewReader("f", bytes.NewReader(b), catalogue)
		if err != nil {
			return
		}
		w := NewWriter(io.Discard)
		for reading, err := range r.All() {
			if err != nil {
				continue
			}
			m, ok := catalogue.Lookup(reading.Metric)
			if !ok || !reading.Quality.Fault() && m.Check(reading.Value) != telemetry.BadNone {
				t.Fatalf("%q gave %v", b, reading)
			}
			if err := w.Write(reading); err != nil {
				t.Fatalf("%q gave %v, which is not to be written: %v", b, reading, err)
			}
		}
	})
}

func BenchmarkRead(b *testing.B) {
	var text bytes.Buffer
	w := NewWriter(&text)
	const rows = 100_000
	for i := range rows {
		device := fmt.Sprintf("beixin/gw-17/device-%02d", i%50)
		if err := w.Write(reading(device, "power", 1_764_000_000_000+int64(i)*100, float64(i%3000)/10, 0)); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		b.Fatal(err)
	}
	for name, data := range map[string][]byte{"plain": text.Bytes(), "gzip": []byte(gzipped(b, text.String()))} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(text.Len()))
			for b.Loop() {
				r, err := NewReader("f", bytes.NewReader(data), catalogue)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for _, err := range r.All() {
					if err != nil {
						b.Fatal(err)
					}
					n++
				}
				if n != rows {
					b.Fatalf("%d rows, want %d", n, rows)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
		})
	}
}
