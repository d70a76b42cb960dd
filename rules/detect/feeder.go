package detect

// feederState is the plain state of a watched dwelling feeder.
type feederState struct{ Last int64 }

func (s *feederState) observe(t int64, v float64)   {}
func (s *feederState) nonActive(n float64)          {}
func (s *feederState) gap(t int64)                  {}
func (s *feederState) wake() int64                  { return 0 }
func (s *feederState) advance(t int64)              {}
func (s *feederState) output(i int) (float64, bool) { return 0, false }
