package harness

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"testing"
)

// Influx is a real influxd with the database "weishao"; its folder and address stay
// the same over restarts.
type Influx struct {
	*Process
	URL string
	dir string
}

// influxBucket is the name that InfluxDB 1.8 gives its database for the API of v2.
const influxBucket = "weishao/autogen"

// NewInflux starts one. It ends with the test. What it has acknowledged it has
// fsynced: wal-fsync-delay is 0, which is also what it does when nobody says.
func NewInflux(t testing.TB) *Influx {
	t.Helper()
	i := &Influx{dir: t.TempDir()}
	addr := FreeAddr(t)
	i.URL = "http://" + addr
	WriteFile(t, i.dir, "influxd.conf", fmt.Sprintf(`
reporting-disabled = true
bind-address = %q
[meta]
  dir = %q
[data]
  dir = %q
  wal-dir = %q
  wal-fsync-delay = "0s"
  query-log-enabled = false
[http]
  bind-address = %q
  flux-enabled = true
  log-enabled = false
`, FreeAddr(t), i.dir+"/meta", i.dir+"/data", i.dir+"/wal", addr))
	i.Restart(t)
	resp, err := http.PostForm(i.URL+"/query", url.Values{"q": {"CREATE DATABASE weishao"}})
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("creating the database: %s", resp.Status)
	}
	return i
}

// Restart starts it (again) and returns when it answers.
func (i *Influx) Restart(t testing.TB) {
	t.Helper()
	i.Process = Start(t, nil, Dep(t, "bin/influxd"), "-config", filepath.Join(i.dir, "influxd.conf"))
	Eventually(t, "influxd answers", func() error {
		if i.Ended() {
			t.Fatalf("influxd ended:\n%s", i.Output())
		}
		resp, err := http.Get(i.URL + "/health")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			return errors.New(resp.Status)
		}
		return nil
	})
}

// HubYAML is what a hub's configuration says to use it.
func (i *Influx) HubYAML() string {
	return fmt.Sprintf("history:\n  influx: {url: %q, bucket: %q}\n", i.URL, influxBucket)
}

// CountAndSum asks it, in Flux, for all readings of a metric since 1970.
func (i *Influx) CountAndSum(metric string) (count int, sum float64, err error) {
	err = i.flux(metric, "count", &count)
	if err == nil {
		err = i.flux(metric, "sum", &sum)
	}
	return count, sum, err
}

// flux reduces all values of a metric to one by a function of Flux. No value leaves
// into as it is.
func (i *Influx) flux(metric, function string, into any) error {
	q := fmt.Sprintf(`from(bucket: %q) |> range(start: 1970-01-01T00:00:00Z) |> filter(fn: (r) => r._measurement == %q and r._field == "value") |> group() |> %s()`,
		influxBucket, metric, function)
	req, err := http.NewRequest(http.MethodPost, i.URL+"/api/v2/query?org=", bytes.NewBufferString(q))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/vnd.flux")
	req.Header.Set("Accept", "application/csv")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s %w", q, resp.Status, text, err)
	}
	r := csv.NewReader(bytes.NewReader(text))
	r.FieldsPerRecord, r.Comment = -1, '#'
	rows, err := r.ReadAll()
	if err != nil || len(rows) < 2 {
		return err
	}
	for col, name := range rows[0] {
		if name == "_value" {
			_, err := fmt.Sscan(rows[1][col], into)
			return err
		}
	}
	return fmt.Errorf("%s: no value in %s", q, text)
}
