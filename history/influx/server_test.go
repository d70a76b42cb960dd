package influx

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// influxd is a real server that a test may kill and start again.
type influxd struct {
	t        *testing.T
	bin, dir string
	addr     string
	cmd      *exec.Cmd
}

// TestRealServer shares one server, which needs seconds of CPU to start.
func TestRealServer(t *testing.T) {
	srv := startInflux(t)
	t.Run("queries", func(t *testing.T) { testQueries(t, srv) })
	t.Run("bad lines are quarantined alone", func(t *testing.T) { testBadLines(t, srv) })
	t.Run("killed midway loses nothing", func(t *testing.T) { testKilledMidway(t, srv) })
}

// startInflux starts a server on an empty folder with the database "weishao".
// Where influxd is not installed the test fails in CI, and is skipped elsewhere.
func startInflux(t *testing.T) *influxd {
	t.Helper()
	deps := os.Getenv("WEISHAO_DEPS")
	if deps == "" {
		deps = filepath.Join("..", "..", ".deps")
	}
	bin := filepath.Join(deps, "bin", "influxd")
	if _, err := os.Stat(bin); err != nil {
		if os.Getenv("CI") != "" || os.Getenv("WEISHAO_DEPS") != "" {
			t.Fatalf("%s is not there: scripts/test-deps.sh installs it", bin)
		}
		t.Skipf("%s is not there: `make test` installs it", bin)
	}
	i := &influxd{t: t, bin: bin, dir: t.TempDir(), addr: freeAddr(t)}
	t.Cleanup(i.kill)
	conf := fmt.Sprintf(`
reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  query-log-enabled = false
[http]
  bind-address = %q
  flux-enabled = true
  log-enabled = false
`, freeAddr(t), i.dir+"/meta", i.dir+"/data", i.dir+"/wal", i.addr)
	if err := os.WriteFile(filepath.Join(i.dir, "influxd.conf"), []byte(conf), 0o600); err != nil {
		t.Fatal(err)
	}
	i.start()
	i.exec("CREATE DATABASE weishao")
	return i
}

func freeAddr(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (i *influxd) url() string { return "http://" + i.addr }

func (i *influxd) start() {
	i.t.Helper()
	i.cmd = exec.Command(i.bin, "-config", filepath.Join(i.dir, "influxd.conf"))
	log, err := os.OpenFile(filepath.Join(i.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		i.t.Fatal(err)
	}
	defer log.Close()
	i.cmd.Stdout, i.cmd.Stderr = log, log
	if err := i.cmd.Start(); err != nil {
		i.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(i.t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		if resp, err := http.Get(i.url() + "/health"); err == nil {
			resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return
			}
		}
		select {
		case <-ctx.Done():
			b, _ := os.ReadFile(filepath.Join(i.dir, "log"))
			i.t.Fatalf("influxd does not answer\n%s", b)
		case <-tick.C:
		}
	}
}

// kill is kill -9.
func (i *influxd) kill() {
	if i.cmd != nil && i.cmd.Process != nil {
		_ = i.cmd.Process.Kill()
		_ = i.cmd.Wait()
		i.cmd = nil
	}
}

// exec runs InfluxQL and gives the answer's text.
func (i *influxd) exec(q string) string {
	i.t.Helper()
	resp, err := http.PostForm(i.url()+"/query?db=weishao", map[string][]string{"q": {q}})
	if err != nil {
		i.t.Fatal(err)
	}
	defer resp.Body.Close()
	var b strings.Builder
	if err := resp.Write(&b); err != nil || resp.StatusCode != http.StatusOK {
		i.t.Fatalf("%s: %v\n%s", q, err, b.String())
	}
	return b.String()
}
