package notify

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"weishao.dev/weishao/site"
)

// ErrPermanent marks a failure that another attempt cannot mend.
var ErrPermanent = errors.New("will not succeed by trying again")

// Message is one page to one person about one incident.
type Message struct {
	ID       string    `json:"id"`       // the same on every attempt
	Incident string    `json:"incident"` // incident ID
	Hazard   string    `json:"hazard"`
	Severity string    `json:"severity"`
	Title    site.Text `json:"title"` // one line: severity, hazard, place
	Place    site.Text `json:"place"`
	Do       site.Text `json:"do"` // what to do first
	Since    string    `json:"since"`
	Text     string    `json:"text"` // the whole page as plain text, Chinese then English
	Link     string    `json:"link,omitempty"`
	Round    int       `json:"round"` // 1 for the first pass through the chain
	Person   Person    `json:"person"`
}

// Person is whom the page is for; an SMS gateway behind a webhook needs the
// telephone number, a chat robot mentions it.
type Person struct {
	ID    string    `json:"id"`
	Name  site.Text `json:"name"`
	Phone string    `json:"phone,omitempty"`
}

// Channel is one way to reach people. It is safe for concurrent use.
type Channel interface {
	Name() string
	Limits() Limits
	// Send delivers the message and returns what the provider answered, at most
	// MaxAnswer bytes. It returns no later than ctx ends.
	Send(ctx context.Context, m Message) (answer string, err error)
}

// Limits is how hard a channel may be driven.
type Limits struct {
	PerMinute int           // messages in any 60 s; 0: no limit
	Parallel  int           // attempts at the same time; at least 1
	Timeout   time.Duration // of one attempt
}

// Defaults of Limits. A robot's limit counts per robot, so it is the channel's.
const (
	DefaultTimeout  = 10 * time.Second
	DefaultParallel = 4
	MaxAnswer       = 500 // bytes of a provider's answer that are kept
)

// perMinute is what providers state; the rest are unlimited.
func perMinute(scheme string) int {
	switch scheme {
	case "wecom":
		return 20
	case "lark":
		return 100
	}
	return 0
}

// Config is one channel of the hub's configuration.
type Config struct {
	Name      string        // what people's pages lists name
	URL       string        // https://… is a signed webhook, smtp://… a mail server, anything else a shoutrrr URL
	Secret    string        // signs the webhook; required there
	PerMinute int           // 0: the provider's stated limit
	Timeout   time.Duration // of one attempt; 0: DefaultTimeout
}

// New makes the channel that c describes. Its errors name the channel, never
// its secrets.
func New(c Config) (Channel, error) {
	if c.Name == "" {
		return nil, errors.New("notification channel without a name: give it one that people's pages lists can use")
	}
	u, err := url.Parse(c.URL)
	if err != nil || u.Scheme == "" {
		return nil, fmt.Errorf("channel %s: its url is not a URL: write https://…, smtp://… or a shoutrrr URL such as wecom://KEY", c.Name)
	}
	scheme := strings.ToLower(u.Scheme)
	b := base{name: c.Name, secrets: secretsOf(u, c.Secret), limits: Limits{PerMinute: c.PerMinute, Parallel: DefaultParallel, Timeout: c.Timeout}}
	if b.limits.Timeout <= 0 {
		b.limits.Timeout = DefaultTimeout
	}
	if b.limits.PerMinute <= 0 {
		b.limits.PerMinute = perMinute(scheme)
	}
	switch scheme {
	case "http", "https":
		return newWebhook(b, u, c.Secret)
	case "smtp", "smtps":
		return newMail(b, u)
	default:
		return newShoutrrr(b, scheme, c.URL)
	}
}

// base is what all channels have.
type base struct {
	name    string
	limits  Limits
	secrets []string
}

func (b base) Name() string   { return b.name }
func (b base) Limits() Limits { return b.limits }

// fail makes an error that is safe to show: without secrets, and short.
func (b base) fail(permanent bool, format string, args ...any) error {
	text := b.clean(fmt.Sprintf(format, args...))
	if permanent {
		return fmt.Errorf("%s: %w", text, ErrPermanent)
	}
	return errors.New(text)
}

// clean takes the secrets out of text and cuts it to MaxAnswer bytes.
func (b base) clean(text string) string {
	for _, s := range b.secrets {
		text = strings.ReplaceAll(text, s, "…")
	}
	return cut(strings.TrimSpace(text), MaxAnswer)
}

// secretsOf lists the parts of a channel's URL that give access: user, password,
// path elements, query values, and for robots the host, which is the key.
func secretsOf(u *url.URL, more ...string) []string {
	var list []string
	add := func(s string) {
		if len(s) < 6 { // "/", "send", "yes": too short to be a secret, too common to blank
			return
		}
		list = append(list, s)
		if e := url.QueryEscape(s); e != s {
			list = append(list, e)
		}
	}
	list = append(list, u.String())
	for _, s := range more {
		add(s)
	}
	if p, ok := u.User.Password(); ok {
		add(p)
	}
	if u.User != nil && u.Scheme != "smtp" {
		add(u.User.Username())
	}
	mail := strings.HasPrefix(u.Scheme, "smtp")
	if !mail {
		for s := range strings.SplitSeq(u.Path, "/") {
			add(s)
		}
		for _, values := range u.Query() {
			for _, v := range values {
				add(v)
			}
		}
	}
	if u.Scheme == "wecom" {
		add(u.Host)
	}
	return list
}

// cut shortens s to at most n bytes without splitting a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	const dots = "…"
	n -= len(dots)
	for n > 0 && s[n]&0xC0 == 0x80 {
		n--
	}
	return s[:n] + dots
}
