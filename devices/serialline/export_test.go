package serialline

import "context"

// Waiting is how many wait for the line.
func Waiting(l *Line) int { return l.turn.Waiting() }

// IsOpen reports whether the port is open.
func IsOpen(l *Line) bool {
	if l.turn.Take(context.Background(), false) != nil {
		return false
	}
	defer l.turn.Pass()
	return l.port != nil
}
