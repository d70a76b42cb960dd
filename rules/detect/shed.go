package detect

// In a shed charging is what the place is for. What is wrong there is a charge that
// does not end as charges do. Each charger holds its current until the battery's
// voltage is reached, then the current tapers and stops. In a battery that
// overheats the voltage never gets there, or falls again while it is held, so that
// the current climbs (thermal runaway); a charger or a battery's protection that
// overheats cuts out and comes back. So there are three marks:
//
//   - overdue: no taper, counted from 7 h on; the longest ordinary bulk, of a
//     flat lead-acid pack, is 8 to 9 h (M), a big one's 11;
//   - a climb during the taper, by more than a twelfth of the highest power, slow
//     and by itself: another bike that is plugged in comes at once;
//   - restarts: after a charge that tapered to its end, loads that switch on
//     within half an hour and off by themselves within 45 min, all alike.
const (
	shedOverdue  = 7.0      // h
	shedOverdueW = 7.5      // h more until it is certain
	shedTapered  = 0.7      // of the highest power: the taper has come
	shedClimb    = 0.08     // of the highest power above the taper's lowest, and
	shedClimbW   = 0.10     // more until it is certain
	shedBlock    = 300_000  // ms: power is looked at in means over this
	shedPlugged  = 0.08     // of the highest power within two blocks: another bike
	shedShort    = 2700_000 // ms: what is on for longer is a charge
	shedPause    = 1800_000 // ms: what pauses for longer begins anew
	shedAlike    = 0.3      // of the last restart's power
	shedForget   = 3600_000 // ms after the last restart
	shedPerOne   = 0.3      // likelihood for each restart
	shedWakes    = 900_000  // ms: how often a silent charge is looked at
	hourMS       = 3600_000.0
)

// shedState follows the sessions of a shed's socket.
type shedState struct {
	On       bool
	Tapered  bool  // the present session has
	Ended    bool  // the last full session tapered to its end, and nothing else began
	Begun    int64 // Unix ms: start of the session, or of the last bike plugged in
	Drew     int64 // last reading at which it drew
	BlockAt  int64
	Sum      float64 // of the present block
	N        float64
	Blocks   int64      // that the session has had
	Means    [2]float64 // of the last blocks, the newest first
	Low      float64    // W: lowest mean of the session
	Level    float64    // W of the last session, or the present one
	Last     float64    // W of the last one
	Off      int64      // when it ended
	Restarts int64
}

// watch takes the socket as it is after a reading at t.
func (d *shedState) watch(t int64, s *socketState) {
	switch {
	case s.On && !d.On:
		d.begin(s)
	case !s.On && d.On:
		d.end()
	}
	if d.Restarts > 0 && !d.On && t-d.Off > shedForget {
		d.Restarts, d.Ended = 0, false
	}
	if d.On && s.OffSince == 0 {
		d.follow(t, s)
	}
}

func (d *shedState) begin(s *socketState) {
	d.On, d.Tapered, d.Begun, d.Drew = true, false, s.Since, s.Since
	d.BlockAt, d.Sum, d.N, d.Blocks, d.Last = s.Since, 0, 0, 0, d.Level
	if d.Off == 0 || s.Since-d.Off > shedPause {
		d.Ended, d.Restarts = false, 0
	}
}

// end counts what went off as a charge, or as a restart after one.
func (d *shedState) end() {
	alike := d.Restarts == 0 || d.Level < d.Last*(1+shedAlike) && d.Level > d.Last*(1-shedAlike)
	switch {
	case d.Drew-d.Begun >= shedShort:
		d.Ended, d.Restarts = d.Tapered, 0
	case d.Ended && alike:
		d.Restarts++
	case d.Ended:
		d.Restarts = 1
	}
	d.On, d.Off = false, d.Drew
}

func (d *shedState) follow(t int64, s *socketState) {
	d.Drew, d.Level = t, s.Level
	d.Sum += s.Value - s.Idle
	d.N++
	if t-d.BlockAt < shedBlock {
		return
	}
	mean := d.Sum / d.N
	switch {
	case d.Blocks == 0:
		d.Low = mean
	case d.Blocks >= 2 && mean > d.Means[1]+float64(shedPlugged*s.Top):
		d.Begun, d.Tapered, d.Low = t, false, mean
	}
	d.Low = min(d.Low, mean)
	d.Tapered = d.Tapered || mean < float64(shedTapered*s.Top)
	d.Means = [2]float64{mean, d.Means[0]}
	d.BlockAt, d.Sum, d.N, d.Blocks = t, 0, 0, d.Blocks+1
}

// trouble is the likelihood that the charge goes wrong.
func (d *shedState) trouble(s *socketState) float64 {
	likely := share(float64(shedPerOne*float64(d.Restarts)), 1)
	switch {
	case !d.On || !s.Flagged || d.Blocks == 0:
		return likely
	case d.Tapered:
		return max(likely, share(d.Means[0]-d.Low-float64(shedClimb*s.Top), shedClimbW*s.Top))
	}
	return max(likely, share(float64(d.Drew-d.Begun)/hourMS-shedOverdue, shedOverdueW))
}

// wake is when a silent charge that is overdue is looked at again.
func (d *shedState) wake(s *socketState) int64 {
	if !d.On || !s.Known || !s.Flagged || s.OffSince != 0 || d.Tapered || d.Drew-d.Begun > int64((shedOverdue+shedOverdueW)*hourMS) {
		return 0
	}
	return max(d.Begun+int64(shedOverdue*hourMS), d.Drew) + shedWakes
}
