package serialline

import (
	"context"
	"time"
)

// Retry is when a port that failed is opened again.
func Retry(l *Line) time.Time {
	if l.turn.Take(context.Background(), false) != nil {
		return time.Time{}
	}
	defer l.turn.Pass()
	return l.retry
}

// IsOpen reports whether the port is open.
func IsOpen(l *Line) bool {
	if l.turn.Take(context.Background(), false) != nil {
		return false
	}
	defer l.turn.Pass()
	return l.port != nil
}
