package devices

import (
	"errors"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry"
)

func TestPatienceEndsAfterThreeInARow(t *testing.T) {
	var p Patience
	bad := Fault(telemetry.BadFrame, errors.New("wrong checksum"))
	metrics := []string{"co", "temperature"}
	for round := range 2 {
		for range patience - 1 {
			points, err := p.Failed(bad, metrics)
			if err != nil || len(points) != 2 || points[1] != (telemetry.Point{Metric: "temperature", Quality: telemetry.BadFrame}) {
				t.Fatalf("round %d: got %v, %v", round, points, err)
			}
		}
		if round == 0 {
			p.Worked()
		}
	}
	for range 2 { // also in the next Run
		if points, err := p.Failed(bad, metrics); err != bad || points != nil {
			t.Fatalf("got %v, %v", points, err)
		}
	}
	p.Worked()
	if _, err := p.Failed(errors.New("silent"), metrics); err != nil {
		t.Error(err)
	}
}

func TestStuck(t *testing.T) {
	s := Stuck{After: time.Minute}
	at := time.Unix(1000, 0)
	for _, c := range []struct {
		after  time.Duration
		answer string
		want   bool
	}{
		{0, "a", false}, {time.Minute, "a", false}, {61 * time.Second, "a", true}, {62 * time.Second, "b", false},
		{123 * time.Second, "b", true}, {-time.Hour, "b", false}, {-time.Hour + time.Second, "b", false},
	} {
		if got := s.Is(at.Add(c.after), []byte(c.answer)); got != c.want {
			t.Errorf("%v %s: got %v", c.after, c.answer, got)
		}
	}
	never := Stuck{}
	never.Is(at, nil)
	if never.Is(at.Add(1e6*time.Hour), nil) {
		t.Error("stuck without a limit")
	}
}
