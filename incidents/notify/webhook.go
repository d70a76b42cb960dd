package notify

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Headers of the signed webhook. The signature is "v1=" and the hex of
// HMAC-SHA256 over the timestamp as written, a full stop, and the body. A
// receiver checks it with Verify and drops a message whose ID it has seen.
const (
	HeaderMessage   = "X-Weishao-Message"   // message ID; also sent as Idempotency-Key
	HeaderTimestamp = "X-Weishao-Timestamp" // Unix seconds when this attempt was made
	HeaderSignature = "X-Weishao-Signature"
)

// maxBody is how much of an answer is read before it is judged.
const maxBody = 64 << 10

type webhook struct {
	base
	url    string
	secret []byte
	client *http.Client
}

func newWebhook(b base, u *url.URL, secret string) (Channel, error) {
	if secret == "" {
		return nil, fmt.Errorf("channel %s: a webhook needs a secret: without one its receiver cannot tell a page from a forgery", b.name)
	}
	if u.Host == "" {
		return nil, fmt.Errorf("channel %s: its url has no host: write https://host/path", b.name)
	}
	return &webhook{base: b, url: u.String(), secret: []byte(secret), client: &http.Client{
		Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: DefaultParallel,
			IdleConnTimeout: 90 * time.Second, ForceAttemptHTTP2: true},
		// Following a redirect would turn the POST into a GET and lose the page.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Send posts the message as JSON.
func (w *webhook) Send(ctx context.Context, m Message) (string, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return "", w.fail(true, "encoding: %v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, w.limits.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url, bytes.NewReader(body))
	if err != nil {
		return "", w.fail(true, "%v", err)
	}
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("User-Agent", "weishao")
	req.Header.Set("Idempotency-Key", m.ID)
	req.Header.Set(HeaderMessage, m.ID)
	req.Header.Set(HeaderTimestamp, stamp)
	req.Header.Set(HeaderSignature, sign(w.secret, stamp, body))
	resp, err := w.client.Do(req)
	if err != nil {
		return "", w.fail(false, "%v", withoutURL(err))
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return "", w.fail(false, "answered %s, then broke off: %v", statusText(resp.StatusCode), err)
	}
	if reason, permanent := checkAnswer(resp.StatusCode, answer); reason != "" {
		return "", w.fail(permanent, "%s: %s", reason, answer)
	}
	return w.clean(statusText(resp.StatusCode) + " " + string(answer)), nil
}

// withoutURL unpacks a *url.Error, whose text repeats the address and so its keys.
func withoutURL(err error) error {
	if ue, ok := errors.AsType[*url.Error](err); ok {
		return ue.Err
	}
	return err
}

func sign(secret []byte, stamp string, body []byte) string {
	h := hmac.New(sha256.New, secret)
	io.WriteString(h, stamp+".")
	h.Write(body)
	return "v1=" + hex.EncodeToString(h.Sum(nil))
}

// Why Verify refuses.
var (
	ErrSignature = errors.New("signature does not match")
	ErrStale     = errors.New("timestamp is too far from now")
)

// Verify checks a webhook's signature and that it was made within tolerance of
// now; a receiver calls it before it believes anything in the body.
func Verify(secret string, h http.Header, body []byte, now time.Time, tolerance time.Duration) error {
	stamp := h.Get(HeaderTimestamp)
	seconds, err := strconv.ParseInt(stamp, 10, 64)
	if err != nil {
		return fmt.Errorf("%s %q is not Unix seconds: %w", HeaderTimestamp, stamp, ErrSignature)
	}
	if !hmac.Equal([]byte(h.Get(HeaderSignature)), []byte(sign([]byte(secret), stamp, body))) {
		return ErrSignature
	}
	if d := now.Sub(time.Unix(seconds, 0)); d > tolerance || d < -tolerance {
		return ErrStale
	}
	return nil
}
