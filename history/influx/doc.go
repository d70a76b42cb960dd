// Package influx is the history store on an InfluxDB v2 server, or a 1.8 one by
// its v2 interface (there the bucket is called "database/retention").
//
// # What is written
//
// One line per reading, times in ms; measurement is the metric, tag device:
//
//	gas.ch4,device=beixin/gw-17/gas-301 value=3.2 1795392000000
//	gas.ch4,device=beixin/gw-17/gas-301 quality="no_response" 1795392010000
//	gas.ch4,device=beixin/gw-17/gas-301 value=3.3,quality="good" 1795392020000
//
// Field value is a number and stands only where something was measured. Field
// quality stands wherever the quality is not good, and on a good reading where
// that ends a fault or might: the first of a series since Open, after a fault,
// after a silence of a minute, and any that comes late. Faults so are spans
// without one string per reading. A fault that comes late between two good
// readings less than a minute apart that were already written is taken to last
// until the next quality on record.
//
// Writing a point again changes nothing, so that readings may be appended again.
//
// # What is promised
//
// Append collects lines and sends them in batches of at most 5,000, blocking, one
// at a time: when it is behind, so is its caller, and the log holds the data.
// A batch that the server does not take is sent again, with back-off, until it
// is taken or ctx ends. Not the client's asynchronous writer, which loses data:
// its retry buffer counts batches and drops them.
//
//   - 400, 413 and 422 are about the data. The batch is halved until the lines at
//     fault stand alone; those go to quarantine.jsonl with the server's reason and
//     are counted. Of the rest nothing is lost.
//   - 401, 403 and 404 are for the operator: Options.Alarm is called, once until
//     it is over, and the batch is tried again.
//   - everything else (5xx, 429, no connection) is tried again.
//
// Sync sends what is collected and moves the position by durable replace of the
// file position.json. InfluxDB acknowledges a write when its own log is fsynced,
// so whatever is up to Position survives the server's death too. A position
// belongs to a server and bucket: with another one it begins at 0, and the
// history is filled again from the log.
package influx
