package app

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// ingestStall is for how long the builder of log records may not go round: it does
// so with every tick, each second.
const ingestStall = 30 * time.Second

// health is what a service manager is told of a hub: a line for people, and what is
// stuck, if anything is. A disk that is full or a broker that is away is a trouble,
// which /readyz tells, and nothing that a restart would mend.
func (h *Hub) health() (status string, stuck error) {
	status = "ready; pages on " + h.URL()
	if err := h.ready(); err != nil {
		status = "not ready: " + err.Error()
	}
	var errs []error
	if d := h.ingest.Idle(); d > ingestStall {
		errs = append(errs, fmt.Errorf("ingest for %v", d.Round(time.Second)))
	}
	if err := askPages(h.URL() + "/healthz"); err != nil {
		errs = append(errs, fmt.Errorf("pages: %w", err))
	}
	return status, errors.Join(errs...)
}

// askPages asks our own pages as anybody would. Whose certificate they have is not
// of interest here.
func askPages(url string) error {
	client := http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}}
	resp, err := client.Get(url)
	if err != nil {
		return err
	}
	resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return errors.New(resp.Status)
	}
	return nil
}
