package benchload

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// gatewayProcess is a real gateway.
type gatewayProcess struct {
	cmd            *exec.Cmd
	log            string // file
	url            string // of its metrics
	began, sampled time.Time
	ended          chan struct{}
}

var metricsAt = regexp.MustCompile(`metrics are served" addr=(\S+)`)

// firstSample is how long a gateway may take to measure anything.
const firstSample = 30 * time.Second

// startGateway starts it and waits until a driver has measured.
func startGateway(ctx context.Context, b *edgeBench) (*gatewayProcess, error) {
	g := &gatewayProcess{log: b.path("gateway.log"), ended: make(chan struct{})}
	log, err := os.Create(g.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	g.cmd = exec.Command(b.Program, "--config", b.path("gateway.yaml"))
	g.cmd.Stderr = log
	g.began = time.Now()
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = g.cmd.Wait()
		close(g.ended)
	}()
	if err := g.awaitSample(ctx); err != nil {
		g.kill()
		text, _ := os.ReadFile(g.log)
		return nil, fmt.Errorf("the gateway: %w\n%s", err, text)
	}
	return g, nil
}

func (g *gatewayProcess) awaitSample(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, firstSample)
	defer cancel()
	for {
		if g.url == "" {
			text, err := os.ReadFile(g.log)
			if err != nil {
				return err
			}
			if m := metricsAt.FindSubmatch(text); m != nil {
				g.url = "http://" + string(m[1]) + "/metrics"
			}
		} else if m, err := g.metrics(ctx); err == nil && m["points_total"] > 0 {
			g.sampled = time.Now()
			return nil
		}
		select {
		case <-g.ended:
			return errors.New("it ended")
		default:
		}
		if err := pause(ctx, 2*time.Millisecond); err != nil {
			return err
		}
	}
}

// metrics reads /metrics, by names without their prefix.
func (g *gatewayProcess) metrics(ctx context.Context) (map[string]float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.url, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	list := map[string]float64{}
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), " ")
		if v, err := strconv.ParseFloat(value, 64); err == nil {
			list[strings.TrimPrefix(name, "weishao_gateway_")] = v
		}
	}
	return list, lines.Err()
}

// usage is what the gateway has used so far.
type usage struct {
	at               time.Time
	cpu              time.Duration
	peak, rss        float64 // MB
	written, dirtied uint64  // bytes
}

func (g *gatewayProcess) usage(ctx context.Context) (u usage, err error) {
	pid := g.cmd.Process.Pid
	u.at = time.Now()
	if u.cpu, err = cpuTime(pid); err != nil {
		return u, err
	}
	if u.peak, u.rss, err = memory(pid); err != nil {
		return u, err
	}
	if u.dirtied, err = dirtied(pid); err != nil {
		return u, err
	}
	m, err := g.metrics(ctx)
	u.written = uint64(m["outbox_written_bytes_total"])
	return u, err
}

// dirtied is how many bytes of pages a process has made to be written.
func dirtied(pid int) (uint64, error) {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/io", pid))
	if err != nil {
		return 0, fmt.Errorf("what the gateway writes (Linux only): %w", err)
	}
	for line := range strings.Lines(string(b)) {
		if v, ok := strings.CutPrefix(line, "write_bytes: "); ok {
			return strconv.ParseUint(strings.TrimSpace(v), 10, 64)
		}
	}
	return 0, fmt.Errorf("what the gateway writes: %q", b)
}

// stop ends the gateway as a person would.
func (g *gatewayProcess) stop() error {
	_ = g.cmd.Process.Signal(syscall.SIGTERM) // it may be gone
	select {
	case <-g.ended:
		return nil
	case <-time.After(30 * time.Second):
		g.kill()
		return errors.New("the gateway did not stop within 30 s and was killed")
	}
}

// kill ends what has not ended.
func (g *gatewayProcess) kill() {
	_ = g.cmd.Process.Kill()
	<-g.ended
}
