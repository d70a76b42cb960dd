package e2e

import (
	"fmt"
	"math"
	"testing"
	"time"

	"weishao.dev/weishao/e2e/harness"
	"weishao.dev/weishao/telemetry"
)

// InfluxDB in the place of the embedded history: 100,000 readings through the hub,
// influxd killed midway and started again, and the hub killed besides. All is there
// in the end by count and by sum, each device's as the officer's chart reads it.
func TestInfluxDBKilledMidway(t *testing.T) {
	t.Parallel()
	const devices, total, perMessage = 10, 100_000, 500
	influx := harness.NewInflux(t)
	hub := harness.NewHub(t, influx.HubYAML())
	var list []harness.SenderDevice
	for i := range devices {
		list = append(list, harness.SenderDevice{Name: fmt.Sprintf("d%d", i), Placement: "bike_shed", Metric: "humidity", Interval: time.Minute})
	}
	sender := harness.NewSender(t, hub.Enrol(t, "g", "n"), hub.MQTT, list...)

	const step = 100 // ms
	end := time.Now().UnixMilli()
	begin := end - total/devices*step
	sums := make([]float64, devices)
	send := func(from, to int) { // reading i is of device i/perMessage%devices
		for at := from; at < to; at += perMessage {
			device := at / perMessage % devices
			points := make([]telemetry.Point, perMessage)
			first := at / perMessage / devices * perMessage // how many the device has sent
			for j := range points {
				v := float64((at+j)%991) / 10
				sums[device] += v
				points[j] = telemetry.Point{Time: begin + int64(first+j)*step, Value: v}
			}
			sender.Send(device, points...)
			if sender.Waiting() > 10_000 {
				harness.Eventually(t, "the hub takes readings", func() error {
					if w := sender.Waiting(); w > 5_000 {
						return fmt.Errorf("%d are not acknowledged", w)
					}
					return nil
				})
			}
		}
	}
	send(0, total/4)
	harness.Eventually(t, "InfluxDB gets readings", func() error {
		count, _, err := influx.CountAndSum("humidity")
		if err == nil && count == 0 {
			err = fmt.Errorf("none yet")
		}
		return err
	})
	send(total/4, total/2)
	influx.Crash()
	send(total/2, total*3/4)
	harness.Eventually(t, "the hub misses InfluxDB", func() error {
		if hub.Metric(t, "weishao_history_retries_total") == 0 {
			return fmt.Errorf("no request was made again")
		}
		return nil
	})
	hub.Crash()
	hub.Restart(t)
	sender.Connect(t)
	influx.Restart(t)
	send(total*3/4, total)
	harness.Eventually(t, "the hub has all", sender.Committed)

	var want float64
	for _, s := range sums {
		want += s
	}
	harness.Eventually(t, "InfluxDB has all", func() error {
		count, sum, err := influx.CountAndSum("humidity")
		if err == nil && (count != total || math.Abs(sum-want) > 1e-3) {
			err = fmt.Errorf("%d readings with the sum %f, want %d with %f", count, sum, total, want)
		}
		return err
	})
	for i, d := range list {
		var series struct {
			Unit   string
			Points [][5]float64 // time, min, mean, max, count
		}
		path := fmt.Sprintf("/api/v1/series?device=g/n/%s&metric=humidity&from=%d&to=%d&step=1m", d.Name, begin-60_000, end+60_000)
		if err := hub.API.Get(path, &series); err != nil {
			t.Fatal(err)
		}
		var count, sum float64
		for _, p := range series.Points {
			count += p[4]
			sum += p[2] * p[4]
		}
		if count != total/devices || math.Abs(sum-sums[i]) > 1e-3 || series.Unit != "%RH" {
			t.Errorf("chart of %s: %.0f readings in %s with the sum %f, want %d in %%RH with %f", d.Name, count, series.Unit, sum, total/devices, sums[i])
		}
	}
	if n := hub.Metric(t, "weishao_history_quarantined_total"); n > 0 {
		t.Errorf("%.0f readings are in quarantine", n)
	}
}
