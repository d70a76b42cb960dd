package incidents

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"weishao.dev/weishao/incidents/notify"
)

// Run pages people until ctx ends: it owns the escalation clocks and, for each
// channel, as many workers as the channel allows, so that a provider that hangs
// holds up nobody but its own. When ctx ends, attempts under way get stopGrace to
// finish; those that do not are made again at the next start. A second Run at
// the same time is refused.
func (s *Store) Run(ctx context.Context) error {
	if !s.running.CompareAndSwap(false, true) {
		return errors.New("incidents: Run is already running on this store")
	}
	defer s.running.Store(false)
	if err := s.recoverPages(ctx); err != nil {
		if ctx.Err() != nil {
			return nil
		}
		return fmt.Errorf("incidents: taking up interrupted pages: %w", err)
	}
	limits := map[string]*limiter{}
	for name, c := range s.channels {
		limit, err := s.limitOf(ctx, c)
		if err != nil && ctx.Err() == nil {
			return fmt.Errorf("incidents: %w", err)
		}
		limits[name] = limit
	}
	defer s.wakers.clear()
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() { s.escalate(ctx) })
	for _, c := range s.channels {
		limit := limits[c.Name()]
		for range max(c.Limits().Parallel, 1) {
			wg.Go(func() { s.work(ctx, c, limit) })
		}
	}
	<-ctx.Done()
	return nil
}

// stopGrace is what an attempt under way has left when the hub stops.
const stopGrace = 3 * time.Second

// recordTries is how often a result is written while the hub is stopping.
const recordTries = 3

// work sends one page of the channel after the other.
func (s *Store) work(ctx context.Context, c notify.Channel, limit *limiter) {
	wake := s.wakers.add()
	for ctx.Err() == nil {
		p, ok, wait, err := s.next(ctx, c, limit)
		switch {
		case err != nil && ctx.Err() == nil:
			s.log.Error("reading the page queue failed; trying again", "channel", c.Name(), "error", err)
			s.metrics.errors.Inc()
			sleep(ctx, errWait, nil)
		case ok:
			s.attempt(ctx, c, p)
		default:
			sleep(ctx, min(wait, pollWait), wake)
		}
	}
}

// next claims a page within the channel's rate.
func (s *Store) next(ctx context.Context, c notify.Channel, limit *limiter) (page, bool, time.Duration, error) {
	limit.mu.Lock()
	defer limit.mu.Unlock()
	if d := limit.delay(time.Now()); d > 0 {
		return page{}, false, d, nil
	}
	p, ok, wait, err := s.claim(ctx, c.Name())
	if ok {
		limit.take(time.Now())
	}
	return p, ok, wait, err
}

// attempt sends a page and records the answer.
func (s *Store) attempt(ctx context.Context, c notify.Channel, p page) {
	sending, cancel := context.WithTimeout(context.WithoutCancel(ctx), s.timeout(c))
	defer cancel()
	defer context.AfterFunc(ctx, func() {
		sleep(sending, stopGrace, nil)
		cancel()
	})()
	s.flights.add(p, cancel)
	defer s.flights.remove(p)

	res := s.send(sending, c, p)
	if res.err != nil && ctx.Err() != nil && sending.Err() != nil {
		res.interrupted = true
	}
	s.metrics.observe(c.Name(), res)
	for try := 1; ; try++ {
		// Beyond ctx: a page that was sent and not recorded would be sent again.
		saving, done := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
		err := s.record(saving, p, res)
		done()
		if err == nil {
			return
		}
		s.log.Error("recording a page's result failed; trying again", "channel", c.Name(), "message", p.ID, "error", err)
		s.metrics.errors.Inc()
		if ctx.Err() != nil && try >= recordTries {
			return
		}
		sleep(context.WithoutCancel(ctx), errWait, nil)
	}
}

func (s *Store) timeout(c notify.Channel) time.Duration {
	if d := c.Limits().Timeout; d > 0 {
		return d
	}
	return notify.DefaultTimeout
}

// send renders the page from the incident as it is now and hands it to the
// channel.
func (s *Store) send(ctx context.Context, c notify.Channel, p page) result {
	inc, err := s.load(ctx, p.Incident)
	if err != nil {
		return result{err: err}
	}
	if !inc.State.waiting() { // acknowledged after the page was claimed
		return result{err: errors.New("acknowledged while it was to be sent")}
	}
	answer, err := c.Send(ctx, s.message(p, inc))
	return result{answer: answer, err: err, permanent: errors.Is(err, notify.ErrPermanent)}
}

// sleep waits for d, a wake-up or the end of ctx.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) {
	t := time.NewTimer(max(d, 0))
	defer t.Stop()
	select {
	case <-t.C:
	case <-wake:
	case <-ctx.Done():
	}
}

// wakers wakes all loops of Run.
type wakers struct {
	mu   sync.Mutex
	list []chan struct{}
}

func (w *wakers) add() <-chan struct{} {
	c := make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, c)
	return c
}

func (w *wakers) clear() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = nil
}

func (w *wakers) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.list {
		select {
		case c <- struct{}{}:
		default:
		}
	}
}

// flights are the attempts under way.
type flights struct {
	mu   sync.Mutex
	open map[string]flight // by message ID
}

type flight struct {
	incident string
	cancel   context.CancelFunc
}

func (f *flights) add(p page, cancel context.CancelFunc) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.open == nil {
		f.open = map[string]flight{}
	}
	f.open[p.ID] = flight{p.Incident, cancel}
}

func (f *flights) remove(p page) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.open, p.ID)
}

// stop interrupts all attempts of an incident.
func (f *flights) stop(incident string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, fl := range f.open {
		if fl.incident == incident {
			fl.cancel()
		}
	}
}
