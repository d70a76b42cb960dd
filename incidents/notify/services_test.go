package notify

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
)

// TestNtfy goes through shoutrrr to a server of the test's own.
func TestNtfy(t *testing.T) {
	var got *http.Request
	var body []byte
	status := 200
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, body = r, nil
		body, _ = io.ReadAll(r.Body)
		w.WriteHeader(status)
		if status == 200 {
			io.WriteString(w, `{"id":"abc"}`)
		} else {
			io.WriteString(w, `{"code":40301,"http":403,"error":"forbidden: secret-topic-name"}`)
		}
	}))
	defer srv.Close()
	ch := channel(t, Config{Name: "ntfy", URL: "ntfy://user:password1@" + strings.TrimPrefix(srv.URL, "http://") + "/secret-topic-name?scheme=http"})
	m := message()
	m.Link = "https://hub.example.org/incidents/i1"
	if _, err := ch.Send(t.Context(), m); err != nil {
		t.Fatal(err)
	}
	if string(body) != m.Text || got.URL.Path != "/secret-topic-name" || got.Header.Get("Click") != m.Link || got.Header.Get("Title") != m.Title.Zh {
		t.Errorf("got %s to %s with %v", body, got.URL, got.Header)
	}
	status = 403
	if _, err := ch.Send(t.Context(), m); err == nil || strings.Contains(err.Error(), "secret-topic") || strings.Contains(err.Error(), "password1") {
		t.Errorf("refused: got %v, want an error without secrets", err)
	}
}

// TestServiceThatHangs: shoutrrr cannot be interrupted, and must not be waited for.
func TestServiceThatHangs(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	ch := channel(t, Config{Name: "ntfy", URL: "ntfy://" + strings.TrimPrefix(srv.URL, "http://") + "/topic?scheme=http", Timeout: 20 * time.Millisecond})
	for range maxStuck + 3 {
		if _, err := ch.Send(t.Context(), message()); err == nil {
			t.Fatal("sent")
		}
	}
	if n := len(ch.(*viaShoutrrr).slots); n != maxStuck {
		t.Errorf("%d sends are left behind, want at most %d", n, maxStuck)
	}
}

// mailServer speaks just enough SMTP to refuse at a chosen command. The real mail
// server is in mailpit_test.go.
func mailServer(t *testing.T, refuse map[string]string) (address string, mails <-chan string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	got := make(chan string, 10)
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go talk(c, refuse, got)
		}
	}()
	return l.Addr().String(), got
}

func talk(c net.Conn, refuse map[string]string, got chan<- string) {
	defer c.Close()
	r := bufio.NewReader(c)
	fmt.Fprint(c, "220 test\r\n")
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		command := strings.ToUpper(strings.Fields(line + " -")[0])
		answer := map[string]string{"EHLO": "250 test", "DATA": "354 go on"}[command]
		if answer == "" {
			answer = "250 OK"
		}
		if a, ok := refuse[command]; ok {
			if a == "" { // hang up
				return
			}
			fmt.Fprint(c, a+"\r\n")
			continue
		}
		fmt.Fprint(c, answer+"\r\n")
		if command == "DATA" {
			var b strings.Builder
			for line != ".\r\n" {
				if line, err = r.ReadString('\n'); err != nil {
					return
				}
				b.WriteString(line)
			}
			if a, ok := refuse["."]; ok {
				fmt.Fprint(c, a+"\r\n")
				continue
			}
			fmt.Fprint(c, "250 2.0.0 queued as 4711\r\n")
			got <- b.String()
		}
	}
}

func TestMail(t *testing.T) {
	for name, c := range map[string]struct {
		refuse    map[string]string
		ok        bool
		permanent bool
		want      string
	}{
		"taken":                      {nil, true, false, "queued as 4711"},
		"taken, then hangs up":       {map[string]string{"QUIT": "", "RSET": ""}, true, false, "queued as 4711"},
		"unknown recipient":          {map[string]string{"RCPT": "550 5.1.1 no such user"}, false, true, "no such user"},
		"greylisted":                 {map[string]string{"RCPT": "451 4.7.1 try again later"}, false, false, "try again later"},
		"content refused":            {map[string]string{".": "554 5.7.1 looks like spam"}, false, true, "looks like spam"},
		"server full":                {map[string]string{".": "452 4.3.1 no space"}, false, false, "no space"},
		"hangs up before the answer": {map[string]string{"DATA": ""}, false, false, "EOF"},
	} {
		t.Run(name, func(t *testing.T) {
			address, mails := mailServer(t, c.refuse)
			ch := channel(t, Config{Name: "mail", URL: "smtp://" + address + "/?from=hub@example.org&to=warden@example.org&starttls=no"})
			answer, err := ch.Send(t.Context(), message())
			if (err == nil) != c.ok || errors.Is(err, ErrPermanent) != c.permanent || !strings.Contains(fmt.Sprint(answer, err), c.want) {
				t.Fatalf("got %q, %v; want ok %v, permanent %v, %q", answer, err, c.ok, c.permanent, c.want)
			}
			if !c.ok {
				return
			}
			mail := <-mails
			for _, want := range []string{"Message-ID: <m1@", "To: <warden@example.org>", "=?UTF-8?q?=E3=80=90=E7=B4=A7"} {
				if !strings.Contains(mail, want) {
					t.Errorf("no %q in\n%s", want, mail)
				}
			}
		})
	}
}

func TestMailServerThatHangs(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close() // accepts by its backlog, never says a word
	ch := channel(t, Config{Name: "mail", URL: "smtp://" + l.Addr().String() + "/?from=hub@example.org&to=w@example.org", Timeout: 100 * time.Millisecond})
	start := time.Now()
	if _, err := ch.Send(t.Context(), message()); err == nil || errors.Is(err, ErrPermanent) {
		t.Errorf("got %v, want a failure worth another try", err)
	}
	if d := time.Since(start); d > 5*time.Second {
		t.Errorf("took %v", d)
	}
}
