package harness

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"
)

// API talks to a hub with a token.
type API struct {
	URL, Token string
	Client     *http.Client // nil: the default one
}

func (a API) client() *http.Client {
	if a.Client != nil {
		return a.Client
	}
	return http.DefaultClient
}

// Get reads JSON from a path below the hub's address.
func (a API) Get(path string, into any) error { return a.Do(http.MethodGet, path, nil, into) }

// Post sends body as JSON and reads the answer.
func (a API) Post(path string, body, into any) error { return a.Do(http.MethodPost, path, body, into) }

// Do makes one request; any status but 2xx is an error with the body's text.
func (a API) Do(method, path string, body, into any) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	var in io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		in = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.URL+path, in)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+a.Token)
	req.Header.Set("Content-Type", "application/json")
	resp, err := a.client().Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if into == nil {
		return nil
	}
	if s, ok := into.(*string); ok {
		*s = string(text)
		return nil
	}
	return json.Unmarshal(text, into)
}

// Incident is what tests read of one.
type Incident struct {
	ID       string   `json:"id"`
	Hazard   string   `json:"hazard"`
	Severity string   `json:"severity"`
	State    string   `json:"state"`
	Rule     string   `json:"rule"`
	Zone     string   `json:"zone"`
	Places   []string `json:"places"`
	Devices  []string `json:"devices"`
	Node     string   `json:"node"`
	Reason   string   `json:"reason"`
	Onset    string   `json:"onset"`
	Opened   string   `json:"opened"`
	Cleared  string   `json:"cleared"`
}

// Incidents lists all incidents of a hazard ("" for all).
func (a API) Incidents(hazard string) ([]Incident, error) {
	var all []Incident
	after := ""
	for {
		var page struct {
			Items []Incident `json:"items"`
			Next  string     `json:"next"`
		}
		path := "/api/v1/incidents?limit=200&hazard=" + hazard
		if after != "" {
			path += "&after=" + after
		}
		if err := a.Get(path, &page); err != nil {
			return nil, err
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}
