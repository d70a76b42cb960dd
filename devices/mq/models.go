package mq

import (
	"math"
	"time"
)

// Curve is ppm = A·(Rs/R0)^B, as fitted to the data sheet's graph between Least and
// Most ppm.
type Curve struct {
	A, B        float64
	Least, Most float64
	Source      string
}

func (c Curve) ppm(ratio float64) float64 { return float64(c.A * math.Pow(ratio, c.B)) }

// Model is what is known of one type of sensor.
type Model struct {
	Name     string
	CleanAir float64 // Rs/R0 in clean air
	Gases    []Gas   // the first is the default
	WarmUp   time.Duration
	Cross    string // what else moves it

	Dependence *Dependence // on temperature and humidity; nil: we know no table with a source
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

// digitised is where the tables of temperature and humidity come from: cubic fits to the
// data sheets' graphs, here at every 10 °C. The data sheets call the graphs typical, and
// nobody has compared these with an element: provisional.
const digitised = "the data sheet's graph, as digitised in github.com/Altitude-Tech/Sensly (Sensly.py, MQ2_t_…, MQ7_t_…)"

var tens = []float64{-10, 0, 10, 20, 30, 40, 50}

var (
	mq2Air = Dependence{Temperature: tens, Humidity: []float64{30, 60, 85}, Source: digitised, Factor: [][]float64{
		{1.72, 1.56, 1.41, 1.27, 1.14, 1.01, 0.87},
		{1.46, 1.32, 1.20, 1.08, 0.96, 0.85, 0.74},
		{1.26, 1.15, 1.04, 0.93, 0.83, 0.74, 0.64},
	}}
	// A second digitisation, a quadratic fit, differs by −10 to 4 %.
	mq7Air = Dependence{Temperature: tens, Humidity: []float64{33, 85}, Source: digitised, Factor: [][]float64{
		{1.44, 1.16, 1.04, 1.01, 1.01, 0.98, 0.86},
		{1.17, 1.00, 0.91, 0.86, 0.84, 0.81, 0.74},
	}}
)

// Models by kind. Warm-up is what modules' makers advise before a reading is used; the
// data sheets give only the preheat of 24 h (MQ-7: 48 h) before calibration.
var Models = map[string]Model{
	"mq2": {Name: "MQ-2", CleanAir: 9.83, WarmUp: 3 * time.Minute, Cross: "hydrogen, alcohol, smoke, CO", Dependence: &mq2Air,
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
	"mq7": {Name: "MQ-7", CleanAir: 27.5, WarmUp: 2 * (heatHigh + heatLow), Cross: "hydrogen", Dependence: &mq7Air,
		Gases: []Gas{{Metric: "co", Curve: Curve{99.042, -1.518, 20, 2_000, fits}, Cycled: true}}},
	"mq9": {Name: "MQ-9", CleanAir: 9.6, WarmUp: 2 * (heatHigh + heatLow), Cross: "hydrogen; each of its gases moves the others",
		Gases: []Gas{
			{Metric: "co", Curve: Curve{599.65, -2.244, 10, 1_000, fitsOnce}, Cycled: true},
			{Metric: "gas.lpg", Curve: Curve{1000.5, -2.186, 200, 10_000, fitsOnce}},
			{Metric: "gas.ch4", Curve: Curve{4269.6, -2.648, 200, 10_000, fitsOnce}},
		}},
}
