package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"syscall"
	"testing"

	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// BenchmarkDevices is the cost of one reading by how many devices there are, each
// with a reading every ten seconds, in random order: what memory costs where the
// state of all is larger than the processor's caches. The devices are an even mix of
// gas, smoke, heat, CO and power, all quiet. Each second is one record and one tick.
// cpu-ns is of this process alone, where others share the processor.
func BenchmarkDevices(b *testing.B) {
	for _, devices := range []int{1_000, 10_000, 100_000, 1_000_000} {
		var c *crowd
		b.Run(fmt.Sprint(devices), func(b *testing.B) {
			if testing.Short() && devices > 100_000 {
				b.Skip("takes 3 GB and a minute")
			}
			if c == nil { // once, however often b.N is raised
				c = newCrowd(devices)
				for range 7 * 10 { // until windows are full and nothing is new
					c.second()
				}
			}
			held := heap() - c.own
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			read, spent := c.read, processorTime()
			b.ReportAllocs()
			b.ResetTimer()
			for c.read-read < b.N {
				c.second()
			}
			b.StopTimer()
			spent = processorTime() - spent
			runtime.ReadMemStats(&after)
			n := float64(c.read - read)
			b.ReportMetric(float64(spent)/n, "cpu-ns/reading")
			b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/reading")
			b.ReportMetric(float64(held)/float64(devices), "heap-B/device")
		})
	}
}

// crowd is many devices that take turns, ten seconds a turn.
type crowd struct {
	e     *Engine
	out   nobody
	rec   record.Record
	order []turn // in random order
	own   uint64 // bytes of heap without the engine
	at    int
	read  int
}

func newCrowd(devices int) *crowd {
	c := &crowd{e: NewEngine(), rec: record.Record{Seq: 1, Arrival: t0}}
	c.e.Apply(&record.Record{Seq: 1, Arrival: t0, Entries: []record.Entry{&record.Rules{Version: "1", Files: Shipped()}}}, &c.out)
	name := func(i int) string { return fmt.Sprintf("g/n%d/d%d", i/50, i) }
	for _, i := range rand.New(rand.NewPCG(1, 2)).Perm(devices) { // side by side, as in a record that has just come
		q := quiet[i%len(quiet)]
		c.order = append(c.order, turn{record.Readings{Device: name(i), Points: []telemetry.Point{{Metric: q.metric}}}, q.value})
	}
	c.own = heap()
	for i := range devices {
		c.e.Apply(&record.Record{Seq: 1, Arrival: t0, Entries: []record.Entry{&record.DeviceBirth{Device: name(i), IntervalMS: 10_000, Metrics: []string{quiet[i%len(quiet)].metric}}}}, &c.out)
	}
	return c
}

// processorTime is what the process has used, in ns.
func processorTime() int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		panic(err) // there is nothing to get wrong
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// turn is a device's reading, and about what it reads.
type turn struct {
	record.Readings
	value float64
}

// quiet is what sensors read where nothing is the matter.
var quiet = []struct {
	metric string
	value  float64
}{{"gas.ch4", 0.5}, {"smoke", 0.02}, {"temperature", 20}, {"co", 2}, {"power", 5}}

// second brings a tenth of the devices' readings, and a tick.
func (c *crowd) second() {
	c.rec.Seq++
	c.rec.Arrival += 1000
	c.rec.Entries = c.rec.Entries[:0]
	for range len(c.order) / 10 {
		r := &c.order[c.at]
		r.Points[0].Time = c.rec.Arrival
		r.Points[0].Value = r.value * (1 + 0.05*math.Sin(float64(c.at)+float64(c.rec.Arrival/1000)))
		c.rec.Entries = append(c.rec.Entries, &r.Readings)
		c.at = (c.at + 1) % len(c.order)
	}
	c.rec.Entries = append(c.rec.Entries, &record.Tick{})
	c.read += len(c.order) / 10
	c.e.Apply(&c.rec, &c.out)
}

// A device takes 2 KB, and a reading that is like those before it allocates nothing.
func TestADeviceIsSmall(t *testing.T) {
	const devices, most = 2_000, 2_200
	c := newCrowd(devices)
	for range 70 {
		c.second()
	}
	if held := int64(heap()-c.own) / devices; held > most {
		t.Errorf("%d bytes a device, at most %d wanted", held, most)
	}
	if n := testing.AllocsPerRun(40, c.second); n > 0 {
		t.Errorf("%g allocations a second, want none", n)
	}
}
