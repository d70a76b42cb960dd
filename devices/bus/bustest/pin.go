package bustest

import (
	"sync"

	"weishao.dev/weishao/devices/bus"
)

// Pin is a GPIO line that can be set and can fail.
type Pin struct {
	mu    sync.Mutex
	level bool
	err   error
	hung  chan struct{}
	Outs  []bool // what was written to it
}

// Set is the level from now on.
func (p *Pin) Set(level bool) { p.mu.Lock(); defer p.mu.Unlock(); p.level, p.err = level, nil }

// Fail makes every use of the line fail until it is set.
func (p *Pin) Fail(err error) { p.mu.Lock(); defer p.mu.Unlock(); p.err = err }

// Hang makes the line not answer until the function is called.
func (p *Pin) Hang() (release func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := make(chan struct{})
	p.hung = c
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.hung = nil
		close(c)
	}
}

func (p *Pin) wait() {
	p.mu.Lock()
	c := p.hung
	p.mu.Unlock()
	if c != nil {
		<-c
	}
}

// Close, In and Out make it a bus.GPIO.
func (p *Pin) Close() error { return nil }

func (p *Pin) In(bus.Pull) (bool, error) {
	p.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.level, p.err
}

func (p *Pin) Out(level bool) error {
	p.wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.err == nil {
		p.level = level
		p.Outs = append(p.Outs, level)
	}
	return p.err
}

// Buses has the line at every number of every chip.
func (p *Pin) Buses() *bus.Buses {
	return bus.New(bus.Openers{GPIO: func(string, int) (bus.GPIO, error) { return p, nil }})
}
