package edge

import (
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"
)

const (
	logLines = 1024        // that wait for whoever reads the log
	logFlush = time.Second // for what waits at the end
)

// patientLog is a log for which nobody waits. A journal that stands still, with its disk
// or for want of a reader, would otherwise hold up the goroutine that logs, and with it
// whoever waits for a lock of that one: the rules, and so a valve. Lines for which there
// is no room are counted, and the count is written when there is room again.
type patientLog struct {
	out   io.Writer
	lines chan []byte
	lost  atomic.Uint64
	stop  chan struct{}
	done  chan struct{}
}

// newLog is a logger on a writer that may block. flush writes what waits, if it can be
// written within logFlush; what is logged afterwards is lost.
func newLog(out io.Writer) (log *slog.Logger, flush func()) {
	l := &patientLog{out: out, lines: make(chan []byte, logLines), stop: make(chan struct{}), done: make(chan struct{})}
	go l.run()
	return slog.New(slog.NewTextHandler(l, nil)), l.flush
}

// Write takes a line, or counts it as lost. It does not wait.
func (l *patientLog) Write(line []byte) (int, error) {
	select {
	case l.lines <- append([]byte(nil), line...):
	default:
		l.lost.Add(1)
	}
	return len(line), nil
}

func (l *patientLog) run() {
	defer close(l.done)
	for {
		select { // what waits goes before the end
		case line := <-l.lines:
			l.write(line)
			continue
		default:
		}
		select {
		case line := <-l.lines:
			l.write(line)
		case <-l.stop:
			return
		}
	}
}

func (l *patientLog) write(line []byte) {
	_, _ = l.out.Write(line) // there is nobody left to tell
	if n := l.lost.Swap(0); n > 0 {
		_, _ = fmt.Fprintf(l.out, "time=%s level=WARN msg=\"the log could not be written for a while\" lines_lost=%d\n", time.Now().Format(time.RFC3339), n)
	}
}

func (l *patientLog) flush() {
	close(l.stop)
	select {
	case <-l.done:
	case <-time.After(logFlush):
	}
}
