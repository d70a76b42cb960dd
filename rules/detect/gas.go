package detect

// gasState is the plain state of the gas detector.
type gasState struct {
	Last  int64
	Dose  float64
	Value float64
	Known bool
}

type gasDetector struct{ s gasState }

func newGas(string) Detector { return &gasDetector{} }

func (d *gasDetector) Observe(_ int, t int64, v float64)  { d.s.Last, d.s.Value, d.s.Known = t, v, true }
func (d *gasDetector) Gap(_ int, _ int64)                 { d.s.Known = false }
func (d *gasDetector) Wake() int64                        { return 0 }
func (d *gasDetector) Advance(int64)                      {}
func (d *gasDetector) Output(int) (float64, bool)         { return d.s.Dose, d.s.Known }
func (d *gasDetector) Clone() Detector                    { c := *d; return &c }
func (d *gasDetector) CopyFrom(o Detector)                { *d = *o.(*gasDetector) }
func (d *gasDetector) AppendState(b []byte) []byte        { return appendState(b, 1, &d.s) }
func (d *gasDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 1, &d.s) }
