package influx

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"time"
	"unsafe"

	influxhttp "github.com/influxdata/influxdb-client-go/v2/api/http"
)

// flush sends the batch until the server has taken it or ctx ends. Then the batch
// is kept for the next flush.
func (s *Store) flush(ctx context.Context) error {
	if s.lines == 0 {
		return nil
	}
	tries := splits
	if err := s.deliver(ctx, s.batch, s.lines, &tries); err != nil {
		return err
	}
	s.batch, s.lines = s.batch[:0], 0
	return nil
}

// splits is how often a batch that the server refuses is halved. It is enough to
// single out a few bad lines among 5,000; when all are bad (the bucket's retention
// is shorter than the log's), it ends the search with larger pieces.
const splits = 64

// deliver sends lines (n of them). What the server refuses for its content it
// narrows down to the lines at fault, and puts these into quarantine.
func (s *Store) deliver(ctx context.Context, lines []byte, n int, tries *int) error {
	refused, err := s.post(ctx, lines)
	switch {
	case err != nil:
		return err
	case refused == nil:
		s.written.Add(int64(n))
		return nil
	case n == 1 || *tries <= 0:
		s.opts.Log.Warn("history: InfluxDB will not take readings; they are in quarantine", "lines", n, "err", refused)
		return s.quarantine.add(refused.Error(), splitLines(lines)...)
	}
	*tries--
	cut := nthLine(lines, n/2)
	if err := s.deliver(ctx, lines[:cut], n/2, tries); err != nil {
		return err
	}
	return s.deliver(ctx, lines[cut:], n-n/2, tries)
}

// post sends lines until the server answers about them. refused is an answer that
// will not change however often they are sent; err is that ctx has ended.
func (s *Store) post(ctx context.Context, lines []byte) (refused, err error) {
	backoff := s.opts.MinBackoff
	for {
		// The client reads the string during the call and keeps nothing of it.
		err := s.write.WriteRecord(ctx, unsafe.String(&lines[0], len(lines)))
		v := classify(err)
		if v == taken || v == badData {
			s.alarm(nil)
			return err, nil
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("history: InfluxDB at %s has not taken %d bytes: %w", s.opts.URL, len(lines), errors.Join(ctx.Err(), err))
		}
		if v == notAllowed {
			s.alarm(fmt.Errorf("history: InfluxDB at %s refuses us, check token, org and bucket: %w", s.opts.URL, err))
		}
		s.retries.Add(1)
		wait := max(retryAfter(err), backoff/2+rand.N(backoff/2+1))
		s.opts.Log.Warn("history: InfluxDB does not take readings; trying again", "in", wait, "err", err)
		if !sleep(ctx, wait) {
			return nil, fmt.Errorf("history: InfluxDB at %s has not taken %d bytes: %w", s.opts.URL, len(lines), errors.Join(ctx.Err(), err))
		}
		backoff = min(2*backoff, s.opts.MaxBackoff)
	}
}

// alarm tells the operator once that something is wrong, and once that it is over.
func (s *Store) alarm(err error) {
	if s.alarmed == (err != nil) {
		return
	}
	s.alarmed = err != nil
	s.opts.Alarm(err)
}

// verdict is what a server's answer to a write means for us.
type verdict int

const (
	taken      verdict = iota
	badData            // these lines, however often they are sent
	notAllowed         // whatever is sent, until an operator changes something
	tryAgain
)

func classify(err error) verdict {
	if err == nil {
		return taken
	}
	answer, ok := errors.AsType[*influxhttp.Error](err)
	if !ok {
		return tryAgain
	}
	switch answer.StatusCode {
	case http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnprocessableEntity:
		return badData
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return notAllowed
	}
	return tryAgain
}

// retryAfter is how long the server asks us to wait, within reason.
func retryAfter(err error) time.Duration {
	if answer, ok := errors.AsType[*influxhttp.Error](err); ok {
		return min(time.Duration(answer.RetryAfter)*time.Second, 5*time.Minute)
	}
	return 0
}

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// nthLine is where the line after the first n begins.
func nthLine(lines []byte, n int) int {
	at := 0
	for range n {
		at += bytes.IndexByte(lines[at:], '\n') + 1
	}
	return at
}

func splitLines(lines []byte) []string {
	var out []string
	for line := range bytes.Lines(lines) {
		out = append(out, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return out
}
