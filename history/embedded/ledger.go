package embedded

import (
	"sync"
	"time"
)

const hourMS = int64(time.Hour / time.Millisecond)

// hourOf numbers hours since 1970; the hour of a time in Unix ms.
func hourOf(ms int64) int64 {
	h := ms / hourMS
	if ms < h*hourMS {
		h--
	}
	return h
}

// ledger knows the state of each hour:
//
//	... rolled up ... | being rolled up | ... raw only ...
//	            rolled^             open^
//
// Hours before rolled are answered from roll-ups, unless they are in late. Points
// that arrive for hours before open are marked late.
type ledger struct {
	mu           sync.Mutex
	started      bool // the first point has come
	rolled, open int64
	began        int64 // oldest time ever seen, Unix ms
	newest       int64 // newest time seen, Unix ms
	late         map[int64]*lateHour
}

// lateHour is an hour that must be computed again, for some series or for all.
type lateHour struct {
	all     bool
	series  map[uint32]struct{}
	touched time.Time
	gen     uint64 // counts marks
	saved   bool   // all of it is in index.db
}

// manyLate is how many late series of an hour make it one to recompute whole;
// it bounds the memory of a long outage of everything.
const manyLate = 500

func newLedger() *ledger { return &ledger{late: map[int64]*lateHour{}} }

// see notes the times (Unix ms) that a batch spans, and reports whether any is late.
func (l *ledger) see(oldest, newest int64) bool {
	if !l.started {
		l.started, l.began, l.rolled, l.open = true, oldest, hourOf(oldest), hourOf(oldest)
	}
	l.began = min(l.began, oldest)
	l.newest = max(l.newest, newest)
	return hourOf(oldest) < l.open
}

// next is the first hour that is not rolled up, if it is over by grace ms. It is
// closed to new points: those that come from now on are late.
func (l *ledger) next(grace int64) (hour int64, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.started || l.newest < (l.rolled+1)*hourMS+grace {
		return 0, false
	}
	l.open = l.rolled + 1
	return l.rolled, true
}

// done says that the hours before rolled are in index.db.
func (l *ledger) done(rolled int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rolled = rolled
}

// settled lists the late hours that were not touched since t.
func (l *ledger) settled(t time.Time) []lateWork {
	l.mu.Lock()
	defer l.mu.Unlock()
	var work []lateWork
	for h, lh := range l.late {
		if h >= l.rolled || lh.touched.After(t) {
			continue
		}
		w := lateWork{hour: h, gen: lh.gen, all: lh.all}
		for id := range lh.series {
			w.series = append(w.series, id)
		}
		work = append(work, w)
	}
	return work
}

// lateWork is one late hour as the roller took it.
type lateWork struct {
	hour   int64
	gen    uint64
	all    bool
	series []uint32
}

// unchanged reports whether a late hour has not been marked since it was taken.
func (l *ledger) unchanged(w lateWork) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.late[w.hour] != nil && l.late[w.hour].gen == w.gen
}

// recomputed forgets a late hour, whose marks index.db has forgotten too, unless
// it was marked again meanwhile: then all its marks must be saved again.
func (l *ledger) recomputed(w lateWork) {
	l.mu.Lock()
	defer l.mu.Unlock()
	lh := l.late[w.hour]
	switch {
	case lh == nil:
	case lh.gen == w.gen:
		delete(l.late, w.hour)
	default:
		lh.saved = false
	}
}

// mark says that a series has a new point in an hour before open.
func (l *ledger) mark(hour int64, id uint32) {
	lh := l.late[hour]
	if lh == nil {
		lh = &lateHour{series: map[uint32]struct{}{}}
		l.late[hour] = lh
	}
	lh.touched = time.Now()
	lh.gen++
	lh.saved = false
	if _, known := lh.series[id]; known || lh.all {
		return
	}
	if len(lh.series) >= manyLate {
		lh.all, lh.series = true, map[uint32]struct{}{}
		return
	}
	lh.series[id] = struct{}{}
}

// view is what a query needs to know of a series: its hours before rolled are in
// the roll-ups, except those in late.
type view struct {
	rolled, began, newest int64
	late                  map[int64]bool
}

func (l *ledger) view(id uint32) view {
	l.mu.Lock()
	defer l.mu.Unlock()
	v := view{rolled: l.rolled, began: l.began, newest: l.newest, late: map[int64]bool{}}
	for h, lh := range l.late {
		if _, marked := lh.series[id]; marked || lh.all {
			v.late[h] = true
		}
	}
	return v
}
