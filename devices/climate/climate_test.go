package climate

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/telemetry"
)

// scripted emits what a test sends it.
type scripted struct {
	info   devices.Info
	points chan telemetry.Point // closed: it fails
}

func (s *scripted) Info() devices.Info { return s.info }

func (s *scripted) Run(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
	for p := range s.points {
		emit(p)
	}
	return errors.New("gone")
}

func point(metric string, v float64, q telemetry.Quality) telemetry.Point {
	return telemetry.Point{Metric: metric, Value: v, Quality: q}
}

func TestAir(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rooms := NewRooms()
		room := rooms.Room("bath", conf.Pos{})
		s := &scripted{devices.Info{ID: "bath", Metrics: []string{"temperature", "humidity"}}, make(chan telemetry.Point)}
		emitted := 0
		dev := rooms.Watch(s)
		go func() { _ = dev.Run(t.Context(), telemetry.Clock{}, func(telemetry.Point) { emitted++ }) }()
		say := func(p telemetry.Point) { s.points <- p; synctest.Wait() }
		want := func(why string, a Air, ok bool) {
			t.Helper()
			if got, is := room.Now(time.Now()); got != a || is != ok {
				t.Errorf("%s: got %v %v, want %v %v", why, got, is, a, ok)
			}
		}
		want("nothing measured", Air{}, false)
		say(point("temperature", 21, 0))
		want("half", Air{}, false)
		say(point("humidity", 40, 0))
		want("both", Air{21, 40}, true)
		say(point("humidity", 0, telemetry.Stuck))
		want("a fault", Air{}, false)
		say(point("humidity", 41, telemetry.Warmup))
		want("not settled yet", Air{}, false)
		say(point("humidity", 42, 0))
		time.Sleep(10 * time.Minute)
		want("ten minutes old", Air{21, 42}, true)
		time.Sleep(time.Second)
		want("older", Air{}, false)
		say(point("temperature", 22, 0))
		say(point("humidity", 43, 0))
		want("new", Air{22, 43}, true)
		close(s.points)
		synctest.Wait()
		want("the driver has stopped", Air{}, false)
		if emitted != 7 {
			t.Errorf("%d points came through", emitted)
		}
	})
}

func TestWhoIsNotThere(t *testing.T) {
	at := conf.Pos{File: "g.yaml", Line: 3, Column: 5}
	for _, c := range []struct {
		metrics []string
		want    string
	}{
		{[]string{"humidity", "temperature"}, ""},
		{[]string{"temperature"}, `g.yaml:3:5: climate: no device "bath" of this gateway measures temperature and humidity`},
	} {
		rooms := NewRooms()
		rooms.Room("bath", at)
		dev := &scripted{info: devices.Info{ID: "bath", Metrics: c.metrics}}
		if got := rooms.Watch(dev); (got == devices.Device(dev)) != (len(c.metrics) < 2) {
			t.Errorf("%v: watched as %T", c.metrics, got)
		}
		if err := rooms.Check(); (err != nil) != (c.want != "") || err != nil && err.Error() != c.want {
			t.Errorf("%v: got %v", c.metrics, err)
		}
	}
	rooms := NewRooms()
	rooms.Room("bathh", at)
	rooms.Watch(&scripted{info: devices.Info{ID: "bath", Metrics: []string{"humidity", "temperature"}}})
	if err := rooms.Check(); err == nil || err.Error() != `g.yaml:3:5: climate: no device "bathh" of this gateway measures temperature and humidity, did you mean "bath"?` {
		t.Errorf("got %v", err)
	}
}
