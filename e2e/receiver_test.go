package e2e

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/incidents/notify"
)

// hookSecret signs the pages.
const hookSecret = "a secret of the test's own"

// receiver takes signed pages as a gateway to SMS would, badly: wang's are never
// answered; the first one that zhao gets is refused, then not answered, then answered
// with an error in a body that came with 200, then not answered, and then taken. All
// others are taken.
type receiver struct {
	*httptest.Server
	mu    sync.Mutex
	list  []*delivery
	first string // message
	wrong []error
}

// delivery is one request.
type delivery struct {
	message, incident, person string
	attempt                   int // of this message, from 1
	ended                     chan struct{}
}

func newReceiver(t *testing.T) *receiver {
	t.Helper()
	r := &receiver{}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func hookChannels(t *testing.T, r *receiver, people []string) string {
	t.Helper()
	secret := harness.WriteFile(t, t.TempDir(), "secret", hookSecret)
	text := "channels:\n"
	for _, p := range people {
		text += fmt.Sprintf("  %s: {webhook: %q, secret_file: %q}\n", p, r.URL, secret)
	}
	return text
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	d, first, err := r.take(req)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	defer close(d.ended)
	switch {
	case d.person == "wang", first && (d.attempt == 2 || d.attempt == 4):
		<-req.Context().Done()
	case first && d.attempt == 1:
		http.Error(w, "no", http.StatusInternalServerError)
	case first && d.attempt == 3:
		io.WriteString(w, `{"errcode":93000,"errmsg":"invalid webhook url"}`)
	default:
		io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}
}

// take notes a request; first says that it is of zhao's first message.
func (r *receiver) take(req *http.Request) (d *delivery, first bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() {
		if err != nil {
			r.wrong = append(r.wrong, err)
		}
	}()
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, false, err
	}
	if err := notify.Verify(hookSecret, req.Header, body, time.Now(), time.Minute); err != nil {
		return nil, false, err
	}
	var m notify.Message
	if err := json.Unmarshal(body, &m); err != nil {
		return nil, false, err
	}
	d = &delivery{message: m.ID, incident: m.Incident, person: m.Person.ID, attempt: 1, ended: make(chan struct{})}
	for _, before := range r.list {
		if before.message == d.message {
			d.attempt++
		}
	}
	r.list = append(r.list, d)
	if r.first == "" && d.person == "zhao" {
		r.first = d.message
	}
	return d, d.message == r.first, nil
}

// attempt waits for an attempt of a person's first message about an incident.
func (r *receiver) attempt(t *testing.T, person, incident string, attempt int) (d *delivery) {
	t.Helper()
	harness.Eventually(t, fmt.Sprintf("attempt %d to page %s", attempt, person), func() error {
		r.mu.Lock()
		defer r.mu.Unlock()
		message, n := "", 0
		for _, got := range r.list {
			if got.person != person || got.incident != incident || message != "" && message != got.message {
				continue
			}
			message, n = got.message, got.attempt
			if n == attempt {
				d = got
				return nil
			}
		}
		return fmt.Errorf("there were %d of %d requests", n, len(r.list))
	})
	return d
}

// check looks at all that came: an incident that was acknowledged while the first
// page was under way has no other.
func (r *receiver) check(t *testing.T, acknowledged string) {
	t.Helper()
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, err := range r.wrong {
		t.Errorf("a request that is not a page: %v", err)
	}
	n := 0
	for _, d := range r.list {
		if d.incident == acknowledged {
			n++
		}
	}
	if n != 1 {
		t.Errorf("%d pages about the incident that was acknowledged during the first", n)
	}
}
