package sparkplug_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"weishao.dev/weishao/telemetry"
	. "weishao.dev/weishao/telemetry/sparkplug"
)

func TestTopicRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[A-Za-z0-9_-]{1,20}(\.[a-z]{1,8})?`)
	rapid.Check(t, func(t *rapid.T) {
		want := Topic{Type: rapid.Map(rapid.IntRange(int(NBIRTH), int(STATE)), func(n int) MessageType { return MessageType(n) }).Draw(t, "type")}
		if want.Type == STATE {
			want.Host = name.Draw(t, "host")
		} else {
			want.Group, want.Node = name.Draw(t, "group"), name.Draw(t, "node")
		}
		if want.Group == "STATE" {
			return // not to be told from a host's topic, and no group of ours
		}
		if want.Type.OfDevice() {
			want.Device = name.Draw(t, "device")
		}
		got, err := ParseTopic(want.String())
		if err != nil || got != want {
			t.Fatalf("%s: got %+v, %v, want %+v", want, got, err, want)
		}
	})
}

func TestTopicRefused(t *testing.T) {
	for topic, want := range map[string]string{
		"":                              "the first level is not spBv1.0",
		"spAv1.0/g/NBIRTH/n":            "the first level is not spBv1.0",
		"spBv1.0":                       "too few levels",
		"spBv1.0/g":                     "too few levels",
		"spBv1.0/g/NBIRTH":              "too few levels",
		"spBv1.0/g/nbirth/n":            `"nbirth" is not a message type`,
		"spBv1.0/g/STATE/n":             `"STATE" is not a message type`,
		"spBv1.0/g/DDATA/n":             "DDATA needs a device",
		"spBv1.0/g/NBIRTH/n/d":          "NBIRTH has no device",
		"spBv1.0/g/DDATA/n/d/e":         `device name "d/e" is not 1 to 64 letters`,
		"spBv1.0//NBIRTH/n":             `group name "" is not`,
		"spBv1.0/g/NBIRTH/":             `node name "" is not`,
		"spBv1.0/g/DDATA/n/":            `device name "" is not`,
		"spBv1.0/g/NBIRTH/*":            `node name "*" is not`,
		"spBv1.0/g/NBIRTH/>":            `node name ">" is not`,
		"spBv1.0/+/NBIRTH/n":            `group name "+" is not`,
		"spBv1.0/g/DDATA/n/a b":         `device name "a b" is not`,
		"spBv1.0/g/DDATA/n/厨房":          `device name "厨房" is not`,
		"spBv1.0/STATE/":                `host name "" is not`,
		"spBv1.0/STATE/a/b":             `host name "a/b" is not`,
		strings.Repeat("x", 70_000):     `x"...: the first level`,
		"spBv1.0/g/DDATA/n/\x00\x1b[2J": `device name "\x00\x1b[2J" is not`,
	} {
		_, err := ParseTopic(topic)
		if err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 500 {
			t.Errorf("%.40q: got %.600v, want ...%s...", topic, err, want)
		}
	}
}

func TestTopicNames(t *testing.T) {
	for got, want := range map[string]string{
		NodeTopic(NCMD, "g", "n"):                            "spBv1.0/g/NCMD/n",
		DeviceTopic(DDATA, "g", "n", "d"):                    "spBv1.0/g/DDATA/n/d",
		StateTopic:                                           "spBv1.0/STATE/weishao",
		strings.Join(HostFilters(), " "):                     "spBv1.0/+/NBIRTH/+ spBv1.0/+/NDEATH/+ spBv1.0/+/NDATA/+ spBv1.0/+/DBIRTH/+/+ spBv1.0/+/DDEATH/+/+ spBv1.0/+/DDATA/+/+",
		strings.Join(NodeFilters("g", "n"), " "):             "spBv1.0/g/NCMD/n spBv1.0/g/DCMD/n/+ spBv1.0/STATE/weishao",
		Topic{Group: "g", Node: "n"}.NodeID():                "g/n",
		Topic{Group: "g", Node: "n", Device: "d"}.DeviceID(): "g/n/d",
		MessageType(0).String():                              "MessageType(0)",
		DataType(99).String():                                "DataType(99)",
		Double.String():                                      "Double",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestHostState(t *testing.T) {
	want := HostState{Online: true, Timestamp: 1764000000250}
	if got := string(want.JSON()); got != `{"online":true,"timestamp":1764000000250}` {
		t.Errorf("got %s", got)
	}
	got, err := ParseHostState(want.JSON())
	if err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := ParseHostState([]byte("ONLINE")); err == nil {
		t.Error("a STATE of Sparkplug 2 was taken")
	}
}

func FuzzParseTopic(f *testing.F) {
	for _, s := range []string{"spBv1.0/g/NBIRTH/n", "spBv1.0/g/DDATA/n/d", "spBv1.0/STATE/h", "spBv1.0/STATE/NBIRTH/n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		topic, err := ParseTopic(s)
		if err != nil {
			return
		}
		if topic.String() != s {
			t.Fatalf("%q became %q", s, topic.String())
		}
		for _, name := range []string{topic.Group, topic.Node, topic.Device, topic.Host} {
			if name != "" && !telemetry.ValidName(name) {
				t.Fatalf("%q let in the name %q", s, name)
			}
		}
	})
}
