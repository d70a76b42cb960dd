package detect

import (
	"encoding/csv"
	"os"
	"strconv"
	"strings"
	"testing"
)

// The shipped thresholds of the rules smoke (major) and fire (critical).
const (
	smokeMajor = 0.3 // dB/m above the offset
	smokeFront = 0.1 // dB/m above the offset, while rising by smokeRate
	smokeRate  = 0.4 // dB/m a minute
	smokeHold  = 2000
)

// flagged runs the fire detector over one house's readings and gives for each
// room when it was first flagged: by smoke, or as a fire.
func flaggedRooms(rows []row) map[string]int64 {
	k := kind("fire")
	detectors := map[string]Detector{}
	since := map[string]int64{}
	flagged := map[string]int64{}
	for _, r := range rows {
		d := detectors[r.device]
		if d == nil {
			d = k.New("room_smoke", 0)
			detectors[r.device] = d
		}
		d.Observe(k.Input(r.metric), r.t, r.v)
		if _, done := flagged[r.device]; done {
			continue
		}
		if l, ok := d.Output(2); ok && l >= sure {
			flagged[r.device] = r.t
		}
		rate, _ := d.Output(3)
		if rise, ok := d.Output(0); ok && (rise > smokeMajor || rise > smokeFront && rate > smokeRate) {
			if since[r.device] == 0 {
				since[r.device] = r.t
			}
			if r.t-since[r.device] >= smokeHold {
				flagged[r.device] = r.t
			}
		} else if ok {
			since[r.device] = 0
		}
	}
	return flagged
}

// fireTally is what came of the measured fires.
type fireTally struct{ fires, early, rooms, roomsEarly int }

// activations reads when a fire's commercial alarms sounded, by room.
func activations(t testing.TB, path string) (alarms map[string][]int64, first int64) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	alarms, first = map[string][]int64{}, int64(1)<<62
	for _, r := range records[1:] {
		s, _ := strconv.ParseFloat(r[2], 64)
		at := int64(s * 1000)
		alarms[r[1]] = append(alarms[r[1]], at)
		first = min(first, at)
	}
	return alarms, first
}

func measureFires(t testing.TB) (y fireTally) {
	for _, path := range files(t, "fire/*.csv.gz") {
		rows := readings(t, path)
		t0 := rows[0].t
		flagged := flaggedRooms(rows)
		alarms, first := activations(t, strings.TrimSuffix(path, ".csv.gz")+".activations.csv")
		house := int64(1) << 62
		for _, at := range flagged {
			house = min(house, at)
		}
		y.fires++
		if house <= first {
			y.early++
		}
		t.Logf("%s: flagged after %d s, first commercial alarm after %d s", path[strings.LastIndex(path, "/")+1:], (house-t0)/1000, (first-t0)/1000)
		for room, list := range alarms {
			m := median(list)
			at, ok := flagged[room]
			y.rooms++
			if ok && at <= m {
				y.roomsEarly++
			}
			t.Logf("   %s flagged %v %d s, median alarm %d s", room, ok, (at-t0)/1000, (m-t0)/1000)
		}
	}
	return y
}

// On real fires the house is flagged no later than its first commercial alarm in
// at least 3 of 4, and rooms no later than the median of their alarms in 60 %.
func TestRealFires(t *testing.T) {
	if dataDir() == "" {
		t.Log("no DATA: simulated fires only, see TestSimulatedFires")
		return
	}
	y := measureFires(t)
	t.Logf("fires flagged no later than the first alarm: %d of 4; rooms no later than the median: %d of %d", y.early, y.roomsEarly, y.rooms)
	if y.roomsEarly*5 < y.rooms*3 {
		t.Errorf("%d of %d rooms were flagged in time, want 60 %%", y.roomsEarly, y.rooms)
	}
	if y.early < 3 {
		t.Errorf("%d of 4 fires were flagged in time, want 3", y.early)
	}
}

// median is the middle of the list, the upper of two.
func median(list []int64) int64 {
	s := append([]int64(nil), list...)
	for i := range s {
		for j := i + 1; j < len(s); j++ {
			if s[j] < s[i] {
				s[i], s[j] = s[j], s[i]
			}
		}
	}
	if len(s)%2 == 0 {
		return (s[len(s)/2-1] + s[len(s)/2]) / 2
	}
	return s[len(s)/2]
}
