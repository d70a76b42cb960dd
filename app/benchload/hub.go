package benchload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// hub is the process that is measured.
type hub struct {
	opts   *Options
	cmd    *exec.Cmd
	config string
	url    string
	mqtt   string // host:port
	token  string
	debug  string // address of the profiler; empty: none
	ended  chan struct{}
}

// where it serves is what `weishao hub` prints first.
var where = regexp.MustCompile(`pages on (\S+), MQTT on tcp://(\S+)`)

// startHub starts a hub on free ports, with the shipped rules and the embedded
// history, and returns when it is ready.
func startHub(ctx context.Context, opts *Options) (*hub, error) {
	h := &hub{opts: opts, config: filepath.Join(opts.Dir, "hub.yaml"), ended: make(chan struct{})}
	text := "data: data\nhttp: {addr: \"127.0.0.1:0\"}\nmqtt: {addr: \"127.0.0.1:0\"}\n"
	if err := os.WriteFile(h.config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(opts.Dir, "hub.log"))
	if err != nil {
		return nil, err
	}
	defer log.Close()
	h.cmd = exec.Command(opts.Program, "hub", "--config", h.config)
	h.cmd.Stderr = log
	h.cmd.Env = os.Environ()
	if opts.Profile != "" {
		if h.debug, err = freeAddr(); err != nil {
			return nil, err
		}
		h.cmd.Env = append(h.cmd.Env, "WEISHAO_DEBUG_ADDR="+h.debug)
	}
	out, err := h.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := h.cmd.Start(); err != nil {
		return nil, err
	}
	err = h.greet(ctx, out)
	if err != nil {
		return nil, errors.Join(err, h.stop())
	}
	return h, nil
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

func (h *hub) greet(ctx context.Context, out io.Reader) error {
	lines := bufio.NewScanner(out)
	for h.url == "" && lines.Scan() {
		if m := where.FindStringSubmatch(lines.Text()); m != nil {
			h.url, h.mqtt = m[1], m[2]
		}
	}
	go func() {
		_, _ = io.Copy(io.Discard, out) // until it ends
		_ = h.cmd.Wait()
		close(h.ended)
	}()
	if h.url == "" {
		return fmt.Errorf("the hub did not start:\n%s", h.lastWords())
	}
	err := h.until(ctx, time.Minute, "the hub is not ready", func() (bool, error) {
		resp, err := http.Get(h.url + "/readyz")
		if err != nil {
			return false, nil
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK, nil
	})
	if err != nil {
		return err
	}
	h.token, err = h.opts.Door.Token(ctx, h.config)
	return err
}

// until asks again and again; what is waited for is another process.
func (h *hub) until(ctx context.Context, patience time.Duration, what string, done func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		if ok, err := done(); ok || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s: %w", what, ctx.Err())
		case <-h.ended:
			return fmt.Errorf("%s: it ended\n%s", what, h.lastWords())
		case <-tick.C:
		}
	}
}

func (h *hub) lastWords() string {
	b, _ := os.ReadFile(filepath.Join(h.opts.Dir, "hub.log"))
	return string(b[max(0, len(b)-2000):])
}

func (h *hub) pid() int { return h.cmd.Process.Pid }

// stop ends the hub, by force if it does not end by itself.
func (h *hub) stop() error {
	_ = h.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case <-h.ended:
		return nil
	case <-time.After(time.Minute):
		_ = h.cmd.Process.Kill()
		<-h.ended
		return errors.New("the hub did not stop within a minute and was killed")
	}
}

// metrics reads /metrics.
func (h *hub) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, h.url+"/metrics", nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+h.token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the hub's metrics: %s", resp.Status)
	}
	list := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			list[name] = v
		}
	}
	return list, lines.Err()
}

// settled waits until the rules and the history have all that is in the log now.
func (h *hub) settled(ctx context.Context) error {
	m, err := h.metrics(ctx)
	if err != nil {
		return err
	}
	end := m["weishao_log_position"]
	return h.until(ctx, 10*time.Minute, "rules and history have not caught up", func() (bool, error) {
		m, err := h.metrics(ctx)
		return err == nil && m["weishao_rules_position"] >= end && m["weishao_history_position"] >= end, err
	})
}

// profile records the hub's CPU for so long into the file that was asked for.
func (h *hub) profile(ctx context.Context, d time.Duration) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", h.debug, max(1, int(d.Seconds())))
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("the hub's profile: %w", err)
	}
	defer resp.Body.Close()
	f, err := os.Create(h.opts.Profile)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
