package session

import (
	"sync"

	"weishao.dev/weishao/telemetry/sparkplug"
)

// inbox holds what the hub has said and the session has not yet acted on. Putting
// never waits, and what is put twice is held once.
type inbox struct {
	signal chan struct{} // has a token when there may be something to take

	mu      sync.Mutex
	pending orders
	payload sparkplug.Payload
	bad     uint64
}

// orders are commands taken together.
type orders struct {
	committed map[uint64]uint64 // by run
	resend    map[uint64]bool   // runs to send again behind what is committed
	resendAll bool
	rebirth   bool
	newEpoch  bool
	config    string // pushed; the later word counts
}

func newInbox() *inbox { return &inbox{signal: make(chan struct{}, 1)} }

// put takes an NCMD's payload. What is not a command is counted, and nothing of it
// is acted on.
func (b *inbox) put(message []byte) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.payload.Reset()
	if err := b.payload.Decode(message); err != nil {
		b.bad++
		return err
	}
	c, err := sparkplug.CommandOf(&b.payload)
	if err != nil {
		b.bad++
		return err
	}
	b.merge(c)
	select {
	case b.signal <- struct{}{}:
	default:
	}
	return nil
}

func (b *inbox) merge(c sparkplug.Command) {
	p := &b.pending
	for _, k := range c.Committed {
		if p.committed == nil {
			p.committed, p.resend = map[uint64]uint64{}, map[uint64]bool{}
		}
		p.committed[k.Run] = k.Seq // the later word counts: a hub may have lost its memory
		if c.Resend {
			p.resend[k.Run] = true
		}
	}
	p.resendAll = p.resendAll || c.Resend && len(c.Committed) == 0
	p.rebirth = p.rebirth || c.Rebirth
	p.newEpoch = p.newEpoch || c.NewEpoch
	if c.Config != "" {
		p.config = c.Config
	}
}

// take empties the inbox.
func (b *inbox) take() orders {
	b.mu.Lock()
	defer b.mu.Unlock()
	o := b.pending
	b.pending = orders{}
	return o
}
