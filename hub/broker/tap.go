package broker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"weishao.dev/weishao/telemetry/sparkplug"
)

// A tap hears the gateways on a connection of its own inside the process. It
// speaks NATS' client protocol itself, as far as listening needs it: the NATS
// library makes six allocations of each message, its headers among them, which was a
// fifth of the hub's CPU at full rate. A tap makes none: payloads are slices of
// the blocks that are read.
//
// All filters are subscribed to on the one connection, so the order in which the
// server took a client's messages is kept across them.
type tap struct {
	conn   net.Conn
	handle func(topic string, payload []byte)
	topics map[string]string // by subject

	buf        []byte // what was read; never written again once handed on
	begin, end int    // of what is not parsed yet
}

// blockSize is how much memory is taken at once; a message kept by the handler
// keeps its block. Less than minRead is not read into: each read of the pipe
// wakes the server once.
const (
	blockSize = 128 << 10
	minRead   = 16 << 10
)

// maxLine bounds a line of the protocol; the server's INFO is the longest.
const maxLine = 64 << 10

// handshakeTimeout bounds the wait for the server to let the tap in.
const handshakeTimeout = 10 * time.Second

// dialTap signs in and subscribes.
func dialTap(conn net.Conn, user, password string, handle func(topic string, payload []byte)) (*tap, error) {
	t := &tap{conn: conn, handle: handle, topics: map[string]string{}}
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	if err := t.handshake(user, password); err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("broker: listening inside the process: %w", err)
	}
	_ = conn.SetDeadline(time.Time{})
	return t, nil
}

func (t *tap) handshake(user, password string) error {
	if line, err := t.line(); err != nil || !bytes.HasPrefix(line, []byte("INFO ")) {
		return fmt.Errorf("no greeting: %q %w", line, err)
	}
	hello, err := json.Marshal(map[string]any{"verbose": false, "pedantic": false, "protocol": 1, "lang": "weishao",
		"name": "weishao-tap", "user": user, "pass": password, "headers": false, "echo": false})
	if err != nil {
		return err
	}
	request := fmt.Appendf(nil, "CONNECT %s\r\n", hello)
	for i, f := range sparkplug.HostFilters() {
		request = fmt.Appendf(request, "SUB %s %d\r\n", subjectFilter(f), i+1)
	}
	// The server answers a PING after all that stands before it. A pipe holds
	// nothing, so it must be written while the answer is being read.
	sent := make(chan error, 1)
	go func() {
		_, err := t.conn.Write(append(request, "PING\r\n"...))
		sent <- err
	}()
	for {
		line, err := t.line()
		switch {
		case err != nil:
			return err
		case bytes.Equal(line, []byte("PONG")):
			return <-sent
		case bytes.HasPrefix(line, []byte("-ERR")):
			return errors.New(string(line))
		}
	}
}

// run hands on messages until the connection ends, and says why it did.
func (t *tap) run() error {
	for {
		line, err := t.line()
		if err != nil {
			return err
		}
		switch {
		case bytes.HasPrefix(line, []byte("MSG ")):
			if err := t.message(line[len("MSG "):]); err != nil {
				return err
			}
		case bytes.Equal(line, []byte("PING")):
			if _, err := t.conn.Write([]byte("PONG\r\n")); err != nil {
				return err
			}
		case bytes.HasPrefix(line, []byte("-ERR")):
			return errors.New(string(line))
		}
	}
}

// message takes `subject sid size`, whose payload follows.
func (t *tap) message(args []byte) error {
	subject, rest, _ := bytes.Cut(args, []byte(" "))
	topic := t.topic(subject) // before the next read: subject is a slice of the block
	size, err := strconv.Atoi(string(rest[bytes.LastIndexByte(rest, ' ')+1:]))
	if err != nil || size < 0 || size > MaxRecord {
		return fmt.Errorf("not a message: %q", args)
	}
	for t.end-t.begin < size+2 {
		if err := t.read(size + 2); err != nil {
			return err
		}
	}
	payload := t.buf[t.begin : t.begin+size : t.begin+size]
	t.begin += size + 2
	t.handle(topic, payload)
	return nil
}

// topic translates a subject, and remembers it: they repeat.
func (t *tap) topic(subject []byte) string {
	if topic, ok := t.topics[string(subject)]; ok {
		return topic
	}
	if len(t.topics) >= maxTopics {
		clear(t.topics)
	}
	s := string(subject)
	t.topics[s] = topicOf(s)
	return t.topics[s]
}

// maxTopics bounds the memory for translated topics: a hostile but enrolled
// gateway may invent device names without end.
const maxTopics = 100_000

// line reads up to the next CRLF and gives what stands before it, good until
// the next read.
func (t *tap) line() ([]byte, error) {
	for from := t.begin; ; {
		if i := bytes.IndexByte(t.buf[from:t.end], '\n'); i >= 0 {
			line := t.buf[t.begin : from+i]
			t.begin = from + i + 1
			return bytes.TrimSuffix(line, []byte("\r")), nil
		}
		seen := t.end - t.begin
		if seen > maxLine {
			return nil, errors.New("a line without end")
		}
		if err := t.read(seen + 1); err != nil {
			return nil, err
		}
		from = t.begin + seen
	}
}

// read gets more, in a block that has room for want bytes from t.begin on. What
// was handed on stays as it is: a full block is left to who has slices of it.
func (t *tap) read(want int) error {
	if len(t.buf)-t.begin < want || len(t.buf)-t.end < minRead {
		block := make([]byte, max(blockSize, want+minRead))
		t.end = copy(block, t.buf[t.begin:t.end])
		t.begin, t.buf = 0, block
	}
	n, err := t.conn.Read(t.buf[t.end:])
	t.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrNoProgress
	}
	return err
}
