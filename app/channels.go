package app

import (
	"errors"

	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/internal/conf"
)

// channels makes the ways to page people that the configuration names, sorted by
// name. Errors carry no secrets.
func (c *HubConfig) channels() ([]notify.Channel, error) {
	var list []notify.Channel
	var errs []error
	for _, name := range sortedKeys(c.Page) {
		ch, err := c.Page[name].open(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		list = append(list, ch)
	}
	return list, errors.Join(errs...)
}

func (ch ChannelConf) open(name string) (notify.Channel, error) {
	cfg := notify.Config{Name: name, URL: ch.URL.V}
	if ch.Webhook.V != "" {
		cfg.URL = ch.Webhook.V
	}
	for _, f := range []struct {
		file conf.At[string]
		into *string
	}{{ch.URLFile, &cfg.URL}, {ch.Secret, &cfg.Secret}} {
		if f.file.V == "" {
			continue
		}
		text, err := secret(f.file.V)
		if err != nil {
			return nil, mistake(f.file.Pos, "channel %s: %w", name, err)
		}
		*f.into = text
	}
	n, err := notify.New(cfg)
	if err != nil {
		return nil, mistake(ch.Pos, "%w", err)
	}
	return n, nil
}
