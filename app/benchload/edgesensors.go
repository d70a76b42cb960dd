package benchload

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
)

// sensor is a simulated sensor of the gateway that is measured.
type sensor struct {
	id, placement, simulate string
	channels                []simulated.Channel
}

// sensors plans n of them.
func sensors(n int, mixed bool) []sensor {
	list := make([]sensor, n)
	for i := range list {
		seed := uint64(i + 1)
		still := func(simulated.Moment) float64 { return 0 }
		gas := sensor{"gas", "kitchen_gas", "gas: {}", []simulated.Channel{simulated.Gas(seed, "gas.ch4", still)}}
		s := gas
		if mixed {
			switch i % 8 {
			case 0, 4:
				s = sensor{"meter", "corridor_socket", "house: {}", simulated.Meter(seed+100, simulated.Household(seed))}
			case 2:
				s = sensor{"smoke", "room_smoke", "room: {}", []simulated.Channel{simulated.Smoke(seed, still), simulated.Temperature(seed, simulated.Ambient(seed))}}
			case 6:
				s = sensor{"box", "meter_box", "box: {}", []simulated.Channel{simulated.Temperature(seed, simulated.Ambient(seed)), simulated.Residual(seed, still)}}
			}
		}
		s.id = fmt.Sprintf("%s-%03d", s.id, i)
		s.simulate = fmt.Sprintf("{seed: %d, %s}", seed, s.simulate)
		list[i] = s
	}
	return list
}

func readingsOf(list []sensor) (n int) {
	for _, s := range list {
		n += len(s.channels)
	}
	return n
}

// edgeConfig is the gateway's file: defaults but for what has to be said.
func edgeConfig(broker, user string, list []sensor) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "group: %s\nnode: %s\nmqtt: {url: \"tcp://%s\", username: %q, password_file: password}\nmetrics: 127.0.0.1:0\ndevices:\n", group, edgeNode, broker, user)
	for _, s := range list {
		fmt.Fprintf(&b, "  - {id: %s, kind: simulated, placement: %s, interval: 1s, simulate: %s}\n", s.id, s.placement, s.simulate)
	}
	return b.Bytes()
}

// fill writes an outage into the gateway's outbox, second by second as the gateway
// would have, with what its sensors would have measured. It does not sync each
// second: that would take as long as the disk likes and change no byte.
func (b *edgeBench) fill() (readings uint64, bytes int64, err error) {
	box, err := outbox.Open(outbox.Options{Dir: filepath.Join(b.Hub.Dir, "outbox"), MaxBytes: defaultOutbox, FS: unsynced{}, Log: b.log})
	if err != nil {
		return 0, 0, err
	}
	start := time.Now().Add(-b.Outage).Truncate(time.Second)
	batches := make([]outbox.Batch, len(b.sensors))
	for t := time.Duration(0); t < b.Outage; t += time.Second {
		for i, s := range b.sensors {
			at := start.Add(t + time.Duration(i%5)*time.Millisecond) // timers fire one after the other
			batches[i] = outbox.Batch{Device: s.id, Points: s.measure(batches[i].Points[:0], simulated.Moment{Since: t, Now: at})}
		}
		box.Append(record.Live, batches)
	}
	s := box.Status()
	if s.Dropped > 0 {
		err = fmt.Errorf("the outage does not fit: %d readings were given up", s.Dropped)
	}
	return s.Pending, s.Bytes, errors.Join(err, box.Close())
}

// defaultOutbox is what a gateway whose file does not say gives its outbox, 120MB.
const defaultOutbox = 120 << 20

func (s *sensor) measure(points []telemetry.Point, m simulated.Moment) []telemetry.Point {
	for _, c := range s.channels {
		v, q := c.Read(m)
		points = append(points, telemetry.Point{Metric: c.Metric, Time: m.Now.UnixMilli(), Value: v, Quality: q})
	}
	return points
}

// unsynced is the machine's file system without the waiting.
type unsynced struct{ outbox.OS }

func (u unsynced) OpenFile(name string, flag int) (outbox.File, error) {
	f, err := u.OS.OpenFile(name, flag)
	if err != nil {
		return nil, err
	}
	return unsyncedFile{f}, nil
}

func (unsynced) SyncDir(string) error { return nil }

type unsyncedFile struct{ outbox.File }

func (unsyncedFile) Sync() error { return nil }
