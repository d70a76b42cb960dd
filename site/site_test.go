package site_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"weishao.dev/weishao/internal/conf"
	"weishao.dev/weishao/site"
)

func example(t *testing.T) *site.Site {
	t.Helper()
	data, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	s, err := site.Load("example.yaml", data)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestExample(t *testing.T) {
	s := example(t)
	d := s.Devices["beixin/gw-17/gas-301"]
	if got, want := d.Place.Path("zh"), "北新街17号楼 1单元 301室 厨房"; got != want {
		t.Errorf("path: got %q, want %q", got, want)
	}
	if d.Place.Zone != s.Places["b17-301-bedroom"].Zone || d.Place.Zone.Building.ID != "b17" {
		t.Errorf("a dwelling is one zone: got %+v", d.Place.Zone)
	}
	if got := s.Zones["b17-shed"].Neighbours; !cmp.Equal(got, []string{"b17-u1"}) {
		t.Errorf("neighbours: got %v", got)
	}
	if m, ok := s.MappingFor("beixin/plc-1/x", "Inputs/Gas"); !ok || m.Metric != "gas.ch4" || m.Scale != 0.1 {
		t.Errorf("mapping: got %+v %v", m, ok)
	}
	if s.Devices["beixin/gw-17/socket-3"].Rating != 16 {
		t.Error("rating not read")
	}
}

// Each file of testdata/bad has one mistake, named after it.
func TestMistakes(t *testing.T) {
	want := map[string]string{
		"unknown-key":           `:1:1: unknown key "nmae", did you mean "name"?`,
		"bad-timezone":          `:1:11: unknown timezone "Beijing"`,
		"unknown-leader":        `:2:31: unknown person "lee"`,
		"interval-too-short":    `:2:67: an interval of 1ms is not possible`,
		"unknown-place":         `:2:30: unknown place "kitchn", did you mean "kitchen"?`,
		"zone-across-buildings": `zone "z" is in another building`,
		"rating-without-unit":   `"16" is not a rated current: write it in ampere`,
		"unknown-metric":        `unknown metric "gas.ch5", did you mean "gas.ch4"?`,
		"duplicate-device":      `device "g/n/d" is here twice`,
		"bad-time-of-day":       `"8 o clock" is not a time of day`,
		"impossible-lel":        `:1:16: a lower explosive limit of 50 % vol is not possible`,
		"wrong-level":           `a community has no dwellings`,
	}
	files, _ := filepath.Glob("testdata/bad/*.yaml")
	if len(files) != len(want) {
		t.Errorf("%d files, %d expectations", len(files), len(want))
	}
	for _, f := range files {
		data, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		_, err = site.Load(f, data)
		var errs conf.Errors
		w := want[strings.TrimSuffix(filepath.Base(f), ".yaml")]
		if !errors.As(err, &errs) || w == "" || !strings.Contains(err.Error(), w) {
			t.Errorf("%s:\n got  %v\n want ...%s", f, err, w)
		}
	}
}

func TestChain(t *testing.T) {
	s := example(t)
	p := s.Places["b17-301-kitchen"]
	for _, c := range []struct {
		at   string // Beijing time; 2026-11-24 is a Tuesday
		want []string
		gap  bool
	}{
		{"2026-11-24T21:00:00+08:00", []string{"wang", "li", "chen"}, false},
		{"2026-11-25T07:59:59+08:00", []string{"wang", "li", "chen"}, false},
		{"2026-11-25T08:00:00+08:00", []string{"li", "chen"}, false},
		{"2026-11-28T07:00:00+08:00", []string{"wang", "li", "chen"}, false}, // Friday's night shift ends on Saturday
		{"2026-11-28T21:00:00+08:00", []string{"li", "chen"}, true},          // Saturday night: nobody on the roster
	} {
		at, err := time.Parse(time.RFC3339, c.at)
		if err != nil {
			t.Fatal(err)
		}
		got, gap := s.Chain(p, at.UTC())
		if !cmp.Equal(got, c.want) || gap != c.gap {
			t.Errorf("%s: got %v gap %v, want %v gap %v", c.at, got, gap, c.want, c.gap)
		}
	}
	unknown := s.Resolve("x/y/z", "", []string{"power"}, "")
	if got, _ := s.Chain(unknown.Place, time.Date(2026, 11, 24, 4, 0, 0, 0, time.UTC)); !cmp.Equal(got, []string{"li", "chen"}) {
		t.Errorf("a place outside any grid: got %v", got)
	}
}

func TestResolveUnknown(t *testing.T) {
	s := site.Empty()
	for _, c := range []struct {
		announced, fallback string
		metrics             []string
		want                string
	}{
		{"", "", []string{"power"}, "corridor_socket"},
		{"", "", []string{"temperature", "gas.ch4"}, "kitchen_gas"},
		{"", "", []string{"co"}, "room_smoke"},
		{"", "dwelling_feeder", []string{"power"}, "dwelling_feeder"},
		{"bike_shed", "dwelling_feeder", []string{"power"}, "bike_shed"},
	} {
		d := s.Resolve("g/n/d", c.announced, c.metrics, c.fallback)
		if d.Placement != c.want || d.Place.ID != "g/n/d" || d.Place.Zone.ID != "g/n/d" {
			t.Errorf("%+v: got %q at %q", c, d.Placement, d.Place.ID)
		}
	}
}

// A gateway's own board is where the gateway hangs, if the site says where that is.
func TestResolveGateway(t *testing.T) {
	s, err := site.Load("f.yaml", []byte("communities: [{id: c, name: {zh: c}, grids: [{id: g, name: {zh: g}, buildings: [{id: b, name: {zh: b}, places: [{id: meters, name: {zh: 电表间}}]}]}]}]\nnodes: [{id: g/n, place: meters}, {id: g/m}]\n"))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ device, announced, place string }{
		{"g/n/gateway", "gateway", "meters"},
		{"g/n/kitchen", "kitchen_gas", "g/n/kitchen"}, // it may be anywhere
		{"g/m/gateway", "gateway", "g/m/gateway"},
		{"g/x/gateway", "gateway", "g/x/gateway"},
	} {
		if d := s.Resolve(c.device, c.announced, []string{"board.load"}, ""); d.ID != c.device || d.Place.ID != c.place || d.Placement != c.announced {
			t.Errorf("%s is at %s as %s, want %s", d.ID, d.Place.ID, d.Placement, c.place)
		}
	}
}

func FuzzLoad(f *testing.F) {
	data, err := os.ReadFile("testdata/example.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := site.Load("f", b)
		if err == nil {
			s.Chain(nil, time.Unix(0, 0))
		}
	})
}
