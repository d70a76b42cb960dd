package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"net/url"
	"slices"
	"strings"

	shoutmail "github.com/nicholas-fedor/shoutrrr/pkg/services/email/smtp"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
	gomail "github.com/wneessen/go-mail"
)

// mail sends through an SMTP server. The channel is configured by shoutrrr's
// smtp URL, smtp://user:password@host:port/?from=…&to=…,… , and sent by go-mail:
// shoutrrr's own sender limits only the time to connect, writes Chinese subjects
// unencoded, gives no Message-ID, and reports a failure when a server that has
// taken the mail hangs up on QUIT, which would page twice.
type mail struct {
	base
	conf *shoutmail.Config
}

func newMail(b base, u *url.URL) (Channel, error) {
	plain := *u
	if plain.Scheme == "smtps" {
		plain.Scheme = "smtp"
		q := plain.Query()
		q.Set("encryption", "ImplicitTLS")
		plain.RawQuery = q.Encode()
	}
	var service shoutmail.Service
	if err := service.Initialize(&plain, quiet{}); err != nil {
		return nil, fmt.Errorf("channel %s: %s: write smtp://user:password@host:port/?from=hub@example.org&to=warden@example.org", b.name, b.clean(err.Error()))
	}
	c := service.Config
	if c.Host == "" {
		return nil, fmt.Errorf("channel %s: its smtp url has no host", b.name)
	}
	c.FixEmailTags()
	return &mail{base: b, conf: c}, nil
}

// quiet is the logger that shoutrrr insists on.
type quiet struct{}

var _ types.StdLogger = quiet{}

func (quiet) Print(...any)          {}
func (quiet) Printf(string, ...any) {}
func (quiet) Println(...any)        {}

// Send delivers one mail to all the channel's addresses and returns what the
// server said to the message itself.
func (c *mail) Send(ctx context.Context, m Message) (string, error) {
	msg, err := c.compose(m)
	if err != nil {
		return "", c.fail(true, "%v", err)
	}
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	client, err := gomail.NewClient(c.conf.Host, c.options(ctx)...)
	if err != nil {
		return "", c.fail(true, "%v", err)
	}
	err = client.DialAndSendWithContext(ctx, msg)
	if err != nil && !msg.IsDelivered() { // a farewell that fails after delivery is no failure
		return "", c.fail(permanentMail(err), "%v", err)
	}
	return c.clean(msg.ServerResponse()), nil
}

// permanentMail: the server refused the message or its recipients for good, or
// does not know the password. What it says before is about the server itself.
func permanentMail(err error) bool {
	if refused, ok := errors.AsType[*gomail.SendError](err); ok {
		return !refused.IsTemp() && refused.ErrorCode() >= 500
	}
	answer, ok := errors.AsType[*textproto.Error](err)
	return ok && slices.Contains([]int{530, 534, 535, 538}, answer.Code) // RFC 4954
}

func (c *mail) compose(m Message) (*gomail.Msg, error) {
	msg := gomail.NewMsg()
	if err := msg.FromFormat(c.conf.FromName, c.conf.FromAddress); err != nil {
		return nil, fmt.Errorf("sender: %w", err)
	}
	if err := msg.To(c.conf.ToAddresses...); err != nil {
		return nil, fmt.Errorf("recipients: %w", err)
	}
	msg.Subject(strings.TrimSpace(m.Title.Zh + " " + m.Title.En))
	msg.SetMessageIDWithValue(m.ID + "@weishao.invalid")
	msg.SetDate()
	msg.SetImportance(gomail.ImportanceHigh)
	msg.SetGenHeader("Auto-Submitted", "auto-generated") // keeps out-of-office answers away
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	return msg, nil
}

// implicitTLS says whether the connection begins with TLS.
func (c *mail) implicitTLS() bool {
	return c.conf.Encryption == shoutmail.EncImplicitTLS ||
		c.conf.Encryption == shoutmail.EncAuto && c.conf.Port == shoutmail.ImplicitTLSPort
}

func (c *mail) options(ctx context.Context) []gomail.Option {
	policy := gomail.TLSOpportunistic
	switch {
	case !c.conf.UseStartTLS || c.conf.Encryption == shoutmail.EncNone:
		policy = gomail.NoTLS
	case c.conf.RequireStartTLS || c.conf.Encryption == shoutmail.EncExplicitTLS:
		policy = gomail.TLSMandatory
	}
	opts := []gomail.Option{gomail.WithPort(int(c.conf.Port)), gomail.WithTimeout(c.limits.Timeout), gomail.WithTLSPolicy(policy)}
	if c.implicitTLS() {
		opts = append(opts, gomail.WithSSL())
	} else {
		opts = append(opts, gomail.WithDialContextFunc(boundTo(ctx)))
	}
	if c.conf.SkipTLSVerify {
		opts = append(opts, gomail.WithTLSConfig(&tls.Config{ServerName: c.conf.Host, MinVersion: tls.VersionTLS12, InsecureSkipVerify: true}))
	}
	if c.conf.ClientHost != "" && c.conf.ClientHost != "auto" {
		opts = append(opts, gomail.WithHELO(c.conf.ClientHost))
	}
	if c.conf.Username != "" {
		auth := gomail.SMTPAuthPlain
		switch c.conf.Auth {
		case shoutmail.AuthCRAMMD5:
			auth = gomail.SMTPAuthCramMD5
		case shoutmail.AuthOAuth2:
			auth = gomail.SMTPAuthXOAUTH2
		}
		opts = append(opts, gomail.WithSMTPAuth(auth), gomail.WithUsername(c.conf.Username), gomail.WithPassword(c.conf.Password))
	}
	return opts
}

// boundTo dials connections that are closed when ctx ends. go-mail looks at the
// context only while it dials, renews its deadline with each step, and leaves
// the connection open when the greeting fails.
func boundTo(ctx context.Context) gomail.DialContextFunc {
	return func(dialing context.Context, network, address string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(dialing, network, address)
		if err == nil {
			context.AfterFunc(ctx, func() { conn.Close() })
		}
		return conn, err
	}
}
