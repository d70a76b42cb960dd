package sse

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
)

func TestReadTakesEventsApart(t *testing.T) {
	const stream = "retry: 1000\n: hello\n\nevent: incident\nid: 7\ndata: {\"a\":1}\n\n" +
		"event: two\ndata: x\ndata: y\r\n\r\ndata: nameless\n\nevent: cut"
	var got []string
	if err := read(strings.NewReader(stream), func(e Event) { got = append(got, e.Name+"="+string(e.Data)) }); err != nil {
		t.Fatal(err)
	}
	if want := []string{`incident={"a":1}`, "two=x\ny", "=nameless"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestFollow(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer t" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		fmt.Fprint(w, "event: incident\ndata: 1\n\n")
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}))
	defer srv.Close()
	ctx, cancel := context.WithCancel(t.Context())
	connected, events := 0, 0
	err := Follow(ctx, srv.URL, "t", func() { connected++ }, func(Event) { events++; cancel() })
	if err != nil || connected != 1 || events != 1 {
		t.Errorf("connected %d times, %d events, %v", connected, events, err)
	}
	if err := Follow(t.Context(), srv.URL, "wrong", nil, func(Event) {}); err == nil || !strings.Contains(err.Error(), "401") {
		t.Errorf("with a wrong token: %v", err)
	}
}
