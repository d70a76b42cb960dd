package telemetry

import (
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestQualities(t *testing.T) {
	faults := map[string]bool{"open": true, "short": true, "saturated": true, "stuck": true, "no_response": true, "bad_frame": true}
	for q := Good; q.Valid(); q++ {
		got, err := ParseQuality(q.String())
		if err != nil || got != q {
			t.Errorf("%s: got %v, %v", q, got, err)
		}
		if q.Fault() != faults[q.String()] {
			t.Errorf("%s: fault is %v", q, q.Fault())
		}
		delete(faults, q.String())
	}
	if len(faults) > 0 {
		t.Errorf("missing: %v", faults)
	}
	if q, err := ParseQuality(""); err != nil || q != Good {
		t.Errorf("nothing: got %v, %v; want good", q, err)
	}
	for _, s := range []string{"Good", "broken", "quality(200)", " good"} {
		if q, err := ParseQuality(s); err == nil || !strings.Contains(err.Error(), "no_response") {
			t.Errorf("%q: got %v, %v; want an error that lists them", s, q, err)
		}
	}
	if q := Quality(200); q.Valid() || !q.Fault() || q.String() != "quality(200)" {
		t.Errorf("an unknown quality is valid %v, a fault %v, called %s", q.Valid(), q.Fault(), q)
	}
}

func TestValidNames(t *testing.T) {
	for s, want := range map[string]bool{
		"gw-17": true, "A.b_c-9": true, "...": true, strings.Repeat("x", 64): true,
		"": false, ".": false, "..": false, strings.Repeat("x", 65): false,
		"*": false, ">": false, "+": false, "#": false, "a/b": false, "a b": false, "网关": false, "a\x00": false, "a:b": false,
	} {
		if got := ValidName(s); got != want {
			t.Errorf("%q: got %v", s, got)
		}
	}
}

// What is put together from valid names comes apart into the same, and no two
// gateways share a client ID.
func TestNamesComeApart(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z0-9._-]{1,64}`).Filter(ValidName)
	rapid.Check(t, func(t *rapid.T) {
		g, n, d := name.Draw(t, "group"), name.Draw(t, "node"), name.Draw(t, "device")
		id := DeviceID(g, n, d)
		g2, n2, d2, ok := SplitDevice(id)
		if !ok || g2 != g || n2 != n || d2 != d {
			t.Fatalf("%s comes apart into %q %q %q, %v", id, g2, n2, d2, ok)
		}
		node := NodeID(g, n)
		if NodeOf(id) != node {
			t.Fatalf("%s is of %s, want %s", id, NodeOf(id), node)
		}
		if c := ClientID(node); strings.Contains(c, ".") || NodeOfClientID(c) != node {
			t.Fatalf("%s has client ID %s, which is of %s", node, c, NodeOfClientID(c))
		}
	})
	for _, s := range []string{"", "a", "a/b", "a/b/", "/b/c", "a//c"} {
		if _, _, _, ok := SplitDevice(s); ok {
			t.Errorf("%q is a device", s)
		}
	}
}
