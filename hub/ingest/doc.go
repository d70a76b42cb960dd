// Package ingest takes what gateways say from the broker to the log: it checks
// each message, puts what passes into records, and tells the gateway that it may
// forget them once they are fsynced. It is the log's only writer.
//
// # Promises
//
//   - A reading of one of our own nodes is in the log exactly once, identified by
//     (node, epoch, run, sequence), however often and in whatever order the wire
//     brings it. Within a run readings are committed in sequence, without holes:
//     a message that begins beyond the next expected sequence is dropped and asked
//     for again, what was committed before is skipped.
//   - The acknowledgement leaves after the log's fsync, never before.
//   - A hole that will never be filled is a Lost entry in the log; one that may
//     still be filled shows in Gaps. Nothing is missing silently.
//   - Bad input is counted by kind, node and device, never becomes a reading, and
//     stops nothing. A reading of our own nodes that cannot be accepted still uses
//     up its sequence, so the gateway does not send it for ever: the log has no
//     word of it (a hole between Readings entries), the counters have.
//   - Two cards that share one history, a clone or a restored image, are reported
//     (NodeBirth.Forked) and told to take a new epoch.
//
// # How a message goes
//
//	Handle ─▶ queue ─▶ builder: decode, check, dedupe ─▶ batch ─▶ appender: log.Append ─▶ acker: NCMD
//
// Handle never blocks: the queue is bounded and what does not fit is dropped and
// counted; our own gateways send it again. One goroutine, the builder, owns all
// state. While one batch is being written the next one fills, so that the batch
// grows with the load (group commit); an idle log takes a message within Linger.
//
// The state (how far each run is committed, which node is online, what was lost)
// is a pure function of the log: it comes from a snapshot and the records after
// it, or from the whole log where there is no snapshot. See state.
//
// # Foreign Sparkplug nodes
//
// A node that declares no weishao/epoch is not ours. Its readings are taken as
// they come, once per message received; a gap in its Sparkplug message counter
// asks for a rebirth. Values in its birth certificates are readings too, as
// Sparkplug means them. Metrics that it reports of itself (NBIRTH, NDATA) belong
// to the device NodeDevice. Names are mapped by the site; units are converted
// where the certificate names one that the catalogue can convert. A reading
// without a time has that of its message, or else of its arrival.
//
// # Cost
//
// Measured with BenchmarkBroker (real MQTT clients in another process, messages
// of 10 readings, fsynced log, both on the same 2 cores, busy with other work too):
// 400,000 to 870,000 readings a second at 1.07 to 1.27 µs of the hub's CPU each,
// 4,000 readings to a record. The profile then: 38 % reading and routing MQTT in
// nats-server, 10 % the pipe from it, 13 % this package (5 % decoding, 5 % checking),
// 10 % JetStream and its fsyncs, 4 % encoding, 5 % garbage collection, most of it
// nats-server's. Nothing is allocated per reading or per message here. What
// helped: hearing NATS without its library (a fifth of all CPU, see broker's tap),
// decoding DDATA in one step, handing messages over by the slice.
//
// Where readings come slowly the cost is per wake-up and fsync: at 10,000 readings
// a second BenchmarkLinger took 45, 35 and 28 µs a reading with a Linger of 0, 2 and
// 5 ms, which is why it is 5.
//
// # Bounds of time
//
// A reading more than MaxFuture ahead of the hub's clock or more than MaxPast
// behind it is bad input.
package ingest

import "time"

// Bounds of a reading's time against the hub's clock.
const (
	MaxFuture = time.Hour
	MaxPast   = 31 * 24 * time.Hour
)

// NodeDevice is the device that a foreign node's own metrics belong to:
// "group/node/_node".
const NodeDevice = "_node"
