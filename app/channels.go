package app

import (
	"weishao.dev/weishao/incidents/notify"
	"weishao.dev/weishao/internal/conf"
)

// secrets are what the configuration names in files of their own. No error that
// comes of them holds one.
type secrets struct {
	channels []notify.Channel // sorted by name
	broker   string           // the password there
	influx   string           // the token
}

// readSecrets reads all of them and reports all that are missing.
func readSecrets(c *HubConfig) (s secrets, err error) {
	var errs []error
	for _, name := range sortedKeys(c.Page) {
		ch, err := c.Page[name].open(name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		s.channels = append(s.channels, ch)
	}
	read := func(what string, file conf.At[string]) string {
		text, err := secretOf(what, file)
		errs = append(errs, err)
		return text
	}
	if c.Broker != nil {
		s.broker = read("the broker's password", c.Broker.Password)
	}
	if c.History.Influx != nil {
		s.influx = read("the token of InfluxDB", c.History.Influx.Token)
	}
	return s, together(errs...)
}

// secretOf reads a file that holds one secret; "" where none is named.
func secretOf(what string, file conf.At[string]) (string, error) {
	if file.V == "" {
		return "", nil
	}
	text, err := secret(file.V)
	if err != nil {
		return "", mistake(file.Pos, "%s: %w", what, err)
	}
	return text, nil
}

// open makes one way to page people.
func (ch ChannelConf) open(name string) (notify.Channel, error) {
	cfg := notify.Config{Name: name, URL: ch.URL.V}
	if ch.Webhook.V != "" {
		cfg.URL = ch.Webhook.V
	}
	url, err := secretOf("channel "+name, ch.URLFile)
	if err != nil {
		return nil, err
	}
	if url != "" {
		cfg.URL = url
	}
	if cfg.Secret, err = secretOf("channel "+name, ch.Secret); err != nil {
		return nil, err
	}
	n, err := notify.New(cfg)
	if err != nil {
		return nil, mistake(ch.Pos, "%w", err)
	}
	return n, nil
}
