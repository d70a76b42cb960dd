package app

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"weishao.dev/weishao/hub/ingest"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/sparkplug"
)

const pushHelp = `
Sends a gateway parts of its configuration: a YAML file with devices, rules and
supervision, or some of these, which take the place of those in the gateway's
own file. Nothing else can be pushed, no address and no password.

The gateway checks the file, takes it on trial, and keeps it only if it comes
back healthy within a minute: connected, with what it sends committed, and with
every sensor that worked before working again. Otherwise it goes back to what it
had. The command waits for its answer. A file with nothing but {} returns the
gateway to its own file.`

type pushRequest struct {
	Gateway string `json:"gateway"` // "group/node"
	Text    string `json:"text"`    // "": only ask
}

// pushReply is what the gateway last said.
type pushReply struct {
	Version string `json:"version"` // of what is pushed, or asked for
	Config  string `json:"config"`  // in effect
	Problem string `json:"problem"` // "VERSION: reason" of what was not taken last
	Online  bool   `json:"online"`
}

// maxPush is the largest configuration that can be pushed. The gateway has the
// same bound.
const maxPush = 256 << 10

// pushWait is how long a gateway may take to answer: it tries for a minute, and may
// have to go back after that.
const pushWait = 2 * time.Minute

// configVersion names a pushed configuration, at the hub as on the gateway.
func configVersion(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:6])
}

func runPush(c *call) error {
	file := c.flags.String("config", "", "the hub's configuration `FILE`")
	group := c.flags.String("group", "", "the gateway's `GROUP`")
	node := c.flags.String("node", "", "the gateway's `NODE`")
	if err := c.parse(1, 1); err != nil {
		return err
	}
	if err := errors.Join(need("config", *file), need("group", *group), need("node", *node)); err != nil {
		return usageError(err.Error())
	}
	text, err := os.ReadFile(c.args[0])
	if err != nil {
		return err
	}
	gateway := telemetry.NodeID(*group, *node)
	var now pushReply
	if err := c.ask(*file, "/gateway-push", pushRequest{gateway, string(text)}, &now); err != nil {
		return err
	}
	version := now.Version
	fmt.Fprintf(c.stdout, "%s is sent to %s, which tries it for up to a minute\n", version, gateway)
	limit := time.After(pushWait)
	for {
		select {
		case <-c.ctx.Done():
			return c.ctx.Err()
		case <-limit:
			return fmt.Errorf("%s has not answered within %v: it may be off the air; it goes back by itself if it cannot come back with %s", gateway, pushWait, version)
		case <-time.After(time.Second):
		}
		if err := c.ask(*file, "/gateway-push", pushRequest{Gateway: gateway}, &now); err != nil {
			return err
		}
		if done, err := now.verdict(version); done {
			if err == nil {
				fmt.Fprintf(c.stdout, "%s is in effect on %s\n", version, gateway)
			}
			return err
		}
	}
}

// verdict is what the gateway says about a version that was pushed to it.
func (r pushReply) verdict(version string) (done bool, err error) {
	if reason, ok := strings.CutPrefix(r.Problem, version+": "); ok {
		return true, fmt.Errorf("not taken: %s", reason)
	}
	return r.Online && r.Config == version, nil
}

// push sends a configuration to a gateway, or says what it last said.
func (h *Hub) push(_ context.Context, r pushRequest) (pushReply, error) {
	group, node, _ := strings.Cut(r.Gateway, "/")
	nodes := h.ingest.Nodes()
	i := slices.IndexFunc(nodes, func(n ingest.NodeStatus) bool { return n.Node == r.Gateway })
	switch {
	case i < 0 || !nodes[i].Ours:
		return pushReply{}, fmt.Errorf("there is no gateway of ours called %q", r.Gateway)
	case len(r.Text) > maxPush:
		return pushReply{}, fmt.Errorf("%d bytes are too many to push: at most %d", len(r.Text), maxPush)
	case r.Text != "" && !nodes[i].Online:
		return pushReply{}, fmt.Errorf("%s is not online: push again when it is", r.Gateway)
	}
	n := nodes[i]
	reply := pushReply{Config: n.Config, Problem: n.ConfigBad, Online: n.Online, Version: configVersion(r.Text)}
	if r.Text == "" {
		return reply, nil
	}
	h.ingest.Pushed(r.Gateway)
	cmd := sparkplug.Command{Timestamp: h.cfg.Clock.NowMS(), Config: r.Text}
	h.log.Info("a configuration is pushed", "gateway", r.Gateway, "version", reply.Version, "bytes", len(r.Text))
	return reply, h.conn.Publish(sparkplug.NodeTopic(sparkplug.NCMD, group, node), sparkplug.AppendCommand(nil, &cmd))
}
