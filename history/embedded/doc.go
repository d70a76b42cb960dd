// Package embedded is the history store that needs no server: raw points in a
// Prometheus TSDB, roll-ups and the position in an SQLite file beside it.
//
//	DIR/raw/       tsdb: one series per (device, metric), another for its faults
//	DIR/index.db   SQLite: position, series names, roll-ups by hour, hours to recompute
//
// # What is kept
//
// Raw points stay for Options.Raw (90 days), roll-ups by minute and by hour for
// Options.Rollups (5 years). Late points land at their own time if they are not
// older than Options.Late (7 days) before the newest point; older ones are
// counted in Stats.TooOld and not stored. A second point of a series at the same
// millisecond is a duplicate: one of the same value is ignored in silence, of
// one that differs the first is kept where the TSDB can tell (it always can
// while both are out of order or both the newest), and exactly one in any case.
//
// # Roll-ups
//
// The roll-ups of an hour are computed from its raw points once the hour is over
// (Options.Grace after it, by the points' own clock), all series in one pass.
// Points that arrive later mark (hour, series) as late; such hours are computed
// again from raw when they have been quiet for Options.Settle. Nothing is ever
// added up twice, because nothing is added up incrementally. Until an hour is
// rolled up, and again while it is marked, queries read its raw points, so an
// answer never depends on how far the roll-ups have come. They are not in a
// second TSDB because a TSDB cannot replace a sample.
//
// # What survives what
//
// Append is not fsynced. Sync fsyncs the TSDB's write-ahead logs and then, in one
// SQLite transaction (synchronous=FULL), stores the position, the names of new
// series and the late marks.
//
//   - After kill -9, all that Append returned for is there, and Position is that
//     of the last Sync.
//   - After a power cut, all up to Position is there; what came after it may be
//     missing in part.
//
// In both cases the caller appends again everything after Position: what is there
// already is a duplicate and changes nothing.
//
// # Goroutines
//
// Append, Sync and Close are for one goroutine; Query, Position and Stats for any
// number. Open starts one goroutine that makes the roll-ups, and the TSDB one that
// compacts; Close stops both.
package embedded
