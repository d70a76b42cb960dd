// Package watching shows live readings in a terminal: a table that is drawn in place,
// or lines where the output is none.
package watching

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
)

// Board keeps the last reading of each metric. It is safe for concurrent use.
type Board struct {
	catalogue *telemetry.Catalogue

	mu   sync.Mutex
	rows []*row
	by   map[[2]string]*row
	note string
}

type row struct {
	device, metric string
	interval       time.Duration
	seen           time.Time // zero: nothing yet
	last           telemetry.Point
}

// New is a board without rows.
func New(catalogue *telemetry.Catalogue) *Board {
	return &Board{catalogue: catalogue, by: map[[2]string]*row{}}
}

// Announce makes the rows, in order.
func (b *Board) Announce(list []devices.Info) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, d := range list {
		for _, m := range d.Metrics {
			r := &row{device: d.ID, metric: m, interval: d.Interval}
			b.rows, b.by[[2]string{d.ID, m}] = append(b.rows, r), r
		}
	}
}

// See takes a reading that came at a moment.
func (b *Board) See(device string, p telemetry.Point, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if r := b.by[[2]string{device, p.Metric}]; r != nil {
		r.last, r.seen = p, now
	}
}

// Write takes a line of the log, of which the last is shown.
func (b *Board) Write(line []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.note = strings.TrimSpace(string(line))
	return len(line), nil
}

// Draw writes the table over the one before, which had so many lines; it returns how
// many this one has.
func (b *Board) Draw(w io.Writer, now time.Time, before int) (lines int, err error) {
	b.mu.Lock()
	table := b.table(now)
	b.mu.Unlock()
	var s strings.Builder
	if before > 0 {
		fmt.Fprintf(&s, "\x1b[%dA", before)
	}
	for _, line := range table {
		s.WriteString("\r" + line + "\x1b[K\n")
	}
	s.WriteString("\x1b[J")
	_, err = io.WriteString(w, s.String())
	return len(table), err
}

func (b *Board) table(now time.Time) []string {
	cells := [][]string{{"device", "metric", "value", "quality", "age"}}
	for _, r := range b.rows {
		value, quality, age := "", "nothing yet", ""
		if !r.seen.IsZero() {
			value, quality = Value(b.catalogue, r.last), r.last.Quality.String()
			age = now.Sub(r.seen).Truncate(100 * time.Millisecond).String()
			if r.interval > 0 && now.Sub(r.seen) > 2*r.interval {
				age += " late"
			}
		}
		cells = append(cells, []string{r.device, r.metric, value, quality, age})
	}
	lines := align(cells)
	if b.note != "" {
		lines = append(lines, "", b.note)
	}
	return lines
}

// Value is a reading's number with its unit, or "-" for a fault.
func Value(c *telemetry.Catalogue, p telemetry.Point) string {
	if p.Quality.Fault() {
		return "-"
	}
	m, _ := c.Lookup(p.Metric)
	text := strconv.FormatFloat(p.Value, 'f', 3, 64)
	text = strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	if m.Unit == "" || m.Unit == "1" {
		return text
	}
	return text + " " + string(m.Unit)
}

// Line is a reading as a line.
func Line(c *telemetry.Catalogue, device string, p telemetry.Point) string {
	return fmt.Sprintf("%s %s %s %s %s\n", time.UnixMilli(p.Time).Format("2006-01-02T15:04:05.000Z07:00"), device, p.Metric, Value(c, p), p.Quality)
}

// align pads columns but the last to their widest cell.
func align(cells [][]string) []string {
	var width []int
	for _, row := range cells {
		for i, c := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	lines := make([]string, len(cells))
	for n, row := range cells {
		var s strings.Builder
		for i, c := range row {
			s.WriteString(c)
			if i < len(row)-1 {
				s.WriteString(strings.Repeat(" ", width[i]-utf8.RuneCountInString(c)+2))
			}
		}
		lines[n] = strings.TrimRight(s.String(), " ")
	}
	return lines
}
