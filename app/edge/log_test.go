package edge

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// stuckWriter takes nothing until it is released.
type stuckWriter struct {
	release chan struct{}
	text    strings.Builder
}

func (w *stuckWriter) Write(b []byte) (int, error) {
	<-w.release
	return w.text.Write(b)
}

// Nobody waits for the log; what found no room is counted, and what waits is written at
// the end.
func TestLogIsPatient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{release: make(chan struct{})}
		log, flush := newLog(w)
		log.Info("first")
		synctest.Wait() // it is being written
		for range logLines + 7 {
			log.Info("more")
		}
		close(w.release)
		flush()
		text := w.text.String()
		if n := strings.Count(text, "msg=more"); n != logLines || !strings.Contains(text, "msg=first") || !strings.Contains(text, "lines_lost=7\n") {
			t.Errorf("%d lines, and what was lost is not told:\n%.300s", n, text)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		w := &stuckWriter{release: make(chan struct{})}
		defer close(w.release)
		log, flush := newLog(w)
		log.Info("first")
		began := time.Now()
		flush()
		if took := time.Since(began); took != logFlush {
			t.Errorf("the end waits %v", took)
		}
	})
}

// Gas closes the valve though nobody has read the log since the start.
func TestActsThoughNobodyReadsTheLog(t *testing.T) {
	w := &stuckWriter{release: make(chan struct{})}
	log, flush := newLog(w)
	t.Cleanup(flush)
	t.Cleanup(func() { close(w.release) })
	r := runLogged(t, write(t, t.TempDir(), "gateway.yaml", house), nil, log)
	for range 5 {
		r.nose.smells(30)
	}
	r.board.want(t, 1, true)
}
