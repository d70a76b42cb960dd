package harness

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"
	"time"
)

// Mailpit is a real SMTP server, which shows by HTTP what it has got.
type Mailpit struct {
	*Process
	SMTP, HTTP string // host:port
}

// Mail is what tests read of one.
type Mail struct {
	MessageID string
	Subject   string
	To        []struct{ Address string }
	Created   time.Time
}

// NewMailpit starts one that takes every mail. It ends with the test.
func NewMailpit(t testing.TB) *Mailpit {
	t.Helper()
	m := &Mailpit{SMTP: FreeAddr(t), HTTP: FreeAddr(t)}
	m.Process = Start(t, nil, Dep(t, "bin/mailpit"), "--smtp", m.SMTP, "--listen", m.HTTP, "--disable-version-check")
	Eventually(t, "mailpit listens", func() error {
		_, err := m.Mails()
		return err
	})
	return m
}

// URL is a channel's that sends to a person's address.
func (m *Mailpit) URL(person string) string {
	return fmt.Sprintf("smtp://%s/?from=hub@example.org&to=%s@example.org&starttls=no", m.SMTP, person)
}

// Mails are all that it has, newest first.
func (m *Mailpit) Mails() ([]Mail, error) {
	resp, err := http.Get("http://" + m.HTTP + "/api/v1/messages?limit=1000")
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	var list struct{ Messages []Mail }
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		return nil, fmt.Errorf("mailpit: %s: %w", resp.Status, err)
	}
	return list.Messages, nil
}
