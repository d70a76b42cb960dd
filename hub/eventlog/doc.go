// Package eventlog is the hub's log: an ordered sequence of records, each
// written once, fsynced before Append returns, kept for two weeks, read by any
// number of consumers at their own pace. It is one JetStream stream, in the
// embedded server or in a NATS cluster.
//
// What it promises:
//
//   - One writer. Each record is written on condition that the log ends where
//     the writer last saw its end; a second writer makes one of the two fail with
//     ErrFenced instead of mixing with it.
//   - Append's nil means that the record is on disk, once. When the answer of the
//     server is lost, Append finds out whether the record is there before it goes
//     on: nothing is doubled and nothing is lost.
//   - Record.Seq counts up by one from record to record. Record.Arrival never
//     goes back, whatever the clock does: Append moves it forward to that of the
//     record before.
//   - Readers see the records in order, each once, and are woken for a new one
//     within milliseconds. A reader that is slower than the writer slows nobody.
//     One that falls behind the retention continues with the oldest record there
//     is; it sees that by the jump in Seq.
//
// The stream's sequence is the record's position, so positions are good for as
// long as the stream lives. A stream is never purged or edited: deletes are
// denied by its configuration.
package eventlog
