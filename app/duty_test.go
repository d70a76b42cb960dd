package app

import (
	"testing"
	"time"

	"weishao.dev/weishao/site"
)

// The page says until when the present roster holds, past midnight and over the
// weekend too; 0 where it never changes.
func TestNextChangeOfShift(t *testing.T) {
	const head = "name: {zh: 北新, en: Beixin}\ntimezone: Asia/Shanghai\npeople:\n  - {id: wang, name: {zh: 王, en: Wang}, role: warden}\n  - {id: li, name: {zh: 李, en: Li}, role: warden}\n" +
		"communities:\n  - id: c\n    name: {zh: 社区, en: C}\n    grids:\n      - id: g\n        name: {zh: 格, en: G}\n        leader: li\n"
	const days = "        duty:\n          roster:\n            - {person: wang, days: [mon, tue, wed, thu, fri], from: \"08:00\", to: \"20:00\"}\n            - {person: li, days: [mon, tue, wed, thu], from: \"20:00\", to: \"08:00\"}\n"
	const always = "        duty:\n          roster:\n            - {person: wang, from: \"00:00\", to: \"24:00\"}\n"
	for _, c := range []struct{ duty, now, on, until string }{
		{days, "2026-11-25T09:00:00+08:00", "wang", "2026-11-25T20:00:00+08:00"}, // a Wednesday
		{days, "2026-11-25T23:00:00+08:00", "li", "2026-11-26T08:00:00+08:00"},
		{days, "2026-11-26T03:00:00+08:00", "li", "2026-11-26T08:00:00+08:00"},
		{days, "2026-11-27T21:00:00+08:00", "", "2026-11-30T08:00:00+08:00"}, // Friday night: nobody until Monday
		{always, "2026-11-25T09:00:00+08:00", "wang", ""},
		{"", "2026-11-25T09:00:00+08:00", "", ""},
	} {
		s, err := site.Load("site.yaml", []byte(head+c.duty))
		if err != nil {
			t.Fatal(err)
		}
		now, err := time.Parse(time.RFC3339, c.now)
		if err != nil {
			t.Fatal(err)
		}
		g := gridOf(s, s.Levels["g"], now)
		on, until := "", ""
		for _, p := range g.OnDuty {
			on += p.ID
		}
		if g.Until != 0 {
			until = time.UnixMilli(int64(g.Until)).In(s.Location).Format(time.RFC3339)
		}
		if on != c.on || until != c.until || g.Gap != (c.on == "") || g.Leader == nil || g.Leader.ID != "li" {
			t.Errorf("at %s: %q until %q, gap %t, leader %+v; want %q until %q", c.now, on, until, g.Gap, g.Leader, c.on, c.until)
		}
	}
}
