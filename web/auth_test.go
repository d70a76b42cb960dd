package web_test

import (
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"weishao.dev/weishao/web"
	"weishao.dev/weishao/web/webtest"
)

// The routes come from the table that the mux is made from, so a new one is tried too.
func TestNobodyIsInByDefault(t *testing.T) {
	_, s := sampled(t)
	for pattern, kind := range web.Surface(s) {
		if kind == "open" {
			continue
		}
		method, target := web.Request(pattern)
		for name, c := range map[string]client{
			"nobody":            as(t, s, ""),
			"a wrong token":     as(t, s, "wrong"),
			"a wrong cookie":    as(t, s, "").with("Cookie", "weishao_session=wrong"),
			"an empty cookie":   as(t, s, "").with("Cookie", "weishao_session="),
			"another scheme":    as(t, s, "").with("Authorization", "Basic d2FuZzp3YW5n"),
			"a token as cookie": as(t, s, "").with("Cookie", "weishao_session="+webtest.WardenToken),
		} {
			resp := c.do(method, target, "")
			switch {
			case kind == "page" && resp.StatusCode == http.StatusSeeOther && resp.Header.Get("Location") == "/sign-in":
			case kind == "api" && resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") != "":
			default:
				t.Errorf("%s as %s: got %d %s", pattern, name, resp.StatusCode, resp.Header.Get("Location"))
			}
		}
	}
}

func TestRoles(t *testing.T) {
	for _, test := range []struct {
		method, target, body string
		api                  bool
		allowed              string // initials of the roles
	}{
		{"GET", "/", "", false, "w o p"},
		{"GET", "/incidents/a1gas", "", false, "w o p"},
		{"GET", "/officer", "", false, "o p"},
		{"GET", "/officer/incidents", "", false, "o p"},
		{"GET", "/officer/incidents/a1gas", "", false, "o p"},
		{"GET", "/officer/devices/beixin/gw-1/b17-meter", "", false, "o p"},
		{"GET", "/metrics", "", true, "w o p"},
		{"POST", "/api/v1/incidents/a1gas/ack", "{}", true, "w p"},
		{"POST", "/api/v1/incidents/a1gas/arrive", "", true, "w p"},
		{"POST", "/api/v1/incidents/a1gas/resolve", `{"outcome":"test"}`, true, "w p"},
		{"POST", "/api/v1/incidents/d4smoke/verify", "{}", true, "o p"},
		{"POST", "/incidents/a1gas/ack", "", false, "w p"},
		{"POST", "/incidents/d4smoke/verify", "", false, "o p"},
	} {
		for initial, token := range map[string]string{"w": webtest.WardenToken, "o": webtest.OfficerToken, "p": webtest.OperatorToken} {
			_, s := sampled(t)
			got := as(t, s, token).do(test.method, test.target, test.body).StatusCode
			want := strings.Contains(test.allowed, initial)
			if (got < 400) != want || !want && got != http.StatusForbidden {
				t.Errorf("%s %s as %s: got %d, want allowed %v", test.method, test.target, token, got, want)
			}
		}
	}
}

func TestAnotherSitesPageCannotAct(t *testing.T) {
	w, s := sampled(t)
	cookie := "weishao_session=" + w.NewSession(web.Warden)
	before := w.Acts()
	for _, target := range []string{"/api/v1/incidents/a1gas/ack", "/incidents/a1gas/ack", "/sign-out", "/sign-in"} {
		for name, value := range map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://elsewhere.example"} {
			as(t, s, "").with("Cookie", cookie).with(name, value).want(http.StatusForbidden, "POST", target, "")
		}
	}
	if w.Acts() != before {
		t.Errorf("another site's page acted: %d acts, want %d", w.Acts(), before)
	}
	as(t, s, "").with("Cookie", cookie).with("Sec-Fetch-Site", "same-origin").want(200, "POST", "/api/v1/incidents/a1gas/ack", "")
}

func TestGetChangesNothing(t *testing.T) {
	w, s := sampled(t)
	before := w.Acts()
	for _, token := range []string{webtest.WardenToken, webtest.OperatorToken} {
		for pattern := range web.Surface(s) {
			if _, target := web.Request(pattern); !strings.Contains(target, "/events") {
				as(t, s, token).do("GET", target, "")
			}
		}
	}
	if w.Acts() != before {
		t.Errorf("GET acted: %d acts, want %d", w.Acts(), before)
	}
}

func TestSignInLinkIsOnlyRedeemedByItsButton(t *testing.T) {
	_, s := sampled(t)
	c := as(t, s, "")
	for range 3 { // a chat program previews it
		if page := c.want(200, "GET", "/sign-in?code="+webtest.SignInCode, ""); !strings.Contains(page, `value="`+webtest.SignInCode+`"`) {
			t.Fatal("the sign-in page does not carry the code to its button")
		}
	}
	form := c.with("Content-Type", "application/x-www-form-urlencoded")
	resp := form.do("POST", "/sign-in", "code="+webtest.SignInCode)
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "/" {
		t.Fatalf("sign-in: got %d to %q, want 303 to /", resp.StatusCode, resp.Header.Get("Location"))
	}
	cookie := resp.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" || cookie.Secure {
		t.Errorf("cookie over plain HTTP: %+v", cookie)
	}
	in := c.with("Cookie", cookie.Name+"="+cookie.Value)
	in.want(200, "GET", "/", "")
	form.want(http.StatusForbidden, "POST", "/sign-in", "code="+webtest.SignInCode)
	form.want(http.StatusForbidden, "POST", "/sign-in", "")

	out := in.do("POST", "/sign-out", "")
	if gone := out.Cookies()[0]; gone.MaxAge >= 0 || gone.Value != "" {
		t.Errorf("sign-out leaves the cookie: %+v", gone)
	}
	in.want(http.StatusSeeOther, "GET", "/", "")
}

func TestCookieIsSecureOverTLS(t *testing.T) {
	_, s := sampled(t)
	r := httptest.NewRequest("POST", "/sign-in", strings.NewReader("code="+webtest.SignInCode))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.TLS = &tls.ConnectionState{}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	if c := w.Result().Cookies(); len(c) != 1 || !c[0].Secure {
		t.Errorf("cookies over TLS: %v, want one that is Secure", c)
	}
	if w.Header().Get("Strict-Transport-Security") == "" {
		t.Error("no Strict-Transport-Security over TLS")
	}
}

func TestBrokenStoreIsNotASignOut(t *testing.T) {
	_, s := sampled(t)
	as(t, s, "broken").problem(500, "GET", "/api/v1/duty", "")
	body := as(t, s, "broken").want(500, "GET", "/", "")
	if strings.Contains(body, "on fire") {
		t.Error("an internal error's text is on the page")
	}
}

func TestSecurityHeaders(t *testing.T) {
	_, s := sampled(t)
	for _, target := range []string{"/", "/sign-in", "/healthz", "/api/v1/duty", "/nowhere"} {
		h := as(t, s, webtest.WardenToken).do("GET", target, "").Header
		csp := h.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(csp, want) {
				t.Errorf("%s: policy %q lacks %s", target, csp, want)
			}
		}
		if strings.Contains(csp, "unsafe") || strings.Contains(csp, "http") {
			t.Errorf("%s: policy %q lets something in", target, csp)
		}
		if h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" {
			t.Errorf("%s: headers %v", target, h)
		}
	}
}
