package broker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"testing"

	"pgregory.net/rapid"
)

// However the server cuts its stream, every message arrives whole, in order,
// and stays as it was while later ones arrive.
func TestTapReadsAnyPieces(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		sizes := rapid.SliceOfN(rapid.OneOf(rapid.IntRange(0, 300), rapid.IntRange(0, 3*blockSize)), 1, 12).Draw(t, "sizes")
		var stream bytes.Buffer
		var want [][]byte
		for i, n := range sizes {
			if i%7 == 3 {
				stream.WriteString("PING\r\n")
			}
			payload := bytes.Repeat([]byte{byte(i), '\r', '\n'}, n/3+1)[:n]
			want = append(want, payload)
			fmt.Fprintf(&stream, "MSG spBv1//0.g.DDATA.n//%d.d 6 %d\r\n%s\r\n", i, n, payload)
		}
		pieces := rapid.SliceOfN(rapid.IntRange(1, blockSize), 1, 20).Draw(t, "pieces")
		server, client := net.Pipe()
		go func() {
			go func() { _, _ = io.Copy(io.Discard, server) }() // PONGs
			for i, b := 0, stream.Bytes(); len(b) > 0; i++ {
				n := min(len(b), pieces[i%len(pieces)]+i/len(pieces))
				if _, err := server.Write(b[:n]); err != nil {
					return
				}
				b = b[n:]
			}
		}()
		var got [][]byte
		tp := &tap{conn: client, topics: map[string]string{}, handle: func(topic string, payload []byte) {
			if w := fmt.Sprintf("spBv1.0/g/DDATA/n.%d/d", len(got)); topic != w {
				t.Fatalf("topic %q, want %q", topic, w)
			}
			if got = append(got, payload); len(got) == len(want) {
				_ = server.Close()
			}
		}}
		if err := tp.run(); !errors.Is(err, io.EOF) {
			t.Fatalf("ended with %v", err)
		}
		if len(got) != len(want) {
			t.Fatalf("%d messages, want %d", len(got), len(want))
		}
		for i := range got {
			if !bytes.Equal(got[i], want[i]) {
				t.Fatalf("message %d of %d bytes is not what was sent", i, len(want[i]))
			}
		}
	})
}

func TestTapComesBack(t *testing.T) {
	e, err := StartEmbedded(EmbeddedConfig{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	heard := make(chan string, 10)
	if err := e.Subscribe(func(topic string, payload []byte) { heard <- topic + " " + string(payload) }); err != nil {
		t.Fatal(err)
	}
	states := make(chan bool, 10)
	e.NotifyState(func(up bool) { states <- up })
	say := func() {
		if err := e.nc.Publish("spBv1//0.g.NDATA.n", []byte("x")); err != nil {
			t.Fatal(err)
		}
		if got := <-heard; got != "spBv1.0/g/NDATA/n x" {
			t.Fatalf("heard %q", got)
		}
	}
	say()
	e.mu.Lock()
	_ = e.tap.Close()
	e.mu.Unlock()
	for _, want := range []bool{true, false, true} {
		if got := <-states; got != want {
			t.Fatalf("state %v, want %v", got, want)
		}
	}
	say()
}

func TestTapRefusesNonsense(t *testing.T) {
	for _, text := range []string{"MSG a 1 -5\r\n", "MSG a 1 99999999999\r\n", "MSG a 1 x\r\n", "-ERR 'Slow Consumer'\r\n", string(make([]byte, maxLine+2*blockSize))} {
		server, client := net.Pipe()
		go func() { _, _ = server.Write([]byte(text)); _ = server.Close() }()
		tp := &tap{conn: client, topics: map[string]string{}, handle: func(string, []byte) { t.Error("a message") }}
		if err := tp.run(); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("%.20q: %v", text, err)
		}
		_ = client.Close()
	}
}
