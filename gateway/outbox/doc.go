// Package outbox keeps a gateway's readings on disk until the hub says that
// they are committed.
//
// # Promises
//
//   - A reading becomes readable only after the file that holds it was synced
//     (fdatasync; a new file's directory too). Append returns then: one sync
//     for all its readings (group commit).
//   - A reading keeps its epoch, run and sequence for ever. Sequences of a run
//     are contiguous from 1. A run ends with the process, with the connection
//     that left something uncommitted, or with the disk; a closed run is never
//     written again.
//   - Only Committed trims. What is dropped for size, for age, or because the
//     card damaged it is counted, logged, and told as a range of its run.
//   - A card that fails (full, read-only, I/O error, an operation that hangs, an open
//     run that cannot be read back) silences nothing: readings go on in memory, in runs
//     of an epoch of their own, marked volatile, at most Options.MemoryReadings of them,
//     the oldest dropped first.
//     The disk is tried again every Options.Retry, and used again once it works; alarms
//     do not wait for a try that hangs.
//   - A run of which the card gives back nothing but errors stays where it is, and is tried
//     again by the next start; it does not keep the card from being used.
//   - No content of the files makes the package panic. A torn tail is cut off; a
//     damaged block costs its own readings only, and the file that holds it is kept
//     beside the outbox with the suffix ".damaged" instead of being deleted.
//
// # Identity
//
// The epoch is one life of one card. It is new when the directory is new, when
// the machine's fingerprint (the card's CID and /etc/machine-id) is not the one
// stored beside it, and when NewEpoch is called because the hub saw a fork. Old
// runs keep the epoch they were written in.
//
// A run's ID is counter<<32 | 32 random bits. The counter only grows on a card, so
// IDs sort by age. A live run's parent is the live run opened before it in its
// epoch (0 for the first); an alarm run's parent is the alarm run before it, and the
// first one's is an ID that no run has. So within an epoch no two runs share a
// parent, unless the card was cloned or an image of it restored.
//
// # Files
//
//	LOCK                  held while the outbox is open
//	epoch                 JSON: format, epoch, fingerprint; replaced durably
//	state                 JSON: counter, last runs, committed positions, lost ranges; replaced durably
//	RRRRRRRRRRRRRRRR-FFFFFFFFFFFFFFFF.seg   run and first sequence in hex
//
// Positions in state may lag: the hub tells them again after each birth.
// A segment is a header and blocks; integers are little-endian:
//
//	header   0  8  "WSHOBX1\n"          block   0  4  0xB1 0x0C 0x5E 0xA1
//	         8 16  epoch                        4  4  length of payload
//	        24  8  run                          8  4  number of readings
//	        32  8  parent                      12  8  sequence of the first
//	        40  8  first sequence              20  4  CRC32C of bytes 0-19 and the payload
//	        48  1  kind: 0 live, 1 alarm       24  .  payload
//	        49  3  zero
//	        52  4  CRC32C of bytes 0-51
//
// A payload is a series of items. uv is a varint, zz a zigzag varint, as in
// encoding/binary:
//
//	0x01 uv(n) uv(length) bytes    device n of this segment has this name
//	0x02 uv(n) uv(length) bytes    metric n of this segment has this name
//	0x03 uv(device) uv(n)          n readings of a device follow, each:
//	       uv(metric)
//	       zz(milliseconds since the reading before it in this block; since 1970 for the first)
//	       quality | form<<4  one byte
//	       form 0             no value (a fault)
//	       form 1..10         zz(v · 10^(form-1)): a value of at most nine decimals, exactly
//	       form 15            8 bytes, the IEEE 754 bits
//
// At 1 Hz and one metric per device a reading takes 7 to 14 bytes.
package outbox
