package e2e

import (
	"bytes"
	"fmt"
	"html"
	"log/slog"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// sight is where a mistake is to be seen, beside its count in /metrics.
type sight int

const (
	onDevice sight = iota // on the page of its device, and of its gateway
	onNode                // on its gateway's page
	onCount               // nobody can be told, but it is counted
	nowhere               // the broker has kept it to itself, and says nothing
)

// broker is one of the brokers that may stand before the hub.
type broker int

const (
	embedded   broker = iota
	mosquitto         // with the access rules that we ship
	permissive        // one that lets everything through: the hub defends itself
)

// mistake is something that a gateway should not send.
type mistake struct {
	name  string
	kind  string // in /metrics
	label string // on the pages
	seen  [3]sight
	ours  bool // makes sense from one of our gateways only
	send  func(b *badGateway)
}

var everywhere = [3]sight{onDevice, onDevice, onDevice}

var mistakes = []mistake{
	{name: "bytes that are no payload", kind: "undecodable", label: "undecodable", seen: everywhere,
		send: func(b *badGateway) { b.Say(b.t, b.DataTopic(device), bytes.Repeat([]byte{0xff}, 300)) }},
	{name: "half a payload", kind: "undecodable", label: "undecodable", seen: everywhere,
		send: func(b *badGateway) {
			whole := b.Reading("temperature", b.Now(), 99)
			b.Say(b.t, b.DataTopic(device), whole[:len(whole)/2])
		}},
	{name: "a metric that nobody knows", kind: "unknown_metric", label: "unknown metric", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "mystery", b.Now(), 99) }},
	{name: "not a number", kind: "nan", label: "not a number", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "temperature", b.Now(), math.NaN()) }},
	{name: "infinity", kind: "infinity", label: "infinity", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "temperature", b.Now(), math.Inf(1)) }},
	{name: "minus infinity", kind: "infinity", label: "infinity", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "temperature", b.Now(), math.Inf(-1)) }},
	{name: "hotter than any fire", kind: "out_of_range", label: "out of range", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "temperature", b.Now(), 5000) }},
	{name: "a year ago", kind: "time", label: "wrong time", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "temperature", b.Now()-year, 99) }},
	{name: "in a year", kind: "time", label: "wrong time", seen: everywhere,
		send: func(b *badGateway) { b.Tell(b.t, device, "temperature", b.Now()+year, 99) }},
	{name: "the same again", kind: "replayed", label: "replayed", seen: everywhere, ours: true,
		send: func(b *badGateway) {
			again := b.Reading("temperature", b.Now(), b.good())
			b.Say(b.t, b.DataTopic(device), again)
			b.Skip()
			b.Say(b.t, b.DataTopic(device), again)
		}},
	{name: "data of a device that was never born", kind: "unannounced", label: "unannounced", seen: [3]sight{onNode, onNode, onNode},
		send: func(b *badGateway) {
			payload := (&sparkplug.Payload{Metrics: []sparkplug.Metric{{HasAlias: true, Alias: 99, Kind: sparkplug.KindDouble, Float: 99}}}).Append(nil)
			if b.Ours {
				payload = b.Reading("temperature", b.Now(), 99) // unacknowledged: its sequence stays free
			}
			b.Say(b.t, b.DataTopic("unborn"), payload)
		}},
	{name: "another gateway's topic", kind: "foreign_topic", label: "foreign topic", seen: [3]sight{onNode, nowhere, onCount},
		send: func(b *badGateway) {
			if b.broker == permissive { // the hub cannot know who speaks; so what it must not hear is a host's voice
				b.Say(b.t, "spBv1.0/g/DDATA/no gateway/"+device, b.Reading("temperature", b.Now(), 99))
				return
			}
			b.Say(b.t, "spBv1.0/g/DDATA/victim/"+device, b.Reading("temperature", b.Now(), 99))
			b.Say(b.t, "spBv1.0/g/NDEATH/victim", sparkplug.AppendDeath(nil, b.Now(), 0))
		}},
	{name: "a node called *", kind: "foreign_topic", label: "foreign topic", seen: [3]sight{onNode, nowhere, onCount},
		send: func(b *badGateway) {
			b.Say(b.t, "spBv1.0/g/DDATA/*/"+device, b.Reading("temperature", b.Now(), 99))
			b.Say(b.t, "spBv1.0/g/NDEATH/*", sparkplug.AppendDeath(nil, b.Now(), 0))
		}},
	{name: "ten megabytes", kind: "too_large", label: "too large", seen: [3]sight{onNode, nowhere, onDevice},
		send: func(b *badGateway) {
			b.Client().Publish(b.DataTopic(device), 0, false, make([]byte, 10<<20)) // the broker may hang up while it is sent
			if b.broker == embedded {
				harness.Eventually(b.t, "the broker hangs up", b.Lost)
				b.Connect(b.t)
				b.Birth(b.t, device)
			}
		}},
}

const (
	device = "room"
	year   = 365 * 24 * 3600 * 1000
)

// badGateway sends good readings and bad ones.
type badGateway struct {
	*harness.Peer
	t      *testing.T
	hub    *harness.Hub
	broker broker
	sent   []float64 // good values, in order
}

// good makes the next good value, different from all before.
func (b *badGateway) good() float64 {
	b.sent = append(b.sent, 20+float64(len(b.sent))/64)
	return b.sent[len(b.sent)-1]
}

func (b *badGateway) id() string { return "g/bad/" + device }

// goesOn sends a good reading and waits until the pages show it.
func (b *badGateway) goesOn() {
	b.t.Helper()
	value := b.good()
	b.Tell(b.t, device, "temperature", b.Now(), value)
	harness.Eventually(b.t, "a good reading arrives", func() error {
		d, err := b.hub.API.Device(b.id())
		if v, _ := d.Last("temperature"); err == nil && v.Value != value {
			err = fmt.Errorf("the device is %+v, want %v; asked for rebirth %d times", d, value, b.Rebirths())
		}
		return err
	})
}

// bad is the count of a kind, in all, on the gateway and on the device.
func (b *badGateway) bad(kind string) (all float64, onNode, onDevice int64) {
	b.t.Helper()
	n, err := b.hub.API.Node("g/bad")
	if err != nil {
		b.t.Fatal(err)
	}
	d, err := b.hub.API.Device(b.id())
	if err != nil {
		b.t.Fatal(err)
	}
	return b.hub.Metric(b.t, `weishao_bad_input_total{kind="`+kind+`"}`), n.Bad[kind], d.Bad[kind]
}

// try makes a mistake and looks that it is counted where it should be, and that the
// stream goes on.
func (b *badGateway) try(m mistake) {
	b.t.Helper()
	all, node, dev := b.bad(m.kind)
	m.send(b)
	b.goesOn()
	want := m.seen[b.broker]
	counted := func() error {
		allNow, nodeNow, devNow := b.bad(m.kind)
		got := [3]bool{allNow > all, nodeNow > node, devNow > dev}
		if w := [3]bool{want <= onCount, want <= onNode, want <= onDevice}; got != w {
			return fmt.Errorf("counted in /metrics, on the gateway, on the device: %v, want %v", got, w)
		}
		return nil
	}
	if err := counted(); err != nil { // the good reading was behind it on the same way, but the broker's own refusals go another
		harness.Eventually(b.t, m.name+" is counted", counted)
	}
	b.shown(m, want)
}

// shown looks for a mistake on the officer's pages.
func (b *badGateway) shown(m mistake, want sight) {
	b.t.Helper()
	if want == onDevice {
		page := b.page("/officer/devices/" + b.id())
		if !regexp.MustCompile(regexp.QuoteMeta(m.label) + ` \d`).MatchString(page) {
			b.t.Errorf("%s: the device's page does not tell of %q", m.name, m.label)
		}
	}
	if want <= onNode {
		_, gateways, _ := strings.Cut(b.page("/officer"), `id="gateways"`)
		_, entry, _ := strings.Cut(gateways, `data-node="g/bad"`)
		entry, _, _ = strings.Cut(entry, "</li>")
		if !regexp.MustCompile(regexp.QuoteMeta(m.label) + ` \d`).MatchString(entry) {
			b.t.Errorf("%s: the gateway's entry does not tell of %q: %s", m.name, m.label, entry)
		}
	}
}

func (b *badGateway) page(path string) string {
	b.t.Helper()
	var text string
	if err := b.hub.API.Get(path+"?lang=en", &text); err != nil {
		b.t.Fatal(err)
	}
	return html.UnescapeString(text)
}

// newBadGateway starts a hub with a broker, and two gateways: the one that misbehaves,
// and its victim, who has said nothing wrong.
func newBadGateway(t *testing.T, which broker, ours bool) (*badGateway, *harness.Peer) {
	t.Helper()
	creds := func(node string) harness.Credentials {
		return harness.Credentials{Group: "g", Node: node, Username: "g/" + node, Password: "of the test's own"}
	}
	b, v := creds("bad"), creds("victim")
	var hub *harness.Hub
	var addr string
	switch which {
	case embedded:
		hub = harness.NewHub(t, "")
		b, v, addr = hub.Enrol(t, "g", "bad"), hub.Enrol(t, "g", "victim"), hub.MQTT
	case mosquitto:
		m := harness.NewMosquitto(t, b, v)
		hub, addr = harness.NewHub(t, m.HubYAML(t)), m.Addr
	case permissive:
		m := harness.NewOpenMosquitto(t)
		hub, addr = harness.NewHub(t, m.HubYAML(t)), m.Addr
	}
	victim := harness.NewPeer(t, v, "tcp://"+addr, true)
	victim.Connect(t)
	victim.Birth(t, device)
	victim.Tell(t, device, "temperature", victim.Now(), 10)
	return &badGateway{Peer: harness.NewPeer(t, b, "tcp://"+addr, ours), t: t, hub: hub, broker: which}, victim
}

// Whatever a gateway sends, it is counted and shown, the good readings go on, and
// nothing but them is ever a reading.
func TestBadInput(t *testing.T)                  { badInput(t, embedded, true) }
func TestBadInputOfAForeignNode(t *testing.T)    { badInput(t, embedded, false) }
func TestBadInputThroughMosquitto(t *testing.T)  { badInput(t, mosquitto, true) }
func TestBadInputThroughAnOpenDoor(t *testing.T) { badInput(t, permissive, true) }

func badInput(t *testing.T, which broker, ours bool) {
	t.Parallel()
	b, _ := newBadGateway(t, which, ours)
	b.Connect(t)
	b.Say(t, b.DataTopic(device), b.Reading("temperature", b.Now(), 99)) // before any birth
	harness.Eventually(t, "data before birth is counted", func() error {
		n, err := b.hub.API.Node("g/bad")
		if err == nil && (n.Bad["unannounced"] == 0 || b.Rebirths() == 0) {
			err = fmt.Errorf("%+v, asked for birth %d times", n, b.Rebirths())
		}
		return err
	})
	b.Birth(t, device)
	b.goesOn()
	for _, m := range mistakes {
		if !m.ours || ours {
			b.try(m)
		}
	}
	if v, err := b.hub.API.Device("g/victim/" + device); err != nil || len(v.Bad) > 0 || !v.Online {
		t.Errorf("the victim is %+v, %v; want it untouched", v, err)
	}
	b.checkSeries()
	b.checkLog()
}

// checkSeries looks that the charts have the good readings and no others.
func (b *badGateway) checkSeries() {
	b.t.Helper()
	to := time.Now().Add(time.Hour).UTC()
	var series struct {
		Points [][5]float64
		Faults []any
	}
	query := url.Values{"device": {b.id()}, "metric": {"temperature"}, "step": {"0"},
		"from": {to.Add(-20 * time.Hour).Format(time.RFC3339)}, "to": {to.Format(time.RFC3339)}}
	harness.Eventually(b.t, "the good readings are in the history", func() error {
		if err := b.hub.API.Get("/api/v1/series?"+query.Encode(), &series); err != nil {
			return err
		}
		if len(series.Points) < len(b.sent) {
			return fmt.Errorf("%d of %d", len(series.Points), len(b.sent))
		}
		return nil
	})
	var got []float64
	for _, p := range series.Points {
		got = append(got, p[2])
	}
	if !slices.Equal(got, b.sent) || len(series.Faults) > 0 {
		b.t.Errorf("the history has %v and faults %v, want %v", got, series.Faults, b.sent)
	}
}

// checkLog looks that the log has the good readings and no others.
func (b *badGateway) checkLog() {
	b.t.Helper()
	b.hub.Stop(b.t)
	log, err := eventlog.OpenDir(b.t.Context(), b.hub.LogDir(), 0, slog.New(slog.DiscardHandler))
	if err != nil {
		b.t.Fatal(err)
	}
	defer log.Close()
	got := map[string][]float64{}
	for rec, err := range log.ReadTo(b.t.Context(), 1, log.Last()) {
		if err != nil {
			b.t.Fatal(err)
		}
		for _, e := range rec.Entries {
			r, ok := e.(*record.Readings)
			if !ok {
				continue
			}
			for _, p := range r.Points {
				if p.Metric != "temperature" || p.Quality != telemetry.Good {
					b.t.Errorf("in the log: %s %+v", r.Device, p)
				}
				got[r.Device] = append(got[r.Device], p.Value)
			}
		}
	}
	if !slices.Equal(got[b.id()], b.sent) || len(got) != 2 || !slices.Equal(got["g/victim/"+device], []float64{10}) {
		b.t.Errorf("the log has %v, want %v and the victim's 10", got, b.sent)
	}
}
