package app

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	nb "weishao.dev/weishao/app/neighbourhood"
	"weishao.dev/weishao/app/sse"
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/site"
)

// narrator says what the hub finds, as a page would show it: it listens to the
// hub's events like any other program.
type narrator struct {
	out        *teller
	site       *site.Site
	url, token string
	start      time.Time

	mu    sync.Mutex
	known map[string]incidents.Incident // by ID; those of earlier runs too
}

// listen makes a narrator that knows what there is before the story begins.
func (s *stage) listen(ctx context.Context, start time.Time) (*narrator, error) {
	n := &narrator{out: s.out, site: s.site, url: s.hub.URL(), token: s.token, start: start, known: map[string]incidents.Incident{}}
	return n, n.recall(ctx)
}

// recall reads the newest incidents.
func (n *narrator) recall(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, n.url+"/api/v1/incidents?limit=500", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+n.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	var list struct {
		Items []incidents.Incident `json:"items"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return fmt.Errorf("the incidents so far: %s: %w", resp.Status, err)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, i := range list.Items {
		n.known[i.ID] = i
	}
	return nil
}

// follow listens until ctx ends; what it cannot hear it does not tell.
func (n *narrator) follow(ctx context.Context) error {
	for ctx.Err() == nil {
		err := sse.Follow(ctx, n.url, n.token, nil, func(e sse.Event) {
			var i incidents.Incident
			if e.Name == "incident" && json.Unmarshal(e.Data, &i) == nil {
				n.hear(i)
			}
		})
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	return nil
}

// hear tells of an incident what is new about it.
func (n *narrator) hear(i incidents.Incident) {
	n.mu.Lock()
	defer n.mu.Unlock()
	was, known := n.known[i.ID]
	n.known[i.ID] = i
	zh, en := n.title(i, "zh"), n.title(i, "en")
	switch {
	case !known && i.State.Live():
		n.out.say("▲ "+zh+"：已在网格员的页面上", "▲ "+en+": on the warden's page")
	case !known:
	case i.State != was.State && i.State == incidents.StateAcknowledged:
		n.out.say("✓ "+zh+"："+i.AckBy+" 已接警，不再呼叫", "✓ "+en+": taken by "+i.AckBy+", paging stops")
	case i.State != was.State && i.State == incidents.StateOnSite:
		n.out.say("✓ "+zh+"："+i.ArrivedBy+" 已到场", "✓ "+en+": "+i.ArrivedBy+" is there")
	case i.State != was.State && i.State == incidents.StateResolved && i.ResolvedBy == "":
		n.out.say("✓ "+zh+"：已自行恢复", "✓ "+en+": is over by itself")
	case i.State != was.State && i.State == incidents.StateResolved:
		n.out.say("✓ "+zh+"："+i.ResolvedBy+" 已处置", "✓ "+en+": dealt with by "+i.ResolvedBy)
	case was.Cleared != 0 && i.Cleared == 0:
		n.out.say("▲ "+zh+"：又来了", "▲ "+en+": it is back")
	case was.Cleared == 0 && i.Cleared != 0:
		n.out.say("▽ "+zh+"：读数已恢复正常，等人处置", "▽ "+en+": readings are normal again, somebody still has to see to it")
	}
}

// title is hazard and place as people say them.
func (n *narrator) title(i incidents.Incident, lang string) string {
	what := i.Message.In(lang)
	if what == "" {
		what = string(i.Hazard)
	}
	return what + ", " + n.where(i, lang)
}

func (n *narrator) where(i incidents.Incident, lang string) string {
	if i.Node != "" {
		if node := n.site.Nodes[i.Node]; node != nil {
			return node.Name.In(lang)
		}
		return i.Node
	}
	if len(i.Places) == 0 {
		return i.Zone
	}
	if p := n.site.Places[i.Places[0]]; p != nil {
		return p.Path(lang)
	}
	return i.Places[0]
}

// sum says after three minutes what came of the story.
func (n *narrator) sum() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.out.say("三分钟："+n.came("zh"), "Three minutes: "+n.came("en"))
}

// found reports whether an incident that fits is of this run, or still holds from
// one before.
func (n *narrator) found(fits func(incidents.Incident) bool) bool {
	for _, i := range n.known {
		if fits(i) && (i.Cleared == 0 || i.Opened.Std().After(n.start)) {
			return true
		}
	}
	return false
}

func (n *narrator) came(lang string) string {
	of := func(device string) bool {
		return n.found(func(i incidents.Incident) bool { return slices.Contains(i.Devices, device) })
	}
	back := n.found(func(i incidents.Incident) bool { return i.Node == nb.CutGateway && !i.State.Live() })
	var parts []string
	tell := func(ok bool, yes, no site.Text) {
		if !ok {
			yes = no
		}
		parts = append(parts, yes.In(lang))
	}
	tell(of(nb.ChargeDevice), site.Text{Zh: "飞线认出来了", En: "the flying wire was recognised"}, site.Text{Zh: "飞线没有认出来", En: "the flying wire was NOT recognised"})
	tell(of(nb.LeakDevice), site.Text{Zh: "燃气泄漏报了警", En: "the gas leak was raised"}, site.Text{Zh: "燃气泄漏没有报警", En: "the gas leak was NOT raised"})
	tell(!of(nb.BurstDevice), site.Text{Zh: "爆炒没有惊动任何人", En: "the cooking burst disturbed nobody"}, site.Text{Zh: "爆炒误报了", En: "the cooking burst was a FALSE alarm"})
	tell(back, site.Text{Zh: "网关断线又恢复", En: "the gateway was missed and is back"}, site.Text{Zh: "网关还没有回来", En: "the gateway is not back yet"})
	if lang == "zh" {
		return strings.Join(parts, "，")
	}
	return strings.Join(parts, ", ")
}
