// Package sparkplug is the wire: Sparkplug B 3.0 topics and payloads, and what
// Weishao's own gateways and hub say to each other inside them.
//
// It has two layers.
//
// The lower one is the standard. ParseTopic and Topic.String read and write
// topic names; Payload.Decode and Payload.Append read and write the protobuf
// payload. Decoding is hand-written over the protobuf wire format because it is
// the hub's hottest loop: a Payload is reused from message to message, its byte
// slices alias the message, and in the steady state nothing is allocated.
// Datasets, templates, metadata and unknown fields are stepped over. Any bytes
// may be handed to Decode: it never panics, never reads a length it was not
// given, holds at most MaxMetrics metrics, and answers bad input with a
// *DecodeError that says where.
//
// The upper one is our own convention within the standard, in one place so that
// gateway and hub cannot disagree about a name: NodeBirth, DeviceBirth, Data,
// Command and the certificate of death each have an Append function for the side
// that sends and an Of function for the side that receives.
//
// What our data looks like:
//
//	DDATA  seq, timestamp
//	  metric alias 1 (weishao/run)   UInt64  run ID
//	  metric alias 2 (weishao/seq)   UInt64  sequence of the first reading
//	  metric alias n >= 16           timestamp (ms), double value
//	    is_historical                        the run is a backlog
//	    properties, unless quality is good:
//	      Quality          Int32     0 bad, 500 stale or doubtful
//	      weishao/quality  String    the reason, a telemetry.Quality
//
// The readings of a message are of one device and have consecutive sequences.
// A fault has is_null set and no value. A node that declares no weishao/epoch in
// its birth is not ours and is read with the lower layer alone.
package sparkplug
