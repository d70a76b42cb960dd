package neighbourhood

import (
	"bufio"
	"context"
	"io"
	"net"
	"testing"
	"time"

	"weishao.dev/weishao/telemetry"
)

// echo is a server that sends back each line.
func echo(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				_, _ = io.Copy(c, c)
			}()
		}
	}()
	return l.Addr().String()
}

// say sends a line over the link and waits for it to come back; nil if it does.
func say(c net.Conn) error {
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := io.WriteString(c, "hello\n"); err != nil {
		return err
	}
	_, err := bufio.NewReader(c).ReadString('\n')
	return err
}

func dial(t *testing.T, l *Link) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", l.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func TestLinkIsCutAndComesBack(t *testing.T) {
	l, err := NewLink(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	far := time.Now().Add(time.Hour)
	go func() { done <- l.Run(ctx, telemetry.Clock{}, far, far) }()

	open := dial(t, l)
	if err := say(open); err != nil {
		t.Fatalf("before the cut: %v", err)
	}
	l.Cut(true)
	if err := say(open); err == nil {
		t.Error("an open connection survived the cut")
	}
	if err := say(dial(t, l)); err == nil {
		t.Error("a new connection got through while the link was cut")
	}
	l.Cut(false)
	if err := say(dial(t, l)); err != nil {
		t.Errorf("after the link came back: %v", err)
	}
	idle := dial(t, l)
	if err := say(idle); err != nil {
		t.Fatal(err)
	}
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	if err := say(idle); err == nil {
		t.Error("a connection survived the end of Run")
	}
}

// The cut comes and goes by the demo's clock.
func TestLinkFollowsTheStory(t *testing.T) {
	l, err := NewLink(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	clock := telemetry.NewClock(1000)
	start := clock.Now()
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, clock, start.Add(CutAt), start.Add(BackAt)) }()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	sawCut := false
	for {
		err := say(dial(t, l))
		since := clock.Now().Sub(start)
		if err != nil {
			sawCut = true
			if since < CutAt {
				t.Fatalf("down after %v, before the cut", since)
			}
		} else if sawCut {
			break
		}
		if since > time.Hour {
			t.Fatalf("after %v the link was cut: %v, and is not back", since, sawCut)
		}
		<-tick.C
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
