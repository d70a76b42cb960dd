package serialline

import "context"

// IsOpen reports whether the port is open.
func IsOpen(l *Line) bool {
	if l.turn.Take(context.Background(), false) != nil {
		return false
	}
	defer l.turn.Pass()
	return l.port != nil
}
