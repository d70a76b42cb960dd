package readings

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strconv"
	"strings"

	"weishao.dev/weishao/telemetry"
)

// Writer writes a readings file, with the column quality and times as Unix
// seconds with three decimals. It is buffered: Close it. It is not safe for
// concurrent use.
type Writer struct {
	out   *bufio.Writer
	under []io.Closer // gzip and file, in the order in which to close them
	line  []byte
}

// Create makes a readings file, replacing one of that name; a name that ends in
// .gz makes it gzipped.
func Create(path string) (*Writer, error) {
	f, err := os.Create(path)
	if err != nil {
		return nil, fmt.Errorf("readings: %w", err)
	}
	if !strings.HasSuffix(path, ".gz") {
		w := NewWriter(f)
		w.under = []io.Closer{f}
		return w, nil
	}
	z := gzip.NewWriter(f)
	w := NewWriter(z)
	w.under = []io.Closer{z, f}
	return w, nil
}

// NewWriter writes a readings file, plain, to out, which Close leaves open.
func NewWriter(out io.Writer) *Writer {
	w := &Writer{out: bufio.NewWriterSize(out, 64<<10)}
	w.line = append(w.line, Header+"\n"...)
	return w
}

// Write adds a reading. One that could not be read back is refused: a number
// that is not finite, an unnamed quality, a name that is empty or holds what does
// not print.
func (w *Writer) Write(r telemetry.Reading) error {
	switch {
	case !r.Quality.Valid():
		return fmt.Errorf("readings: %v is not a quality", r.Quality)
	case !r.Quality.Fault() && (math.IsNaN(r.Value) || math.IsInf(r.Value, 0)):
		return fmt.Errorf("readings: %s %s: %v is not a number to write", r.Device, r.Metric, r.Value)
	case !writable(r.Device) || !writable(r.Metric):
		return fmt.Errorf("readings: device %q, metric %q: a name is to print, have 1 to %d bytes and no spaces at its ends", r.Device, r.Metric, maxDevice)
	case r.Time > maxSeconds*1000 || r.Time < -maxSeconds*1000:
		return fmt.Errorf("readings: time %d ms is out of range", r.Time)
	}
	w.line = appendSeconds(w.line, r.Time)
	w.line = appendField(append(w.line, ','), r.Device)
	w.line = appendField(append(w.line, ','), r.Metric)
	w.line = append(w.line, ',')
	if !r.Quality.Fault() {
		w.line = strconv.AppendFloat(w.line, r.Value, 'g', -1, 64)
	}
	w.line = append(w.line, ',')
	if r.Quality != telemetry.Good {
		w.line = append(w.line, r.Quality.String()...)
	}
	w.line = append(w.line, '\n')
	return w.flushLine()
}

// Close writes what is buffered (the header, if there was no reading) and closes
// the file that Create made.
func (w *Writer) Close() error {
	err := errors.Join(w.flushLine(), w.out.Flush())
	for _, c := range w.under {
		err = errors.Join(err, c.Close())
	}
	w.under = nil
	return err
}

func (w *Writer) flushLine() error {
	_, err := w.out.Write(w.line)
	w.line = w.line[:0]
	return err
}

func writable(s string) bool {
	return s != "" && len(s) <= maxDevice && s == strings.TrimSpace(s) && printable([]byte(s))
}

func appendSeconds(dst []byte, ms int64) []byte {
	if ms < 0 {
		dst, ms = append(dst, '-'), -ms
	}
	dst = strconv.AppendInt(dst, ms/1000, 10)
	frac := ms % 1000
	return append(dst, '.', byte('0'+frac/100), byte('0'+frac/10%10), byte('0'+frac%10))
}

func appendField(dst []byte, s string) []byte {
	if !strings.ContainsAny(s, `",`) {
		return append(dst, s...)
	}
	dst = append(dst, '"')
	dst = append(dst, strings.ReplaceAll(s, `"`, `""`)...)
	return append(dst, '"')
}
