package notify

import (
	"context"
	"fmt"

	"github.com/nicholas-fedor/shoutrrr/pkg/router"
	"github.com/nicholas-fedor/shoutrrr/pkg/types"
)

// viaShoutrrr sends through one of shoutrrr's services.
//
// Its WeCom and Feishu services do check the error code in the robot's body, so
// they are used as they are. Its mail service is not (see mail). Send there
// takes no context: it runs in a goroutine that is left behind when ctx ends,
// and slots bounds how many can be left behind, so that a provider that never
// answers cannot eat the process.
type viaShoutrrr struct {
	base
	scheme, url string
	slots       chan struct{}
}

// maxStuck is how many sends that never returned a channel puts up with before
// it fails at once.
const maxStuck = 16

func newShoutrrr(b base, scheme, rawURL string) (Channel, error) {
	var r router.ServiceRouter
	if _, err := r.Locate(rawURL); err != nil {
		return nil, fmt.Errorf("channel %s: shoutrrr does not take its %s URL: %s", b.name, scheme, b.clean(err.Error()))
	}
	return &viaShoutrrr{base: b, scheme: scheme, url: rawURL, slots: make(chan struct{}, maxStuck)}, nil
}

// Send hands the text to the service. shoutrrr tells of a failure what the
// provider said, and of a success nothing.
func (c *viaShoutrrr) Send(ctx context.Context, m Message) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, c.limits.Timeout)
	defer cancel()
	select {
	case c.slots <- struct{}{}:
	default:
		return "", c.fail(false, "%d earlier messages still hang at the provider", maxStuck)
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-c.slots }()
		done <- c.send(m)
	}()
	select {
	case err := <-done:
		if err != nil {
			return "", c.fail(false, "%v", err)
		}
		return "accepted by " + c.scheme, nil
	case <-ctx.Done():
		return "", c.fail(false, "no answer from %s: %v", c.scheme, context.Cause(ctx))
	}
}

// maxWeCom is how many bytes of text a WeCom robot takes.
const maxWeCom = 2048

// send makes a service of its own for each message: several of them keep state
// between sends and are not safe for concurrent use. A service that panics over
// an answer must not take the hub with it.
func (c *viaShoutrrr) send(m Message) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("%s service failed: %v", c.scheme, p)
		}
	}()
	var r router.ServiceRouter
	service, err := r.Locate(c.url)
	if err != nil {
		return err
	}
	service.SetLogger(quiet{})
	text := m.Text
	if c.scheme == "wecom" {
		text = cut(text, maxWeCom)
	}
	params := c.params(m)
	return service.Send(text, &params)
}

// params sets what the service knows beyond the text. A parameter that a service
// does not know is an error there, hence the list.
func (c *viaShoutrrr) params(m Message) types.Params {
	p := types.Params{}
	switch c.scheme {
	case "ntfy":
		p["title"] = m.Title.Zh
		if m.Link != "" {
			p["click"] = m.Link
		}
		if m.Severity == "critical" || m.Severity == "major" {
			p["priority"] = "max"
		}
	case "bark", "gotify", "pushover":
		p["title"] = m.Title.Zh
	case "wecom":
		if m.Person.Phone != "" {
			p["mentioned_mobile_list"] = m.Person.Phone
		}
	}
	return p
}
