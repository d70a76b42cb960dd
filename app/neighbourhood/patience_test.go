package neighbourhood

import (
	"bytes"
	"testing"
	"time"

	"weishao.dev/weishao/site"
)

// On a fast clock the hub waits longer; nothing else of the site changes, and
// every mistake stays in its line.
func TestPatientStretchesIntervalsOnly(t *testing.T) {
	before := load(t)
	f, err := Patient(SiteFile(), 60)
	if err != nil {
		t.Fatal(err)
	}
	after, err := site.Load(f.Name, f.Data)
	if err != nil {
		t.Fatal(err)
	}
	if len(after.Devices) != len(before.Devices) || len(after.Places) != len(before.Places) {
		t.Errorf("%d devices and %d places, want %d and %d", len(after.Devices), len(after.Places), len(before.Devices), len(before.Places))
	}
	for id, d := range after.Devices {
		if want := max(before.Devices[id].Interval, time.Minute); d.Interval != want {
			t.Errorf("%s is expected every %v, want %v", id, d.Interval, want)
		}
	}
	if got, want := bytes.Count(f.Data, []byte("\n")), bytes.Count(siteYAML, []byte("\n")); got != want {
		t.Errorf("%d lines, want %d", got, want)
	}
}

func TestAtItsOwnPaceTheSiteIsAsWritten(t *testing.T) {
	if f, err := Patient(SiteFile(), 1); err != nil || !bytes.Equal(f.Data, siteYAML) {
		t.Errorf("changed, or %v", err)
	}
}

func TestUnhurriedDevicesAreReadAsBefore(t *testing.T) {
	gateways, err := Gateways(time.Now())
	if err != nil {
		t.Fatal(err)
	}
	for i, d := range Unhurried(gateways[0].Devices, 60) {
		was := gateways[0].Devices[i].Info()
		if got := d.Info(); got.Interval != max(was.Interval, time.Minute) || got.ID != was.ID {
			t.Errorf("%+v announces %+v", was, got)
		}
	}
}

// A recording has the wardens and their roster, and no rooms.
func TestTheWardensAlone(t *testing.T) {
	s, err := site.Load(WardensFile().Name, WardensFile().Data)
	if err != nil {
		t.Fatal(err)
	}
	if len(s.People) != len(load(t).People) || len(s.Duty["grid-1"].Shifts) == 0 {
		t.Errorf("%d people, %d shifts", len(s.People), len(s.Duty["grid-1"].Shifts))
	}
	if len(s.Devices)+len(s.Places)+len(s.Nodes) != 0 {
		t.Error("there are rooms left")
	}
}
