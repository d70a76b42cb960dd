package outbox

import (
	"errors"
	"fmt"
	"path/filepath"
	"syscall"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry/record"
)

// What is committed to disk comes back once, with the sequence it had, whatever the
// power does.
func TestModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		fsys := newMemFS()
		opts := Options{FS: fsys, SegmentBytes: int64(rapid.IntRange(100, 2000).Draw(rt, "segment"))}
		o := open(t, opts)
		type key struct{ run, seq uint64 }
		durable := map[key]string{} // what Append has promised and nobody has trimmed
		committed := map[uint64]uint64{}
		n := 0
		check := func() {
			held := map[key]string{}
			_, runs := o.Declare()
			for _, r := range runs {
				for seq, v := range drain(t, o, r.ID, r.Oldest, 1+n%7) {
					held[key{r.ID, seq}] = v
				}
			}
			for k, v := range durable {
				if k.seq > committed[k.run] && held[k] != v {
					rt.Fatalf("run %x sequence %d: got %q, want %q", k.run, k.seq, held[k], v)
				}
			}
			for k, v := range held {
				if want, known := durable[k]; known && v != want {
					rt.Fatalf("run %x sequence %d: got %q, want %q", k.run, k.seq, v, want)
				}
			}
		}
		add := func(kind record.RunKind, promised bool) {
			var batches []Batch
			_, runs := o.Declare()
			r := runs[1-int(kind)]
			seq := r.Next
			for _, d := range []string{"a", "b", "c"}[:rapid.IntRange(1, 3).Draw(rt, "devices")] {
				b := Batch{Device: d}
				for range rapid.IntRange(1, 4).Draw(rt, "points") {
					n++
					b.Points = append(b.Points, point(n))
					if promised {
						durable[key{r.ID, seq}] = fmt.Sprintf("%s %d %g good", d, n, float64(n)/10)
					}
					seq++
				}
				batches = append(batches, b)
			}
			o.Append(kind, batches)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(*rapid.T) { add(record.Live, true) },
			"alarm":  func(*rapid.T) { add(record.Alarm, true) },
			"crash": func(rt *rapid.T) {
				if rapid.Bool().Draw(rt, "while writing") {
					fsys.mu.Lock()
					fsys.fail = func(op, _ string) error {
						if op == "sync" || op == "truncate" || op == "remove" {
							return syscall.EIO
						}
						return nil
					}
					fsys.mu.Unlock()
					add(record.Live, false)
				}
				fsys.crash(func(n int) int { return rapid.IntRange(0, n).Draw(rt, "kept") })
				o = open(t, opts)
			},
			"reconnect": func(*rapid.T) { o.Reconnected() },
			"commit": func(rt *rapid.T) {
				_, runs := o.Declare()
				r := rapid.SampledFrom(runs).Draw(rt, "run")
				seq := rapid.Uint64Range(0, r.Next-1).Draw(rt, "seq")
				o.Committed(r.ID, seq)
				committed[r.ID] = max(committed[r.ID], seq)
			},
			"": func(*rapid.T) { check() },
		})
	})
}

// A segment cut at any byte opens, and gives back every whole block before the cut.
func TestTornTailAtEachByte(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	var sizes []int64 // after each append
	for i := range 4 {
		o.Append(record.Live, []Batch{batch("device-a", 2*i), batch("device-b", 2*i+1)})
		sizes = append(sizes, o.Status().Bytes)
	}
	_, runs := o.Declare()
	_ = o.Close()
	whole, name := segmentOf(t, fsys, runs[1].ID)
	for cut := range len(whole) {
		fsys.now[name] = &inode{data: append([]byte(nil), whole[:cut]...)}
		o := open(t, Options{FS: fsys})
		blocks := 0
		for _, s := range sizes {
			if int64(cut) >= s {
				blocks++
			}
		}
		if got := drain(t, o, runs[1].ID, 1, 10); len(got) != 2*blocks {
			t.Fatalf("cut at %d: %d readings, want %d", cut, len(got), 2*blocks)
		}
		if s := o.Status(); s.Damaged != 0 || s.Volatile {
			t.Fatalf("cut at %d: a torn tail is called damage: %+v", cut, s)
		}
		_ = o.Close()
	}
}

func segmentOf(t *testing.T, m *memFS, run uint64) ([]byte, string) {
	t.Helper()
	for name, f := range m.now {
		if id, _, ok := parseSegmentName(filepath.Base(name), segmentSuffix); ok && id == run {
			return append([]byte(nil), f.data...), name
		}
	}
	t.Fatalf("run %x has no segment", run)
	return nil, ""
}

// A flipped bit anywhere costs at most its own block and what that block defines,
// never a wrong reading; what is lost in the middle is declared.
func TestDamageAtEachByte(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys})
	for i := range 4 {
		o.Append(record.Live, []Batch{batch("device-a", 2*i), batch(fmt.Sprint("device-", i), 2*i+1)})
	}
	_, runs := o.Declare()
	want := drain(t, o, runs[1].ID, 1, 10)
	_ = o.Close()
	whole, name := segmentOf(t, fsys, runs[1].ID)
	for at := range whole {
		bad := append([]byte(nil), whole...)
		bad[at] ^= 0x10
		fsys.now[name] = &inode{data: bad}
		o := open(t, Options{FS: fsys})
		got := drain(t, o, runs[1].ID, 1, 10)
		for seq, v := range got {
			if v != want[seq] {
				t.Fatalf("byte %d: sequence %d is %q, want %q", at, seq, v, want[seq])
			}
		}
		s, declared := o.Run(runs[1].ID)
		for seq := range want {
			if _, ok := got[seq]; !ok && declared && seq < s.Next && !inRanges(s.Lost, seq) && seq >= s.Oldest {
				t.Fatalf("byte %d: sequence %d is neither there nor lost: %+v", at, seq, s)
			}
		}
		_ = o.Close()
		delete(fsys.now, name+damagedSuffix)
	}
}

func inRanges(ranges []record.Range, seq uint64) bool {
	for _, r := range ranges {
		if r.From <= seq && seq <= r.To {
			return true
		}
	}
	return false
}

// Damage in a sealed segment is met when it is read: a typed error once, and the rest is read on.
func TestDamageMetWhileReading(t *testing.T) {
	fsys := newMemFS()
	o := open(t, Options{FS: fsys, SegmentBytes: 200})
	for i := 1; i <= 40; i++ {
		o.Append(record.Live, []Batch{batch("a", i)})
	}
	_, runs := o.Declare()
	id := runs[1].ID
	name := filepath.Join("/outbox", segmentName(id, 1))
	fsys.now[name].data[segmentHeaderLen+blockHeaderLen+60] ^= 1
	gen := o.Generation()
	r := o.Reader(id, 1)
	defer r.Close()
	var damage *CorruptError
	seen := map[uint64]bool{}
	for {
		c, err := r.Next(10)
		if errors.Is(err, ErrDone) {
			break
		}
		if errors.As(err, &damage) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		for i := range c.Points {
			seen[c.First+uint64(i)] = true
		}
	}
	if damage == nil || damage.Offset < segmentHeaderLen || damage.Path != name {
		t.Fatalf("damage %v", damage)
	}
	s, _ := o.Run(id)
	if o.Generation() == gen || len(s.Lost) == 0 {
		t.Errorf("not declared: %+v", s)
	}
	for seq := uint64(1); seq <= 40; seq++ {
		if seen[seq] == inRanges(s.Lost, seq) {
			t.Errorf("sequence %d: read %v, lost %v", seq, seen[seq], s.Lost)
		}
	}
	o.Committed(id, 40)
	if fsys.now[name+damagedSuffix] == nil {
		t.Error("the damaged segment was not set aside")
	}
}
