// Package record is what the hub's log holds: one Record per commit, with all
// that a verdict depends on, and its binary form.
//
// A Record carries the hub's arrival time and a list of entries in the order
// they were accepted. Consumers see records in log order, each exactly once;
// Seq, the position in the log, is given by the log and is not encoded.
//
// # Binary form, version 1
//
//	+---------+---------+-------+-----------------+--------+
//	| version | arrival | count | count entries   | CRC32C |
//	| 1 byte  | varint  | uvar. |                 | 4, LE  |
//	+---------+---------+-------+-----------------+--------+
//
// uvar. is an unsigned LEB128 number, varint a zigzag-coded signed one, LE
// little-endian. The CRC (Castagnoli) covers all bytes before it. An entry is a
// kind byte and its fields:
//
//	1 Readings     device str | source src | first uvar. | flags 1 (bit 0: backlog) | n uvar. | n points
//	2 NodeBirth    node str | flags 1 (bit 0: ours, 1: forked) | epoch 16 | n uvar. | n runs
//	3 NodeDeath    node str
//	4 DeviceBirth  device str | model str | serial str | placement str | interval varint | n uvar. | n metrics str
//	5 DeviceDeath  device str
//	6 Drained      node str
//	7 Lost         node str | source src | from uvar. | to uvar. | reason str
//	8 Site         version str | file
//	9 Rules        version str | n uvar. | n files
//	10 Tick
//	11 Resumed
//
//	point  head uvar. | [quality 1] | time varint | [value 8, LE float64]
//	run    source src | parent uvar. | kind 1 | oldest uvar. | next uvar. | n uvar. | n (from uvar. | to uvar.)
//	file   name str | length uvar. | bytes
//
// str is a reference to the record's dictionary of strings, which is written as
// it is needed: a uvar. below the number of strings seen so far in this record
// names one of them; one equal to it introduces the next, length (uvar.) and
// bytes. src is the same for the pairs of epoch (16 bytes) and run (uvar.) that
// outbox sequences belong to. A point's head is its metric's str reference times
// two, plus one if a quality byte follows, which is so unless it is good; when
// the metric is new, its text follows the head. A point's time is the difference
// from the point before it in the record, from arrival for the first. A fault
// has no value.
//
// So a good reading takes 10 to 12 bytes. A Decoder reuses its memory and
// allocates nothing once it has seen the strings and sizes that a log has; an
// Encoder likewise.
package record
