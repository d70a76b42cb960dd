// Package replay plays a recorded readings file (package readings) as devices,
// through the same driver interface that real sensors use.
//
// Each device of the file becomes one device of the gateway; a name with slashes
// gives its last part. The first row of the whole file happens when the first of
// the devices is run, and every other row as much later, on the gateway's clock
// and at its speed. The devices share one start, so that rooms of one fire stay
// in step, and a device that is run again goes on where the recording is by then.
//
// A row's quality is played as it stands. A value out of its metric's range comes
// as the fault saturated, as a driver would tell it; a line that cannot become a
// reading is left out and counted in File.Bad. Rows need not be in order.
//
// The announced interval is the longest gap between two rows of the device, gaps
// of more than ten times the usual one apart: those are silences of the recording
// and stay silences.
package replay

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/readings"
)

// Options of a File.
type Options struct {
	Loop      bool   // begin again after the end; otherwise the devices end with their last row
	Placement string // announced by all devices; empty: none
}

// MaxRows is the most rows a file may have: they are held in memory, 32 bytes each.
const MaxRows = 10_000_000

// File is a recording, read whole.
type File struct {
	opts    Options
	players []*player
	first   int64         // time of the first row, Unix ms
	length  time.Duration // from the first row to where a loop begins again
	bad     int
	start   func(now time.Time) time.Time // when the first row happens; fixed by the first call
}

type row struct {
	at      int64 // ms since the file's first row
	metric  string
	value   float64
	quality telemetry.Quality
}

// Open reads a file, plain or gzipped.
func Open(path string, catalog *telemetry.Catalogue, opts Options) (*File, error) {
	r, err := readings.Open(path, catalog)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return read(path, r, opts)
}

// Read reads a file from in; name is what errors call it.
func Read(name string, in io.Reader, catalog *telemetry.Catalogue, opts Options) (*File, error) {
	r, err := readings.NewReader(name, in, catalog)
	if err != nil {
		return nil, err
	}
	return read(name, r, opts)
}

func read(name string, r *readings.Reader, opts Options) (*File, error) {
	f := &File{opts: opts}
	byName := map[string]*player{}
	rows := 0
	for reading, err := range r.Tolerant(func(*readings.LineError) { f.bad++ }) {
		if err != nil {
			return nil, err
		}
		if rows++; rows > MaxRows {
			return nil, fmt.Errorf("%s: more than %d rows; cut the recording", name, MaxRows)
		}
		p := byName[reading.Device]
		if p == nil {
			p = &player{file: f, name: reading.Device}
			p.info.ID = reading.Device[strings.LastIndexByte(reading.Device, '/')+1:]
			byName[reading.Device] = p
			f.players = append(f.players, p)
		}
		if !slices.Contains(p.info.Metrics, reading.Metric) {
			p.info.Metrics = append(p.info.Metrics, reading.Metric)
		}
		p.rows = append(p.rows, row{reading.Time, reading.Metric, reading.Value, reading.Quality})
	}
	if rows == 0 {
		return nil, fmt.Errorf("%s: no readings in it", name)
	}
	return f, f.settle(name)
}

// settle puts the rows in order, makes their times relative and works out what
// the devices announce.
func (f *File) settle(name string) error {
	ids := map[string]bool{}
	last := int64(0)
	for _, p := range f.players {
		if !telemetry.ValidName(p.info.ID) || ids[p.info.ID] {
			return fmt.Errorf("%s: device %q needs a name of its own, of letters, digits, '.', '_' and '-'", name, p.info.ID)
		}
		ids[p.info.ID] = true
		slices.SortStableFunc(p.rows, func(a, b row) int { return cmp.Compare(a.at, b.at) })
		if f.first == 0 || p.rows[0].at < f.first {
			f.first = p.rows[0].at
		}
		last = max(last, p.rows[len(p.rows)-1].at)
	}
	pause := time.Duration(0)
	for _, p := range f.players {
		for i := range p.rows {
			p.rows[i].at -= f.first
		}
		p.info.Model, p.info.Placement = "replay", f.opts.Placement
		p.info.Interval = interval(p.rows)
		pause = max(pause, p.info.Interval)
	}
	f.length = time.Duration(last-f.first)*time.Millisecond + pause
	var once sync.Once
	var start time.Time
	f.start = func(now time.Time) time.Time {
		once.Do(func() { start = now.Truncate(time.Millisecond) })
		return start
	}
	return nil
}

// interval is the longest gap that is not a silence, in whole seconds from 1.
func interval(rows []row) time.Duration {
	var gaps []int64
	for i := 1; i < len(rows); i++ {
		if gap := rows[i].at - rows[i-1].at; gap > 0 {
			gaps = append(gaps, gap)
		}
	}
	if len(gaps) == 0 {
		return time.Second
	}
	slices.Sort(gaps)
	limit := 10 * gaps[len(gaps)/2]
	longest := gaps[0]
	for _, gap := range gaps {
		if gap <= limit {
			longest = gap
		}
	}
	return time.Duration((longest+999)/1000) * time.Second
}

// Devices are the devices of the file, in the order of their first rows in it.
func (f *File) Devices() []devices.Device {
	out := make([]devices.Device, len(f.players))
	for i, p := range f.players {
		out[i] = p
	}
	return out
}

// Length is how long the recording plays on the clock, before it ends or loops.
func (f *File) Length() time.Duration { return f.length }

// Recorded is when the file's first row was recorded.
func (f *File) Recorded() time.Time { return time.UnixMilli(f.first).UTC() }

// Bad counts the lines that were left out or came as the fault saturated.
func (f *File) Bad() int { return f.bad }

// player is one device of a file.
type player struct {
	file *File
	name string // in the file
	info devices.Info
	rows []row
	ran  bool // at least once
}

func (p *player) Info() devices.Info { return p.info }

// Run implements devices.Device. It returns nil at the end of the recording.
func (p *player) Run(ctx context.Context, clock telemetry.Clock, emit func(telemetry.Point)) error {
	now := clock.Now()
	start := p.file.start(now)
	if late := now.Sub(start); p.file.opts.Loop && late > 0 {
		start = start.Add(late / p.file.length * p.file.length)
	}
	// What was due while the device was down has not been heard. The first run begins
	// with the first row, however long the devices before it took to start.
	next, _ := slices.BinarySearchFunc(p.rows, now.Sub(start).Milliseconds(), func(r row, at int64) int { return cmp.Compare(r.at, at) })
	if !p.ran {
		p.ran, next = true, 0
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for {
		for ; next < len(p.rows); next++ {
			r := &p.rows[next]
			due := start.Add(time.Duration(r.at) * time.Millisecond)
			if wait := clock.Wall(due.Sub(clock.Now())); wait > 0 {
				timer.Reset(wait)
				select {
				case <-ctx.Done():
					return nil
				case <-timer.C:
				}
			} else if ctx.Err() != nil {
				return nil
			}
			emit(telemetry.Point{Metric: r.metric, Time: due.UnixMilli(), Value: r.value, Quality: r.quality})
		}
		if !p.file.opts.Loop {
			return nil
		}
		start, next = start.Add(p.file.length), 0
	}
}
