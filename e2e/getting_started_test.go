package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"weishao.dev/weishao/e2e/harness"
)

// docs/getting-started.md is walked as a reader would: its commands are run as
// they stand, in order, in an empty folder, and what the document shows must come
// out. Only the two addresses are others, since those may be taken here.
//
//	```sh           runs to its end
//	```sh terminal  runs on in a terminal of its own; one that ran it before is stopped
//	```sh wait      is run until it shows what it must
//	```sh stop      as sh, after Ctrl-C in all terminals
//	```text         what the block before shows: … stands for anything
func TestGettingStarted(t *testing.T) {
	harness.Command(t, "curl")
	text, err := os.ReadFile(filepath.Join(harness.Root(t), "docs", "getting-started.md"))
	if err != nil {
		t.Fatal(err)
	}
	w := &walk{t: t, dir: t.TempDir(), http: harness.FreeAddr(t), mqtt: harness.FreeAddr(t), terminals: map[string]*harness.Process{}}
	steps := w.read(string(text))
	if len(steps) < 12 {
		t.Fatalf("%d commands found in the document", len(steps))
	}
	for _, s := range steps {
		w.step(s)
	}
	if len(w.links) != 2 {
		t.Errorf("%d sign-in links came out, want the operator's and the warden's", len(w.links))
	}
}

// step is one block of commands and what it shows.
type step struct {
	line          int // in the document
	how, commands string
	shows         []string
}

type walk struct {
	t          *testing.T
	dir        string
	http, mqtt string
	terminals  map[string]*harness.Process // by command
	links      []string
}

var fence = regexp.MustCompile("(?ms)^```(sh|text)([^\n]*)\n(.*?)^```$")

// read takes the document apart.
func (w *walk) read(text string) (steps []step) {
	here := strings.NewReplacer("127.0.0.1:8080", w.http, "127.0.0.1:1883", w.mqtt)
	for _, m := range fence.FindAllStringSubmatchIndex(text, -1) {
		kind, how, body := text[m[2]:m[3]], strings.TrimSpace(text[m[4]:m[5]]), here.Replace(text[m[6]:m[7]])
		if kind == "text" {
			steps[len(steps)-1].shows = strings.Split(strings.TrimSpace(body), "\n")
			continue
		}
		steps = append(steps, step{line: 1 + strings.Count(text[:m[0]], "\n"), how: how, commands: body})
	}
	return steps
}

func (w *walk) step(s step) {
	w.t.Helper()
	switch s.how {
	case "":
		out, err := w.run(s.commands)
		if err == nil {
			err = s.check(out)
		}
		if err != nil {
			w.t.Fatalf("docs/getting-started.md:%d: %v\n%s", s.line, err, out)
		}
	case "terminal":
		w.terminal(s)
	case "wait":
		harness.Eventually(w.t, fmt.Sprintf("docs/getting-started.md:%d", s.line), func() error {
			out, err := w.run(s.commands)
			if err != nil {
				return err
			}
			return s.check(out)
		})
	case "stop":
		for _, p := range w.terminals {
			w.interrupt(p)
		}
		s.how = ""
		w.step(s)
	default:
		w.t.Fatalf("docs/getting-started.md:%d: %q is no way to run a block", s.line, s.how)
	}
	if s.how == "" {
		w.signIn(s)
	}
}

// run gives commands to a shell, as pasted.
func (w *walk) run(commands string) (string, error) {
	ctx, cancel := context.WithTimeout(w.t.Context(), harness.Patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "bash", "-e", "-c", commands)
	cmd.Dir = w.dir
	cmd.Env = append(os.Environ(), "PATH="+harness.Programs(w.t)+":"+os.Getenv("PATH"))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	return out.String(), err
}

// terminal starts a program that runs on, and waits for what it shows.
func (w *walk) terminal(s step) {
	w.t.Helper()
	command := strings.TrimSpace(s.commands)
	if old := w.terminals[command]; old != nil {
		w.interrupt(old)
	}
	script := fmt.Sprintf("cd %s && PATH=%s:$PATH exec %s", w.dir, harness.Programs(w.t), command)
	p := harness.Start(w.t, nil, "bash", "-c", script)
	w.terminals[command] = p
	harness.Eventually(w.t, command, func() error {
		if p.Ended() {
			w.t.Fatalf("docs/getting-started.md:%d: it ended\n%s", s.line, p.Output())
		}
		return s.check(p.Output())
	})
}

// interrupt is Ctrl-C.
func (w *walk) interrupt(p *harness.Process) {
	w.t.Helper()
	if err := p.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.t.Error(err)
	}
	p.Stop(w.t)
}

// check says which line of what the document shows did not come out. Lines may
// come in any order, with others between them.
func (s step) check(out string) error {
	for _, line := range s.shows {
		pattern := strings.ReplaceAll(regexp.QuoteMeta(line), "…", ".*")
		if !regexp.MustCompile(`(?m)^\s*` + pattern + `\s*$`).MatchString(out) {
			return fmt.Errorf("not shown: %s\n%s", line, out)
		}
	}
	return nil
}

// signIn opens a sign-in link, as the document says, and finds the pages that the
// person may see.
func (w *walk) signIn(s step) {
	w.t.Helper()
	if !strings.HasPrefix(s.commands, "weishao sign-in ") {
		return
	}
	out, err := w.run(s.commands)
	if err != nil {
		w.t.Fatal(err)
	}
	link, err := url.Parse(strings.TrimSpace(out))
	if err != nil {
		w.t.Fatal(err)
	}
	w.links = append(w.links, link.String())
	jar, err := cookiejar.New(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	client := &http.Client{Jar: jar}
	resp, err := client.PostForm("http://"+w.http+link.Path, url.Values{"code": {link.Query().Get("code")}})
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	page, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK || resp.Request.URL.Path != "/" {
		w.t.Errorf("docs/getting-started.md:%d: the link leads to %s, %s, %v\n%s", s.line, resp.Request.URL, resp.Status, err, page)
	}
}
