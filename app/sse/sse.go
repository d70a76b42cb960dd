// Package sse reads a hub's server-sent events as a browser does.
package sse

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Event is one server-sent event. Data is good until the next one.
type Event struct {
	Name string
	Data []byte
}

// Follow connects to the events of the hub at url ("http://host:port") and hands
// each one to each, on this goroutine, until the stream or ctx ends; connected, if
// not nil, is called when the hub has answered. It returns nil only when ctx ended.
func Follow(ctx context.Context, url, token string, connected func(), each func(Event)) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url+"/api/v1/events", nil)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return unlessEnded(ctx, fmt.Errorf("the hub's events: %w", err))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 1024))
		return fmt.Errorf("the hub's events: %s: %s", resp.Status, text)
	}
	if connected != nil {
		connected()
	}
	if err := read(resp.Body, each); err != nil {
		return unlessEnded(ctx, fmt.Errorf("the hub's events: %w", err))
	}
	return unlessEnded(ctx, fmt.Errorf("the hub's events: %w", io.EOF))
}

func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// read takes a stream apart into events.
func read(from io.Reader, each func(Event)) error {
	r := bufio.NewReader(from)
	var e Event
	for {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		line = bytes.TrimRight(line, "\r\n")
		if len(line) == 0 {
			if e.Name != "" || e.Data != nil {
				each(e)
			}
			e = Event{}
			continue
		}
		field, value, _ := strings.Cut(string(line), ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "event":
			e.Name = value
		case "data":
			if e.Data != nil {
				e.Data = append(e.Data, '\n')
			}
			e.Data = append(e.Data, value...)
		}
	}
}
