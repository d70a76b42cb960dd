// Package harness starts the real programs for tests: it builds them once, runs
// them as processes on free ports, talks to them as a user would, and kills them
// for real. Every process that a test started has ended when the test ends.
package harness

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Patience is how long Eventually waits before it gives up: far longer than
// anything takes, since a busy machine must not turn a test red.
const Patience = 90 * time.Second

var build struct {
	once sync.Once
	dir  string
	err  error
}

// Programs builds weishao and weishao-gateway with the fault switches compiled
// in (all off unless WEISHAO_FAULT says otherwise) and answers their folder.
func Programs(t testing.TB) string {
	t.Helper()
	build.once.Do(func() {
		build.dir, build.err = os.MkdirTemp("", "weishao-e2e-")
		if build.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-tags", "faultinject", "-o", build.dir+"/", "weishao.dev/weishao/cmd/weishao", "weishao.dev/weishao/cmd/weishao-gateway")
		if out, err := cmd.CombinedOutput(); err != nil {
			build.err = fmt.Errorf("%w\n%s", err, out)
		}
	})
	if build.err != nil {
		t.Fatal(build.err)
	}
	return build.dir
}

// Cleanup removes what Programs built; TestMain calls it last.
func Cleanup() {
	if build.dir != "" {
		os.RemoveAll(build.dir)
	}
}

// Dep is the path of something that scripts/test-deps.sh installs into .deps.
// Where it is missing the test fails in CI, and is skipped on a machine on which
// nobody has run `make test` yet.
func Dep(t testing.TB, path string) string {
	t.Helper()
	dir := os.Getenv("WEISHAO_DEPS")
	if dir == "" {
		dir = filepath.Join(Root(t), ".deps")
	}
	full := filepath.Join(dir, path)
	if _, err := os.Stat(full); err != nil {
		Missing(t, full)
	}
	return full
}

// Missing ends a test for want of something that `make test` installs.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") != "" || os.Getenv("WEISHAO_DEPS") != "" {
		t.Fatalf("%s is not there: scripts/test-deps.sh installs it", what)
	}
	t.Skipf("%s is not there: `make test` installs it", what)
}

// Command finds a program of a Debian package.
func Command(t testing.TB, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin", "/usr/bin") {
		p := filepath.Join(dir, name)
		if info, err := os.Stat(p); err == nil && !info.IsDir() {
			return p
		}
	}
	Missing(t, name)
	return ""
}

// Root is the repository's folder.
func Root(t testing.TB) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; dir != "/"; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
	}
	t.Fatal("no go.mod above the test")
	return ""
}

// Process is a program that the test started.
type Process struct {
	Name string
	cmd  *exec.Cmd
	out  *output
	done chan struct{}
	err  error

	expected bool // that it is gone: its output is not what a failure is about
}

// Start runs a program; the environment is the test's plus env. It is killed
// when the test ends, and its output is shown if the test failed.
func Start(t testing.TB, env []string, program string, args ...string) *Process {
	t.Helper()
	return start(t, nil, env, program, args...)
}

// start is Start with a standard input; nil has nothing to read.
func start(t testing.TB, in *os.File, env []string, program string, args ...string) *Process {
	t.Helper()
	p := &Process{Name: filepath.Base(program), cmd: exec.Command(program, args...), out: &output{}, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	if in != nil {
		p.cmd.Stdin = in
	}
	p.cmd.Stdout, p.cmd.Stderr = p.out, p.out
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	t.Cleanup(func() {
		p.Kill()
		if t.Failed() && !p.expected {
			t.Logf("--- output of %s (last part)\n%s", p.Name, p.out.tail(6000))
		}
	})
	return p
}

// PID is the process's id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Output is all that the process has printed so far.
func (p *Process) Output() string { return p.out.String() }

// Kill is kill -9; it returns when the process is gone.
func (p *Process) Kill() {
	_ = p.cmd.Process.Kill() // it may have ended by itself
	<-p.done
}

// Crash is Kill as part of the test's plan: the output of what was killed is not
// shown when the test fails.
func (p *Process) Crash() {
	p.expected = true
	p.Kill()
}

// Stop asks the process to end and waits; it fails the test when the process
// does not end within Patience or ends badly.
func (p *Process) Stop(t testing.TB) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
		if p.err != nil {
			t.Errorf("%s ended with %v\n%s", p.Name, p.err, p.out.tail(2000))
		}
	case <-time.After(Patience):
		p.Kill()
		t.Errorf("%s did not end when asked to", p.Name)
	}
}

// Signal sends a signal.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Ended reports whether the process has ended.
func (p *Process) Ended() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// Run runs a program to its end and answers what it printed on standard output.
func Run(t testing.TB, program string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), Patience)
	defer cancel()
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s %s: %v\n%s%s", filepath.Base(program), strings.Join(args, " "), err, out.String(), errs.String())
	}
	return out.String()
}

type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

func (o *output) tail(n int) string {
	s := o.String()
	if len(s) > n {
		s = "..." + s[len(s)-n:]
	}
	return s
}

// given are the ports that FreeAddr has given out in this process.
var given sync.Map

// FreeAddr is an address on the loopback whose port is free, and stays free while
// the program that listens there is down: it is below the ports that the kernel
// gives to connections, which begin at 32768.
func FreeAddr(t testing.TB) string {
	t.Helper()
	for range 1000 {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+rand.IntN(22_000))
		if _, taken := given.LoadOrStore(addr, true); taken {
			continue
		}
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("no port is free")
	return ""
}

// WriteFile writes a file below dir, making folders on the way, and answers its
// path.
func WriteFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Eventually calls f until it answers nil, and fails the test with f's last
// error when Patience is over. What is waited for is an outside process, which
// only asking again can observe.
func Eventually(t testing.TB, what string, f func() error) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := f()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s: %v", what, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		case <-tick.C:
		}
	}
}
