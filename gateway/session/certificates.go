package session

import (
	"time"

	"weishao.dev/weishao/telemetry/sparkplug"
)

// birthPause is the least time between two births of one connection. Nothing is sent
// while one is due: a hub refuses what was not announced.
const birthPause = 250 * time.Millisecond

// birth declares the node, its runs and its devices.
func (c *connection) birth() error {
	s := c.s
	c.born = time.Now()
	c.generation = s.deps.Outbox.Generation()
	epoch, runs := s.deps.Outbox.Declare()
	config := s.reported()
	n := sparkplug.NodeBirth{Timestamp: s.deps.Clock.NowMS(), BdSeq: s.bdSeq, Ours: true, Epoch: epoch, Version: s.cfg.Version, Config: config.version, ConfigBad: config.problem}
	c.config = config.change
	for _, r := range runs {
		n.Runs = append(n.Runs, r.Run)
	}
	c.buf = sparkplug.AppendNodeBirth(c.buf[:0], &n)
	c.seq = 0
	if err := c.publish(s.topic(sparkplug.NBIRTH), c.buf); err != nil {
		return err
	}
	for _, id := range s.names.order {
		if err := c.deviceBirth(id, s.names.devices[id]); err != nil {
			return err
		}
	}
	c.lanes.declare(runs, c.born)
	if c.goBack {
		c.lanes.rewindAll(c.born)
	}
	c.due, c.goBack = false, false
	s.mu.Lock()
	s.status.Births++
	s.mu.Unlock()
	return nil
}

func (c *connection) deviceBirth(id string, a *announced) error {
	c.seq++
	a.birth.Timestamp, a.birth.Seq = c.s.deps.Clock.NowMS(), c.seq
	c.buf = sparkplug.AppendDeviceBirth(c.buf[:0], &a.birth)
	return c.publish(c.s.deviceTopic(sparkplug.DBIRTH, id), c.buf)
}

// death says that the node ends on purpose.
func (c *connection) death() error {
	return c.publish(c.s.topic(sparkplug.NDEATH), sparkplug.AppendDeath(c.buf[:0], c.s.deps.Clock.NowMS(), c.s.bdSeq))
}

// buryGhosts says of devices that are not configured that they are no more.
func (c *connection) buryGhosts() error {
	for _, id := range c.s.names.ghosts() {
		c.seq++
		p := sparkplug.Payload{Timestamp: c.s.deps.Clock.NowMS(), HasTimestamp: true, Seq: uint64(c.seq), HasSeq: true}
		c.buf = p.Append(c.buf[:0])
		if err := c.publish(c.s.deviceTopic(sparkplug.DDEATH, id), c.buf); err != nil {
			return err
		}
	}
	return nil
}
