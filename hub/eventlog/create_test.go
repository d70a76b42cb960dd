package eventlog

import (
	"context"
	"testing"
	"testing/synctest"

	"github.com/nats-io/nats.go/jetstream"
)

// busyServer fails to make a stream some times, as a server does that is still
// removing the files of the one before.
type busyServer struct {
	jetstream.JetStream
	failures int
	code     int
}

func (s *busyServer) CreateStream(context.Context, jetstream.StreamConfig) (jetstream.Stream, error) {
	if s.failures--; s.failures >= 0 {
		return nil, &jetstream.APIError{Code: s.code, Description: "error creating store for stream"}
	}
	return nil, nil
}

func TestCreateWaitsForTheOldStreamsFiles(t *testing.T) {
	for _, c := range []struct {
		failures, code int
		ok             bool
	}{{2, 500, true}, {1 << 30, 500, false}, {1, 400, false}} {
		synctest.Test(t, func(t *testing.T) {
			l := &Log{js: &busyServer{failures: c.failures, code: c.code}}
			if _, err := l.create(t.Context(), jetstream.StreamConfig{}); (err == nil) != c.ok {
				t.Errorf("%d failures of code %d: %v", c.failures, c.code, err)
			}
		})
	}
}
