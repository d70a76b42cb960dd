package gateway

import (
	"fmt"
	"os"

	"go.yaml.in/yaml/v3"

	"weishao.dev/weishao/internal/conf"
)

// Pushed is what a hub may push: what a gateway measures and by which rules it
// judges. Where it goes, who it is and what it drives are its own. A part that is
// there takes the place of the configuration's own.
type Pushed struct {
	Pos         conf.Pos          `yaml:"-"`
	Supervision *Supervision      `yaml:"supervision"`
	Rules       []conf.At[string] `yaml:"rules"` // paths on the gateway, relative to its own configuration
	Nodes       []yaml.Node       `yaml:"devices"`
}

// overlay puts the pushed parts over the configuration's own, and says in which file
// the devices stand then.
func (c *Config) overlay(path, pushed string) (devices string, err error) {
	if pushed == "" {
		return path, nil
	}
	data, err := os.ReadFile(pushed)
	if err != nil {
		return path, fmt.Errorf("the configuration that was pushed: %w", err)
	}
	var p Pushed
	if err := conf.Decode(pushed, data, &p); err != nil {
		return path, err
	}
	if p.Supervision != nil {
		c.Supervision = *p.Supervision
	}
	if p.Rules != nil {
		c.Rules = p.Rules
	}
	if p.Nodes == nil {
		return path, nil
	}
	c.Nodes = p.Nodes
	return pushed, nil
}
