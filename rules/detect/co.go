package detect

// coState is the plain state of the CO detector.
type coState struct {
	Last  int64
	Dose  float64
	Value float64
	Known bool
}

type coDetector struct{ s coState }

func newCO(string) Detector { return &coDetector{} }

func (d *coDetector) Observe(_ int, t int64, v float64)  { d.s.Last, d.s.Value, d.s.Known = t, v, true }
func (d *coDetector) Gap(_ int, _ int64)                 { d.s.Known = false }
func (d *coDetector) Wake() int64                        { return 0 }
func (d *coDetector) Advance(int64)                      {}
func (d *coDetector) Output(int) (float64, bool)         { return d.s.Dose, d.s.Known }
func (d *coDetector) Clone() Detector                    { c := *d; return &c }
func (d *coDetector) CopyFrom(o Detector)                { *d = *o.(*coDetector) }
func (d *coDetector) AppendState(b []byte) []byte        { return appendState(b, 1, &d.s) }
func (d *coDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 1, &d.s) }
