package notify

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/site"
)

const secret = "s3cret-of-the-test"

func message() Message {
	return Message{ID: "m1", Incident: "i1", Hazard: "gas_leak", Severity: "critical", Title: site.Text{Zh: "【紧急】燃气泄漏", En: "[CRITICAL] Gas leak"},
		Text: "【紧急】燃气泄漏\n先做：开窗", Round: 1, Person: Person{ID: "w1", Phone: "13800000000"}}
}

func channel(t *testing.T, c Config) Channel {
	t.Helper()
	ch, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestWebhookIsSigned(t *testing.T) {
	var body []byte
	var header http.Header
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ = io.ReadAll(r.Body)
		header = r.Header
		io.WriteString(w, `{"errcode":0,"errmsg":"ok"}`)
	}))
	defer srv.Close()
	answer, err := channel(t, Config{Name: "sms", URL: srv.URL + "/hook", Secret: secret}).Send(t.Context(), message())
	if err != nil {
		t.Fatal(err)
	}
	if want := `200 OK {"errcode":0,"errmsg":"ok"}`; answer != want {
		t.Errorf("answer %q, want %q", answer, want)
	}
	var got Message
	if err := json.Unmarshal(body, &got); err != nil || got != message() {
		t.Errorf("body %s, %v", body, err)
	}
	if header.Get(HeaderMessage) != "m1" || header.Get("Idempotency-Key") != "m1" {
		t.Errorf("message ID is not in the header: %v", header)
	}
	now := time.Now()
	if err := Verify(secret, header, body, now, time.Minute); err != nil {
		t.Errorf("our own signature: %v", err)
	}
	if err := Verify("another", header, body, now, time.Minute); !errors.Is(err, ErrSignature) {
		t.Errorf("wrong secret: %v", err)
	}
	if err := Verify(secret, header, append(body, ' '), now, time.Minute); !errors.Is(err, ErrSignature) {
		t.Errorf("changed body: %v", err)
	}
	if err := Verify(secret, header, body, now.Add(time.Hour), time.Minute); !errors.Is(err, ErrStale) {
		t.Errorf("an hour later: %v", err)
	}
	header.Set(HeaderTimestamp, "now")
	if err := Verify(secret, header, body, now, time.Minute); !errors.Is(err, ErrSignature) {
		t.Errorf("no timestamp: %v", err)
	}
}

func TestCheckAnswer(t *testing.T) {
	for _, c := range []struct {
		status    int
		body      string
		ok        bool
		permanent bool
	}{
		{200, "", true, false},
		{204, "", true, false},
		{200, "ok", true, false},
		{200, `[1]`, true, false},
		{200, `{"errcode":0,"errmsg":"ok"}`, true, false},
		{200, `{"code":0,"data":{},"msg":"success"}`, true, false},
		{200, `{"StatusCode":0,"StatusMessage":"success"}`, true, false},
		{200, `{"Code":"OK","Message":"OK"}`, true, false},
		{200, `{"code":200,"message":"success"}`, true, false},
		{200, `{"ok":true,"error":null}`, true, false},
		{200, `{"id":"x","error":""}`, true, false},
		{200, `{"errcode":93000,"errmsg":"invalid webhook url"}`, false, false},
		{200, `{"errcode":200}`, false, false},
		{200, `{"errcode":"45009"}`, false, false},
		{200, `{"code":19001,"msg":"param invalid"}`, false, false},
		{200, `{"StatusCode":1}`, false, false},
		{200, `{"Code":"isv.BUSINESS_LIMIT_CONTROL"}`, false, false},
		{200, `{"ok":false}`, false, false},
		{200, `{"success":false}`, false, false},
		{200, `{"error":"quota"}`, false, false},
		{200, `{"error":{"code":1}}`, false, false},
		{200, `{"errcode":`, false, false},
		{200, "<!DOCTYPE html><title>Log in to the network</title>", false, false},
		{302, "", false, true},
		{400, "", false, true},
		{401, "", false, true},
		{404, "", false, true},
		{408, "", false, false},
		{429, "", false, false},
		{500, "", false, false},
		{503, `{"errcode":0}`, false, false},
	} {
		reason, permanent := checkAnswer(c.status, []byte(c.body))
		if (reason == "") != c.ok || permanent != c.permanent {
			t.Errorf("%d %s: reason %q, permanent %v; want ok %v, permanent %v", c.status, c.body, reason, permanent, c.ok, c.permanent)
		}
	}
}

func FuzzCheckAnswer(f *testing.F) {
	f.Add(200, []byte(`{"errcode":0}`))
	f.Add(500, []byte(`<html>`))
	f.Add(200, []byte(`{"error":{"a":[1,2,{"b":null}]}}`))
	f.Fuzz(func(t *testing.T, status int, body []byte) {
		reason, permanent := checkAnswer(status, body)
		if reason == "" && (permanent || status < 200 || status > 299) {
			t.Errorf("%d %q taken for success", status, body)
		}
	})
}

func TestWebhookThatFails(t *testing.T) {
	for name, c := range map[string]struct {
		handler   http.HandlerFunc
		permanent bool
		want      string
	}{
		"error in the body": {func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"errcode":45009,"errmsg":"api freq out of limit"}`)
		}, false, "45009"},
		"unauthorized": {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "bad signature", http.StatusUnauthorized) }, true, "401"},
		"overloaded":   {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "later", http.StatusServiceUnavailable) }, false, "503"},
		"redirect":     {func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, true, "302"},
		"hangs up": {func(w http.ResponseWriter, _ *http.Request) {
			c, _, _ := w.(http.Hijacker).Hijack()
			c.Close()
		}, false, "EOF"},
		"echoes the secret": {func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "no hook at /hook/"+"TOKEN-IN-PATH signed "+secret, 404)
		}, true, "404"},
		"breaks off": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			io.WriteString(w, `{"errcode":0`)
		}, false, "broke off"},
	} {
		t.Run(name, func(t *testing.T) {
			srv := httptest.NewServer(c.handler)
			defer srv.Close()
			_, err := channel(t, Config{Name: "sms", URL: srv.URL + "/hook/TOKEN-IN-PATH", Secret: secret}).Send(t.Context(), message())
			if err == nil || errors.Is(err, ErrPermanent) != c.permanent || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v; want permanent %v and %q", err, c.permanent, c.want)
			}
			if strings.Contains(err.Error(), secret) || strings.Contains(err.Error(), "TOKEN-IN-PATH") {
				t.Errorf("the error tells a secret: %v", err)
			}
			if len(err.Error()) > MaxAnswer+100 {
				t.Errorf("the error is %d bytes long", len(err.Error()))
			}
		})
	}
}

func TestWebhookThatHangs(t *testing.T) {
	for name, early := range map[string]bool{"before the answer": false, "within the answer": true} {
		t.Run(name, func(t *testing.T) {
			release := make(chan struct{})
			srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if early {
					io.WriteString(w, `{"errcode"`)
					w.(http.Flusher).Flush()
				}
				<-release
			}))
			defer srv.Close()
			defer close(release)
			start := time.Now()
			_, err := channel(t, Config{Name: "sms", URL: srv.URL, Secret: secret, Timeout: 50 * time.Millisecond}).Send(t.Context(), message())
			if err == nil || errors.Is(err, ErrPermanent) {
				t.Errorf("got %v, want a failure worth another try", err)
			}
			if d := time.Since(start); d > 5*time.Second {
				t.Errorf("took %v", d)
			}
			ctx, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := channel(t, Config{Name: "sms", URL: srv.URL, Secret: secret}).Send(ctx, message()); err == nil {
				t.Error("sent after its context ended")
			}
		})
	}
}

func TestConfigMistakes(t *testing.T) {
	for name, c := range map[string]Config{
		"no name":         {URL: "https://example.org", Secret: secret},
		"no URL":          {Name: "x"},
		"no secret":       {Name: "x", URL: "https://example.org/SECRETPATH"},
		"no host":         {Name: "x", URL: "https:///a", Secret: secret},
		"unknown service": {Name: "x", URL: "carrierpigeon://SECRETKEY/"},
		"bad wecom":       {Name: "x", URL: "wecom://"},
		"mail to nobody":  {Name: "x", URL: "smtp://u:SECRETPASS@mail.example.org/?from=hub@example.org"},
		"bad mail option": {Name: "x", URL: "smtp://u:SECRETPASS@mail.example.org/?from=a@b.cn&to=b@b.cn&colour=red"},
	} {
		ch, err := New(c)
		if err == nil {
			t.Errorf("%s: taken as %v", name, ch.Name())
			continue
		}
		if strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error tells a secret: %v", name, err)
		}
	}
}

func TestLimits(t *testing.T) {
	for url, want := range map[string]int{
		"wecom://693axxx6-7aoc-4bc4-97a0-0ec2sifa5aaa": 20,
		"lark://open.feishu.cn/0123456789abcdef":       100,
		"https://example.org":                          0,
	} {
		if got := channel(t, Config{Name: "x", URL: url, Secret: secret}).Limits().PerMinute; got != want {
			t.Errorf("%s: %d a minute, want %d", url, got, want)
		}
	}
}

func TestCut(t *testing.T) {
	if got := cut("燃气泄漏", 9); got != "燃气…" {
		t.Errorf("got %q", got)
	}
	if got := cut("燃气泄漏", 12); got != "燃气泄漏" {
		t.Errorf("got %q", got)
	}
}
