package actuator

import (
	"context"
	"errors"
	"time"
)

const (
	setLimit   = time.Second // for an output to take what it is told
	firstRetry = 200 * time.Millisecond
	lastRetry  = time.Minute
	soonRetry  = 5 * time.Second        // instead, of an output that has to act, or to end a pulse
	stopLimit  = 400 * time.Millisecond // for an output at the end
)

var errPanic = errors.New("panic")

func panicOf(ctx context.Context) error {
	if err := context.Cause(ctx); errors.Is(err, errPanic) {
		return err
	}
	return nil
}

// wish is what the output is to do. A round that is new is to be carried out anew,
// though the output acts already.
type wish struct {
	act   bool
	round int
}

func (a *Actuator) wish() wish {
	a.mu.Lock()
	defer a.mu.Unlock()
	return wish{a.latch.Acts(), a.round}
}

// drive moves the output: at once when the wish changes, again with back-off when it
// fails or is not confirmed, and every interval in any case.
func (a *Actuator) drive(ctx context.Context) {
	defer a.failSafe(ctx)
	d := driver{a: a, failing: firstRetry}
	for ctx.Err() == nil {
		rest(ctx, d.step(ctx), a.wake)
	}
}

// rest waits for a while, or for a signal.
func rest(ctx context.Context, pause time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-wake:
	case <-t.C:
	}
}

type driver struct {
	a       *Actuator
	done    *wish         // what has been carried out; nil: nothing yet
	failing time.Duration // the next pause after a failure
	due     time.Time     // when it has to have confirmed
	waiting time.Duration // and how long it had
}

// step does what is to be done now and says how long it will hold.
func (d *driver) step(ctx context.Context) time.Duration {
	w := d.a.wish()
	fresh := d.done == nil || *d.done != w
	if fresh && d.done != nil && d.done.act != w.act {
		d.a.forgive()
	}
	late := !fresh && d.late(w.act)
	if err := d.a.move(ctx, w.act, fresh || late); err != nil {
		pause := d.failing
		if w.act { // somebody is waiting for the valve
			pause = min(pause, soonRetry)
		}
		d.failing = min(2*pause, lastRetry)
		return pause
	}
	d.failing = firstRetry
	if fresh {
		d.done, d.waiting = &w, d.a.cfg.within()
		d.due = time.Now().Add(d.waiting)
	}
	if !d.a.checks(w.act) {
		return d.a.cfg.interval()
	}
	return min(d.a.cfg.interval(), time.Until(d.due))
}

// checks reports whether the feedback has to say that it acts, or rests.
func (a *Actuator) checks(act bool) bool {
	return a.feedback != nil && (act || a.kind.rests && a.cfg.pulse() == 0)
}

// late reports whether the time to confirm has run out. From then on each move has
// twice the time.
func (d *driver) late(act bool) bool {
	if !d.a.checks(act) || time.Now().Before(d.due) {
		return false
	}
	confirmed := d.a.confirmed(act)
	if confirmed {
		d.waiting = d.a.cfg.within() // and look again: a hand may move it back
	} else {
		d.waiting = min(2*d.waiting, lastRetry)
	}
	d.due = time.Now().Add(d.waiting)
	return !confirmed
}

// confirmed reports whether the feedback says that it acts, or rests; that it does not
// is overdue.
func (a *Actuator) confirmed(act bool) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.looked && a.seenErr == nil && a.seen == act {
		return true
	}
	a.overdue = true
	a.note()
	return false
}

// forgive begins anew: what is wanted has changed.
func (a *Actuator) forgive() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.overdue = false
}

// move tells the output what to do. Of a pulsed one, acting anew is a pulse, and all
// else is rest.
func (a *Actuator) move(ctx context.Context, act, anew bool) error {
	if a.cfg.pulse() > 0 && act && anew {
		return a.pulse(ctx)
	}
	err := a.set(ctx, act && a.cfg.pulse() == 0, setLimit)
	a.carried(ctx, act, err)
	return err
}

func (a *Actuator) pulse(ctx context.Context) error {
	err := a.set(ctx, true, setLimit)
	a.carried(ctx, true, err)
	if err == nil {
		rest(ctx, a.cfg.pulse(), nil)
	}
	if a.relax(ctx) && err == nil { // also after an error: it may have been taken all the same
		a.carried(ctx, true, nil)
	}
	return err
}

// relax ends a pulse: a coil that stays energised burns. It tries until it succeeds or
// ctx has ended, and then once more. Whether it had to try again is what it returns.
func (a *Actuator) relax(ctx context.Context) (again bool) {
	for retry := firstRetry; ; retry = min(2*retry, soonRetry) {
		if ctx.Err() != nil {
			ctx = context.WithoutCancel(ctx)
			if err := a.set(ctx, false, stopLimit); err != nil {
				a.log.Error("a pulse could not be ended", "actuator", a.id, "error", err)
			}
			return again
		}
		err := a.set(ctx, false, setLimit)
		if err == nil {
			return again
		}
		again = true
		a.carried(ctx, true, err)
		rest(ctx, retry, nil)
	}
}

func (a *Actuator) set(ctx context.Context, level bool, limit time.Duration) error {
	ctx, stop := context.WithTimeout(ctx, limit)
	defer stop()
	return a.out.Set(ctx, level)
}

// carried notes what became of a move.
func (a *Actuator) carried(ctx context.Context, act bool, err error) {
	if err != nil && ctx.Err() != nil {
		return // it was interrupted; that is no fault
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.outErr = err; err == nil {
		a.moved, a.acting = true, act
	}
	a.note()
}

// ErrAnew is why a context ended, where the gateway does not stop but is made anew: its
// next life goes on with what this one did, see Resume.
var ErrAnew = errors.New("the gateway is made anew")

// failSafe is what is done when the gateway stops.
func (a *Actuator) failSafe(ctx context.Context) {
	act := a.cfg.FailSafe.V == failAct
	if !act && a.cfg.FailSafe.V != failRest || errors.Is(context.Cause(ctx), ErrAnew) {
		return
	}
	last, stop := context.WithTimeout(context.WithoutCancel(ctx), a.cfg.pulse()+stopLimit)
	defer stop()
	a.mu.Lock()
	acting := a.moved && a.acting
	a.mu.Unlock()
	if err := a.move(last, act, !acting); err != nil {
		a.log.Error("an actuator was not left as fail_safe says", "actuator", a.id, "error", err)
	}
}
