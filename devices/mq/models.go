package mq

import "time"

// Curve is ppm = A·(Rs/R0)^B, as fitted to the data sheet's graph between Least and
// Most ppm.
type Curve struct {
	A, B        float64
	Least, Most float64
	Source      string
}

// Model is what is known of one type of sensor.
type Model struct {
	Name     string
	CleanAir float64 // Rs/R0 in clean air
	Gases    []Gas   // the first is the default
	WarmUp   time.Duration
	Cross    string // what else moves it
}

// Gas is what a model can be used for.
type Gas struct {
	Metric string
	Curve  Curve
	Cycled bool // measured at the end of the heater's low phase
}

// Heater cycle of MQ-7 and MQ-9 (data sheet MQ-7, table "standard working condition":
// VH high 5 V for 60 s, low 1.4 V for 90 s).
const (
	heatHigh = 60 * time.Second
	heatLow  = 90 * time.Second
)

// Where the numbers come from.
const (
	fits = "power fits to the data sheets' graphs as published with the MQSensorsLib library (github.com/miguel5612/MQSensorsLib)"
	// The same source, but the number was not compared with a second one.
	fitsOnce = fits + "; not compared with a second source"
)

// Models by kind. Warm-up is what modules' makers advise before a reading is used; the
// data sheets give only the preheat of 24 h (MQ-7: 48 h) before calibration.
var Models = map[string]Model{
	"mq2": {Name: "MQ-2", CleanAir: 9.83, WarmUp: 3 * time.Minute, Cross: "hydrogen, alcohol, smoke, CO",
		Gases: []Gas{{Metric: "gas.lpg", Curve: Curve{574.25, -2.222, 200, 10_000, fits}}}},
	"mq4": {Name: "MQ-4", CleanAir: 4.4, WarmUp: 3 * time.Minute, Cross: "LPG; alcohol and smoke little",
		Gases: []Gas{{Metric: "gas.ch4", Curve: Curve{1012.7, -2.786, 200, 10_000, fits}}}},
	"mq5": {Name: "MQ-5", CleanAir: 6.5, WarmUp: 3 * time.Minute, Cross: "hydrogen; alcohol and CO little",
		Gases: []Gas{
			{Metric: "gas.lpg", Curve: Curve{80.897, -2.431, 200, 10_000, fits}},
			{Metric: "gas.ch4", Curve: Curve{177.65, -2.56, 200, 10_000, fits}},
		}},
	"mq6": {Name: "MQ-6", CleanAir: 10, WarmUp: 3 * time.Minute, Cross: "methane, hydrogen; alcohol little",
		Gases: []Gas{{Metric: "gas.lpg", Curve: Curve{1009.2, -2.35, 200, 10_000, fitsOnce}}}},
	"mq7": {Name: "MQ-7", CleanAir: 27.5, WarmUp: 2 * (heatHigh + heatLow), Cross: "hydrogen",
		Gases: []Gas{{Metric: "co", Curve: Curve{99.042, -1.518, 20, 2_000, fits}, Cycled: true}}},
	"mq9": {Name: "MQ-9", CleanAir: 9.6, WarmUp: 2 * (heatHigh + heatLow), Cross: "hydrogen; each of its gases moves the others",
		Gases: []Gas{
			{Metric: "co", Curve: Curve{599.65, -2.244, 10, 1_000, fitsOnce}, Cycled: true},
			{Metric: "gas.lpg", Curve: Curve{1000.5, -2.186, 200, 10_000, fitsOnce}},
			{Metric: "gas.ch4", Curve: Curve{4269.6, -2.648, 200, 10_000, fitsOnce}},
		}},
}
