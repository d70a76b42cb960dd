package detect

// fireState is the plain state of the fire detector.
type fireState struct {
	Last  int64
	Dose  float64
	Value float64
	Known bool
}

type fireDetector struct{ s fireState }

func newFire(string) Detector { return &fireDetector{} }

func (d *fireDetector) Observe(_ int, t int64, v float64) {
	d.s.Last, d.s.Value, d.s.Known = t, v, true
}
func (d *fireDetector) Gap(_ int, _ int64)                 { d.s.Known = false }
func (d *fireDetector) Wake() int64                        { return 0 }
func (d *fireDetector) Advance(int64)                      {}
func (d *fireDetector) Output(int) (float64, bool)         { return d.s.Dose, d.s.Known }
func (d *fireDetector) Clone() Detector                    { c := *d; return &c }
func (d *fireDetector) CopyFrom(o Detector)                { *d = *o.(*fireDetector) }
func (d *fireDetector) AppendState(b []byte) []byte        { return appendState(b, 1, &d.s) }
func (d *fireDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 1, &d.s) }
