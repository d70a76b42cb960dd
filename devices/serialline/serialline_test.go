package serialline_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/devices/serialline"
	"weishao.dev/weishao/devices/serialline/linetest"
	"weishao.dev/weishao/telemetry"
)

func line(t *testing.T, path string) *serialline.Line {
	t.Helper()
	l, err := serialline.NewLines().Line(path, serialline.At9600, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Hold())
	return l
}

// ask sends one byte and expects one back.
func ask(ctx context.Context, l *serialline.Line, urgent bool, b byte) error {
	return l.Do(ctx, urgent, 300*time.Millisecond, func(c *serialline.Conn) error {
		if err := c.Write([]byte{b}); err != nil {
			return err
		}
		buf := make([]byte, 8)
		n, err := c.Read(buf, time.Now().Add(200*time.Millisecond))
		if err == nil && (n != 1 || buf[0] != b+1) {
			err = errors.New("another answer")
		}
		return err
	})
}

func plusOne(request []byte) []byte { return []byte{request[0] + 1} }

func TestAnAdapterIsPulledOutAndComesBack(t *testing.T) {
	port := linetest.New(t)
	port.Serve(1, plusOne)
	l := line(t, port.Path)
	if err := ask(t.Context(), l, false, 1); err != nil {
		t.Fatal(err)
	}
	port.Unplug()
	var text string
	for range 20 {
		err := ask(t.Context(), l, false, 1)
		if devices.QualityOf(err) != telemetry.NoResponse || !strings.Contains(err.Error(), "the port is gone") {
			t.Fatalf("without its adapter: %v", err)
		}
		if text != "" && err.Error() != text {
			t.Fatalf("one event became two: %q, %q", text, err)
		}
		text = err.Error()
	}
	port.Plug()
	port.Serve(1, plusOne)
	<-time.After(time.Until(serialline.Retry(l)))
	if err := ask(t.Context(), l, false, 7); err != nil {
		t.Errorf("its adapter is back, and its time has come: %v", err)
	}
}

// within waits for something to come true that nobody tells of.
func within(t *testing.T, d time.Duration, ok func() bool) {
	t.Helper()
	for end := time.Now().Add(d); !ok(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it did not come true in time")
		}
	}
}

func TestSilenceEndsInTime(t *testing.T) {
	l := line(t, linetest.New(t).Path)
	began := time.Now()
	if err := ask(t.Context(), l, false, 1); !errors.Is(err, serialline.ErrSilent) {
		t.Errorf("got %v", err)
	}
	if d := time.Since(began); d > 290*time.Millisecond {
		t.Errorf("it took %v", d)
	}
}

// A caller that gives up is let go, though the part never answers.
func TestStoppingIsSwift(t *testing.T) {
	l := line(t, linetest.New(t).Path)
	ctx, cancel := context.WithCancel(t.Context())
	time.AfterFunc(20*time.Millisecond, cancel)
	began := time.Now()
	err := l.Do(ctx, false, time.Minute, func(c *serialline.Conn) error {
		_, err := c.Read(make([]byte, 1), time.Now().Add(time.Minute))
		return err
	})
	if !errors.Is(err, context.Canceled) || time.Since(began) > 300*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(began))
	}
}

// A port that takes no bytes hangs in the system itself. The caller is let go, later
// ones are told at once, another line works, and this one does when the adapter is
// pulled out and put back.
func TestAPortThatHangsStallsNobody(t *testing.T) {
	stuck, other := linetest.New(t), linetest.New(t)
	other.Serve(1, plusOne)
	l, fine := line(t, stuck.Path), line(t, other.Path)
	began := time.Now()
	err := l.Do(t.Context(), false, 100*time.Millisecond, func(c *serialline.Conn) error {
		for {
			if err := c.Write(make([]byte, 4096)); err != nil { // nobody reads: it blocks
				return err
			}
		}
	})
	if !errors.Is(err, serialline.ErrHangs) || time.Since(began) > time.Second {
		t.Fatalf("%v after %v", err, time.Since(began))
	}
	if devices.QualityOf(err) != telemetry.NoResponse {
		t.Errorf("quality %v", devices.QualityOf(err))
	}
	began = time.Now()
	if err := ask(t.Context(), l, true, 1); !errors.Is(err, serialline.ErrHangs) || time.Since(began) > 50*time.Millisecond {
		t.Errorf("%v after %v", err, time.Since(began))
	}
	if err := ask(t.Context(), fine, false, 1); err != nil {
		t.Errorf("the other line: %v", err)
	}
	stuck.Unplug()
	stuck.Plug()
	stuck.Serve(1, plusOne)
	within(t, 2*time.Second, func() bool { return ask(t.Context(), l, false, 1) == nil })
}

// An urgent transaction waits behind the one that has begun, not behind those that
// wait.
func TestUrgentWaitsBehindOne(t *testing.T) {
	port := linetest.New(t)
	asked := make(chan byte, 20)
	began, goOn := make(chan bool, 1), make(chan bool)
	port.Serve(1, func(r []byte) []byte {
		if len(asked) == 0 {
			began <- true
			<-goOn
		}
		asked <- r[0]
		return plusOne(r)
	})
	l := line(t, port.Path)
	all := make(chan error, 11)
	go func() { all <- ask(t.Context(), l, false, 1) }()
	<-began
	for range 9 {
		go func() { all <- ask(t.Context(), l, false, 1) }()
	}
	go func() { all <- ask(t.Context(), l, true, 99) }()
	within(t, time.Second, func() bool { return l.Waiting() == 10 })
	close(goOn)
	for range 11 {
		if err := <-all; err != nil {
			t.Error(err)
		}
	}
	if first, second := <-asked, <-asked; first != 1 || second != 99 {
		t.Errorf("asked %d, then %d; want the one that had begun, then the urgent one", first, second)
	}
}

func TestALineIsClosedWhenNobodyHoldsIt(t *testing.T) {
	port := linetest.New(t)
	port.Serve(1, plusOne)
	l, err := serialline.NewLines().Line(port.Path, serialline.At9600, "test", false)
	if err != nil {
		t.Fatal(err)
	}
	one, two := l.Hold(), l.Hold()
	if err := ask(t.Context(), l, false, 1); err != nil {
		t.Fatal(err)
	}
	one()
	one() // twice is once
	if !serialline.IsOpen(l) {
		t.Error("closed though it is held")
	}
	two()
	within(t, time.Second, func() bool { return !serialline.IsOpen(l) })
	if err := ask(t.Context(), l, false, 1); err != nil {
		t.Errorf("opened anew: %v", err)
	}
}
