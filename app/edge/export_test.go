package edge

import (
	"context"
	"log/slog"
	"time"
)

// RunPatient is Run with another time for trials.
func RunPatient(ctx context.Context, file string, log *slog.Logger, patience time.Duration) error {
	s, err := newStage(file, log)
	if err != nil {
		return err
	}
	s.patience = patience
	return s.run(ctx)
}
