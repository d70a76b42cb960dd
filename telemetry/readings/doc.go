// Package readings reads and writes recorded readings as CSV: what the demo
// replays, a backtest runs over, and a user exports from elsewhere.
//
//	time,device,metric,value,quality
//	2026-11-24T08:00:00.250Z,beixin/gw-17/kitchen-0301,gas.ch4,0.4,
//	1764000000.250,beixin/gw-17/kitchen-0301,gas.ch4,,no_response
//
// The header line is required; the column quality may be left out. Time is RFC
// 3339, or Unix seconds with decimals, and is rounded to milliseconds. The
// metric is one of the catalogue and the value in the catalogue's unit. The
// quality is a telemetry.Quality by name, empty for good; a fault has no value.
// Lines end in LF or CRLF, blank lines are stepped over, a UTF-8 byte order mark
// too. A field may stand in double quotes, within which "" is a quote; it may not
// run over the line's end. A file may be gzipped: its first bytes tell, not its
// name. Lines need not be in order of time, and come out as they stand.
//
// Reading is strict. A line that cannot become a reading is a *LineError, which
// says file, line, what is wrong and what would be right. One who wants the whole
// file or nothing stops there; one who would rather count bad lines goes on: the
// next line follows. After an error of the file itself (no header, broken gzip)
// nothing follows. Reader.Tolerant is the second way, made easy.
package readings
