// Package history says what a store of time series is to the rest of the hub:
// readings go in with the log position that they came with, and charts come out.
// What it holds is made from the log and may lag behind it; the log is what
// verdicts depend on. embedded is the store that needs no server, influx the one
// on an InfluxDB server.
package history

import (
	"context"
	"errors"

	"weishao.dev/weishao/telemetry"
)

// ErrUnknownSeries says that nothing has ever been stored for a device's metric.
var ErrUnknownSeries = errors.New("history: no such series")

// ErrTooManyPoints says that a query's answer would have more than MaxPoints
// points: ask for a shorter time or a longer step.
var ErrTooManyPoints = errors.New("history: too many points")

// MaxPoints is the most points that a query may answer with.
const MaxPoints = 200_000

// Store keeps time series. One goroutine appends, any number query. Both the
// embedded store and InfluxDB implement it.
type Store interface {
	// Append stores readings that came with log position pos. Appending the same
	// position again after a restart changes nothing. Points with a fault quality
	// are kept as fault spans beside the values. It returns once the data is
	// accepted, not necessarily on disk: after a restart the caller appends again
	// everything after Position.
	Append(ctx context.Context, pos uint64, samples []Sample) error
	// Sync makes everything appended so far durable and moves Position there.
	Sync(ctx context.Context) error
	// Position is the log position up to which everything is durably stored.
	Position() uint64
	// Query answers min, mean, max and count by step, [from, to) in Unix ms; steps
	// begin at multiples of the step since 1970, and those without points are left
	// out. A step of 0 gives raw points (min = mean = max, count 1). Errors:
	// ErrUnknownSeries, ErrTooManyPoints.
	Query(ctx context.Context, q Query) (Series, error)
	Close() error
}

// Sample is one point of one device.
type Sample struct {
	Device string
	telemetry.Point
}

// Query asks for one device's metric.
type Query struct {
	Device, Metric string
	From, To, Step int64 // Unix ms; Step in ms
}

// Series answers a Query.
type Series struct {
	Points []Bucket
	Faults []FaultSpan
}

// Bucket is what happened in [Time, Time+step).
type Bucket struct {
	Time           int64
	Min, Mean, Max float64
	Count          int64
}

// FaultSpan is a stretch of time in which the sensor measured nothing.
type FaultSpan struct {
	From    int64             `json:"from"`
	To      int64             `json:"to"` // time of the next point that was measured; 0 while it lasts
	Quality telemetry.Quality `json:"-"`
	Reason  string            `json:"reason"`
}
