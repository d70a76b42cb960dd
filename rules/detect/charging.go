package detect

// chargingState is the plain state of the charging detector.
type chargingState struct {
	Last  int64
	Dose  float64
	Value float64
	Known bool
}

type chargingDetector struct{ s chargingState }

func newCharging(string) Detector { return &chargingDetector{} }

func (d *chargingDetector) Observe(_ int, t int64, v float64) {
	d.s.Last, d.s.Value, d.s.Known = t, v, true
}
func (d *chargingDetector) Gap(_ int, _ int64)                 { d.s.Known = false }
func (d *chargingDetector) Wake() int64                        { return 0 }
func (d *chargingDetector) Advance(int64)                      {}
func (d *chargingDetector) Output(int) (float64, bool)         { return d.s.Dose, d.s.Known }
func (d *chargingDetector) Clone() Detector                    { c := *d; return &c }
func (d *chargingDetector) CopyFrom(o Detector)                { *d = *o.(*chargingDetector) }
func (d *chargingDetector) AppendState(b []byte) []byte        { return appendState(b, 1, &d.s) }
func (d *chargingDetector) LoadState(b []byte) ([]byte, error) { return loadState(b, 1, &d.s) }
