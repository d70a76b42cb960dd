package incidents

import (
	"context"
	"fmt"
	"sync"
	"time"

	"weishao.dev/weishao/incidents/notify"
)

// limiter keeps a channel below n messages in any 60 s, exactly: providers count
// by the window, and a bucket that refills while it is emptied lets through
// nearly twice as many.
type limiter struct {
	mu   sync.Mutex
	n    int         // 0: no limit
	sent []time.Time // the latest n, oldest first
}

const limitWindow = time.Minute

// delay is how long to wait before another message may go. The caller holds mu.
func (l *limiter) delay(now time.Time) time.Duration {
	if l.n == 0 || len(l.sent) < l.n {
		return 0
	}
	return limitWindow - now.Sub(l.sent[len(l.sent)-l.n])
}

// take counts a message. The caller holds mu.
func (l *limiter) take(now time.Time) {
	if l.n == 0 {
		return
	}
	l.sent = append(l.sent, now)
	if len(l.sent) > l.n {
		l.sent = l.sent[len(l.sent)-l.n:]
	}
}

// limitOf makes a channel's limiter, which knows what was sent before a restart.
func (s *Store) limitOf(ctx context.Context, c notify.Channel) (*limiter, error) {
	l := &limiter{n: c.Limits().PerMinute}
	now := time.Now()
	rows, err := s.ro.QueryContext(ctx, "SELECT started FROM pages WHERE channel = ? AND started > ? AND started <= ? ORDER BY started",
		c.Name(), now.Add(-limitWindow).UnixMilli(), now.UnixMilli())
	if err != nil {
		return l, fmt.Errorf("incident database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var ms int64
		if err := rows.Scan(&ms); err != nil {
			return l, fmt.Errorf("incident database: %w", err)
		}
		l.take(time.UnixMilli(ms))
	}
	return l, rows.Err()
}
