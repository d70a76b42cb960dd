package turn

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestUrgentGoesFirstAndTheOthersInTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn Turn
		var order []string
		if err := turn.Take(t.Context(), false); err != nil {
			t.Fatal(err)
		}
		for _, who := range []string{"a", "b", "URGENT 1", "c", "URGENT 2"} {
			go func() {
				if err := turn.Take(t.Context(), who[0] == 'U'); err != nil {
					t.Error(err)
				}
				order = append(order, who)
				turn.Pass()
			}()
			synctest.Wait()
		}
		turn.Pass()
		synctest.Wait()
		if want := []string{"URGENT 1", "URGENT 2", "a", "b", "c"}; !slices.Equal(order, want) {
			t.Errorf("got %v, want %v", order, want)
		}
		if err := turn.Take(t.Context(), false); err != nil || turn.Waiting() != 0 {
			t.Errorf("afterwards it is not free: %v", err)
		}
	})
}

func TestWhoDoesNotWaitLosesNoTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var turn Turn
		_ = turn.Take(t.Context(), false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := turn.Take(ctx, true); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v", err)
		}
		turn.Pass()
		if err := turn.Take(t.Context(), false); err != nil {
			t.Error(err)
		}
	})
}

// Many come, some give up at the moment at which they are called: nobody is in twice
// and the turn is never lost.
func TestNobodyIsInTwice(t *testing.T) {
	var turn Turn
	in, done := 0, make(chan bool)
	for i := range 200 {
		go func() {
			defer func() { done <- true }()
			ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%7)*50*time.Microsecond)
			defer cancel()
			if turn.Take(ctx, i%3 == 0) != nil {
				return
			}
			in++ // the race detector watches
			if in != 1 {
				t.Errorf("%d are in", in)
			}
			in--
			turn.Pass()
		}()
	}
	for range 200 {
		<-done
	}
	if err := turn.Take(t.Context(), false); err != nil {
		t.Error(err)
	}
}
