package outbox

import (
	"errors"
	"path/filepath"
	"time"

	"weishao.dev/weishao/telemetry/record"
)

// failLocked goes on in memory.
func (o *Outbox) failLocked(err error) {
	if o.failing == nil {
		o.since = o.opts.Now()
		o.opts.Log.Error("the outbox's disk fails: readings are held in memory and marked volatile; check or change the card",
			"dir", o.opts.Dir, "error", err, "limit_readings", o.opts.MemoryReadings)
	}
	o.failing = err
	o.retryAt = o.opts.Now().Add(o.retry)
	o.retry = min(2*o.retry, max(5*time.Minute, o.opts.Retry))
	if o.current[record.Live] == nil || o.current[record.Live].mem == nil {
		o.openMemoryRuns(true)
	}
}

// maintain does what has to be done now and then: it tries a failed disk again,
// keeps the bounds, and stores positions. The caller holds the live lane.
func (o *Outbox) maintain() {
	now := o.opts.Now()
	o.mu.Lock()
	failing, due := o.failing != nil, !now.Before(o.retryAt)
	o.mu.Unlock()
	switch {
	case failing && due && o.hung.Load() == 0:
		o.resume()
	case !failing:
		o.bound(now)
		o.storePositions(now)
	}
}

// resume uses the disk again if it works. Whether it hangs is found out before anybody
// has to wait for it.
func (o *Outbox) resume() {
	if err := o.bounded(o.probe, nil); errors.Is(err, errStalled) {
		o.mu.Lock()
		o.failLocked(err)
		o.mu.Unlock()
		return
	}
	o.lanes[record.Alarm].Lock()
	defer o.lanes[record.Alarm].Unlock()
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, r := range o.runs { // closed by one who did not hold its lane
		if !r.open && r.w != nil {
			r.w.close()
			r.w = nil
		}
	}
	if err := o.startDisk(); err != nil {
		o.failLocked(err)
		return
	}
	o.opts.Log.Info("the outbox's disk works again", "dir", o.opts.Dir, "failed_for", o.opts.Now().Sub(o.since).String())
	o.failing = nil
}

// probe writes a file as a commit and what goes before it do, and takes it away. What
// else may fail is found out by startDisk.
func (o *Outbox) probe() error {
	path := filepath.Join(o.opts.Dir, "probe.tmp")
	return errors.Join(replace(o.opts.FS, path, []byte{0}), o.opts.FS.Remove(path))
}
