package actuator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"weishao.dev/weishao/telemetry"
)

const (
	getLimit   = time.Second // for an input to answer
	lookEvery  = time.Second // at the feedback
	lookOften  = 100 * time.Millisecond
	maxUnsaid  = 256              // points that wait to be said; there are only a few
	wellAgain  = 30 * time.Second // without trouble before it is told to be over
	buttonLook = 50 * time.Millisecond
	buttonSure = 3 // looks in a row before a button is believed
)

// report looks at the feedback and says what has changed, and all of it every interval.
func (a *Actuator) report(ctx context.Context, emit func(telemetry.Point)) {
	var last time.Time
	for {
		if a.feedback != nil {
			a.look(ctx)
		}
		a.mu.Lock()
		points, lines := a.unsaid, a.lines
		a.unsaid, a.lines = nil, nil
		if now := time.Now(); now.Sub(last) >= a.cfg.interval() || last.IsZero() {
			last = now
			points = append(points, a.present()...)
		}
		a.recovered()
		pause := time.Until(last.Add(a.cfg.interval()))
		if a.feedback != nil {
			pause = min(pause, lookEvery)
			if act := a.latch.Acts(); a.checks(act) && a.seen != act && !a.overdue {
				pause = lookOften
			}
		}
		a.mu.Unlock()
		for _, p := range points {
			emit(p)
		}
		for _, l := range lines {
			a.log.Log(ctx, l.level, l.text, l.attrs...)
		}
		rest(ctx, pause, a.news)
		if ctx.Err() != nil {
			return
		}
	}
}

// look asks the feedback.
func (a *Actuator) look(ctx context.Context) {
	limited, stop := context.WithTimeout(ctx, getLimit)
	defer stop()
	seen, err := a.feedback.Get(limited)
	if ctx.Err() != nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.looked, a.seen, a.seenErr = true, seen && err == nil, err
	if err == nil && a.seen == a.latch.Acts() {
		a.overdue = false
	}
	a.note()
}

var (
	errOutput   = errors.New("its output does not take what it is told")
	errFeedback = errors.New("its feedback cannot be read")
	errStuck    = errors.New("it does not do as it is told")
)

// trouble is what is wrong with it, and which fault that is. The caller holds mu.
func (a *Actuator) trouble() (telemetry.Quality, error) {
	switch {
	case a.outErr != nil:
		return telemetry.NoResponse, fmt.Errorf("%w: %w", errOutput, a.outErr)
	case a.seenErr != nil:
		return telemetry.NoResponse, fmt.Errorf("%w: %w", errFeedback, a.seenErr)
	case a.overdue:
		return telemetry.Stuck, errStuck
	}
	return telemetry.Good, nil
}

// state is actuator.state at the moment; known is false before anything was tried. The
// caller holds mu.
func (a *Actuator) state() (p telemetry.Point, known bool) {
	p = telemetry.Point{Metric: MetricState, Time: a.clock.NowMS()}
	q, _ := a.trouble()
	switch {
	case q.Fault():
		p.Quality = q
		return p, true
	case a.feedback != nil:
		p.Value = number(a.seen)
		return p, a.looked
	}
	p.Value = number(a.acting)
	return p, a.moved
}

func number(b bool) float64 {
	if b {
		return 1
	}
	return 0
}

// present is all there is to say at the moment. The caller holds mu.
func (a *Actuator) present() []telemetry.Point {
	points := []telemetry.Point{{Metric: MetricLatched, Time: a.clock.NowMS(), Value: number(a.latch.Latched)}}
	if p, known := a.state(); known {
		points = append(points, p)
	}
	return points
}

// note keeps what has changed, with its time, for report to say, and tells of trouble
// once. The caller holds mu.
func (a *Actuator) note() {
	for _, p := range a.present() {
		if last, ok := a.said[p.Metric]; ok && last.Value == p.Value && last.Quality == p.Quality {
			continue
		}
		a.said[p.Metric] = p
		if a.unsaid = append(a.unsaid, p); len(a.unsaid) > maxUnsaid {
			a.unsaid = a.unsaid[1:]
		}
		signal(a.news)
	}
	_, err := a.trouble()
	if err == nil {
		return
	}
	a.well = time.Now()
	if !a.told {
		a.told = true
		a.tell(slog.LevelError, "an actuator is in trouble; it is tried again", "latched", a.latch.Latched, "error", err)
	}
}

// recovered tells that trouble is over, when it has been over for a while. The caller
// holds mu.
func (a *Actuator) recovered() {
	if _, err := a.trouble(); err != nil {
		a.well = time.Now()
	} else if a.told && time.Since(a.well) >= wellAgain {
		a.told = false
		a.tell(slog.LevelInfo, "an actuator works again")
	}
}

// button is an input that somebody presses.
type button struct {
	in    Input
	press func()
}

// watch calls press once for each press. A button must have been seen up before: one
// that is stuck, or held since before the alarm, presses nothing, and one that cannot
// be read is neither up nor down.
func (b button) watch(ctx context.Context) {
	armed, ups, downs := false, 0, 0
	for {
		limited, stop := context.WithTimeout(ctx, getLimit)
		down, err := b.in.Get(limited)
		stop()
		switch {
		case err != nil:
			armed, ups, downs = false, 0, 0
		case down:
			ups, downs = 0, downs+1
		default:
			ups, downs = ups+1, 0
		}
		armed = armed || ups >= buttonSure
		if armed && downs >= buttonSure && ctx.Err() == nil {
			armed = false
			b.press()
		}
		rest(ctx, buttonLook, nil)
		if ctx.Err() != nil {
			return
		}
	}
}
