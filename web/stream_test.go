package web

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// A reader that comes and goes, slow or quick, either sees every event in
// order or is told to read everything again after what it missed.
func TestNoEventIsMissedUntold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newStream()
		var l *listener
		lastID := ""    // as a browser keeps it
		var seen uint64 // highest event that the reader knows of, seen or told
		var published uint64
		read := func(n int) {
			for range n {
				select {
				case e := <-l.events:
					switch {
					case e.name == "resync":
						// Reading everything now shows all that is published.
						seen = published
					case e.id > seen+1:
						t.Fatalf("event %d after %d without a resync", e.id, seen)
					default:
						seen = max(seen, e.id)
					}
					lastID = s.name(e.id)
				default:
					return
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				for range rapid.IntRange(1, 300).Draw(t, "events") {
					s.publish("incident", published)
					published++
				}
			},
			"resync all": func(t *rapid.T) { s.resyncAll(); published++ },
			"connect": func(t *rapid.T) {
				if l != nil {
					s.leave(l)
				}
				l = s.listen(lastID)
				if lastID == "" { // a new reader has just read everything
					seen, lastID = published, s.name(l.start)
				}
			},
			"read": func(t *rapid.T) {
				if l != nil {
					read(rapid.IntRange(1, 200).Draw(t, "reads"))
				}
			},
			"": func(t *rapid.T) {
				if len(s.kept) > keptEvents {
					t.Fatalf("%d events kept", len(s.kept))
				}
			},
		})
		if l != nil {
			read(queueEvents + 1)
			if seen != published {
				t.Fatalf("the reader knows of %d events of %d and was not told", seen, published)
			}
		}
	})
}

func TestClosedStreamTakesNoListeners(t *testing.T) {
	s := newStream()
	before := s.listen("")
	s.close()
	for name, l := range map[string]*listener{"before": before, "after": s.listen("")} {
		select {
		case <-l.gone:
		default:
			t.Errorf("the listener from %s is still open", name)
		}
	}
	s.close() // twice does no harm
	s.publish("incident", 1)
}

func TestUnencodableEventIsAResync(t *testing.T) {
	s := newStream()
	l := s.listen("")
	s.publish("incident", func() {})
	if e := <-l.events; e.name != "resync" {
		t.Errorf("got %s, want resync", fmt.Sprint(e))
	}
}
