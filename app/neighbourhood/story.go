package neighbourhood

import (
	"math"
	"time"

	"weishao.dev/weishao/devices/simulated"
	"weishao.dev/weishao/internal/sim"
)

// The story's first minutes, by the time since the start:
//
//	 8 s  on the 3rd floor of building 17 somebody hangs a cable out and charges a
//	      60 V lead-acid battery on the corridor's socket (240 W). The rule wants
//	      150 s of it: a flying wire at about 2:40
//	12 s  in flat 203 of building 21 the hose comes off the hob: 3.2 m³/h into a
//	      kitchen of 8 m³. Above 10 %LEL at about 1:05, above 20 at about 1:55.
//	      At 4:12 the valve is shut and a window opened
//	35 s  in flat 302 of building 19 cooking wine goes into a hot pan: 14 %LEL for
//	      a moment and gone within minutes. It must page nobody
//	100 s gateway 19 is cut off; its places are unsupervised, its readings wait
//	130 s it is back, and what it measured meanwhile arrives
const (
	ChargeAt = 8 * time.Second
	LeakAt   = 12 * time.Second
	LeakFor  = 4 * time.Minute
	BurstAt  = 35 * time.Second
	CutAt    = 100 * time.Second
	BackAt   = 130 * time.Second
)

// Who is in the story.
const (
	ChargeDevice = "beixin/gw-17/17-socket-3"
	LeakDevice   = "beixin/gw-17/21-gas-203"
	BurstDevice  = "beixin/gw-19/19-gas-302"
	CutGateway   = "beixin/gw-19"
)

// What the story adds, by the device's name within its gateway.
var (
	chargerStory = map[string]simulated.Load{
		"17-socket-3": simulated.Charging(sim.LeadAcid(240, 0.9, 0.58), ChargeAt, 0),
	}
	gasStory = map[string]truth{
		"21-gas-203": leak,
		"19-gas-302": func(m simulated.Moment) float64 { return burst.At(m.Since - BurstAt) },
	}
	smokeStory = map[string]truth{
		"19-smoke-302": func(m simulated.Moment) float64 { return frying.Obscuration(m.Since - BurstAt) },
	}
)

var (
	burst  = sim.Burst{Peak: 17, Rise: 3 * time.Second, Decay: 40 * time.Second}
	frying = sim.Fume{Smoke: 0.08, Rise: time.Minute, Until: 6 * time.Minute, Decay: 4 * time.Minute}
)

// leak is the gas in %LEL of the kitchen in which the hose came off, and of the
// same kitchen with a window open, 25 air changes an hour.
func leak(m simulated.Moment) float64 {
	const hose, aired = 3.2, 25.0 // m³/h, 1/h
	room := sim.Room{Volume: 8, AirChanges: 2}
	t := m.Since - LeakAt
	if t <= LeakFor {
		return room.Leak(hose, t)
	}
	return room.Leak(hose, LeakFor) * math.Exp(-aired*(t-LeakFor).Hours())
}
