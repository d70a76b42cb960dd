package ingest

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	mqtt "github.com/eclipse/paho.mqtt.golang"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// TestMain turns the test binary into the load generator of BenchmarkBroker
// when asked to: a process of its own, so that the hub's CPU can be told from it.
func TestMain(m *testing.M) {
	if addr := os.Getenv("WEISHAO_TEST_LOAD"); addr != "" {
		generate(addr, intEnv("WEISHAO_TEST_GATEWAYS"), intEnv("WEISHAO_TEST_MESSAGES"), intEnv("WEISHAO_TEST_RATE"))
		return
	}
	os.Exit(m.Run())
}

func intEnv(name string) int {
	n, err := strconv.Atoi(os.Getenv(name))
	if err != nil {
		panic(name + ": " + err.Error())
	}
	return n
}

// A benchmark's gateway: 50 devices, messages of 10 readings of 5 metrics.
const (
	loadDevices = 50
	loadPoints  = 10
	loadWindow  = 20_000 // readings that wait for their acknowledgement
)

var loadMetrics = []string{"gas.ch4", "co", "temperature", "humidity", "power"}

// generate sends from each gateway so many messages, rate a second of each or,
// if that is 0, as fast as they are acknowledged.
func generate(addr string, gateways, messages, rate int) {
	var wg sync.WaitGroup
	for i := range gateways {
		wg.Go(func() { generateOne(addr, fmt.Sprintf("load-%d", i), messages, rate) })
	}
	wg.Wait()
}

// generateOne is one gateway's session: births, then data within the window,
// until all is acknowledged.
func generateOne(addr, name string, messages, rate int) {
	const run = 1<<32 | 7
	check := func(t mqtt.Token) {
		if !t.WaitTimeout(time.Minute) || t.Error() != nil {
			panic(fmt.Sprint(name, ": ", t.Error()))
		}
	}
	var acked atomic.Uint64
	moved := make(chan struct{}, 1)
	client := mqtt.NewClient(mqtt.NewClientOptions().AddBroker("tcp://" + addr).SetUsername("g/" + name).SetPassword("p").
		SetClientID("g/" + name).SetAutoReconnect(false).SetProtocolVersion(4))
	check(client.Connect())
	check(client.Subscribe(sparkplug.NodeTopic(sparkplug.NCMD, "g", name), 0, func(_ mqtt.Client, m mqtt.Message) {
		var p sparkplug.Payload
		if p.Decode(m.Payload()) != nil {
			return
		}
		c, _ := sparkplug.CommandOf(&p)
		for _, r := range c.Committed {
			acked.Store(r.Seq)
		}
		select {
		case moved <- struct{}{}:
		default:
		}
	}))
	epoch := record.Epoch{1}
	copy(epoch[1:], name)
	check(client.Publish(sparkplug.NodeTopic(sparkplug.NBIRTH, "g", name), 0, false, sparkplug.AppendNodeBirth(nil, &sparkplug.NodeBirth{
		Timestamp: 1, Ours: true, Epoch: epoch, Runs: []record.Run{{ID: run, Epoch: epoch, Oldest: 1, Next: 1}}})))
	topics := make([]string, loadDevices)
	for d := range topics {
		device := fmt.Sprintf("device-%02d", d)
		topics[d] = sparkplug.DeviceTopic(sparkplug.DDATA, "g", name, device)
		b := sparkplug.DeviceBirth{Timestamp: 1}
		for i, m := range loadMetrics {
			b.Metrics = append(b.Metrics, sparkplug.Announced{Name: m, Alias: uint64(sparkplug.AliasFirst + d*len(loadMetrics) + i)})
		}
		check(client.Publish(sparkplug.DeviceTopic(sparkplug.DBIRTH, "g", name, device), 0, false, sparkplug.AppendDeviceBirth(nil, &b)))
	}
	data := sparkplug.Data{Run: run, First: 1, Points: make([]sparkplug.Point, loadPoints)}
	began := time.Now()
	for i := range messages {
		if rate > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(i) * time.Second / time.Duration(rate))))
		}
		now := time.Now().UnixMilli()
		for j := range data.Points {
			data.Points[j] = sparkplug.Point{Alias: uint64(sparkplug.AliasFirst + i%loadDevices*len(loadMetrics) + j%len(loadMetrics)), Time: now, Value: 20.5 + float64(j)}
		}
		data.Timestamp = now
		client.Publish(topics[i%loadDevices], 0, false, sparkplug.AppendData(nil, &data))
		data.First += loadPoints
		for data.First-acked.Load() > loadWindow {
			<-moved
		}
	}
	for acked.Load() < data.First-1 {
		<-moved
	}
	client.Disconnect(100)
}

// BenchmarkBroker runs gateways in another process through the real broker into
// the real log, fsynced, and reports the rate and the hub's own CPU.
func BenchmarkBroker(b *testing.B) {
	for _, gateways := range []int{2, 8, 32} {
		b.Run(fmt.Sprintf("gateways=%d", gateways), func(b *testing.B) { load(b, gateways, 0, 0) })
	}
}

// BenchmarkLinger shows what waiting for more readings buys where the log is idle
// most of the time: 10,000 readings a second from 10 gateways.
func BenchmarkLinger(b *testing.B) {
	for _, linger := range []time.Duration{time.Nanosecond, 2 * time.Millisecond, 5 * time.Millisecond} {
		b.Run(linger.String(), func(b *testing.B) { load(b, 10, 100, linger) })
	}
}

func load(b *testing.B, gateways, rate int, linger time.Duration) {
	h := startHub(b, b.TempDir(), func(c *Config) { c.Linger = linger })
	messages := max(1, b.N/loadPoints/gateways)
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), "WEISHAO_TEST_LOAD="+h.broker.Addr(), fmt.Sprint("WEISHAO_TEST_GATEWAYS=", gateways),
		fmt.Sprint("WEISHAO_TEST_MESSAGES=", messages), fmt.Sprint("WEISHAO_TEST_RATE=", rate))
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	b.ResetTimer()
	cpu := ownCPU(b)
	if err := cmd.Run(); err != nil {
		b.Fatalf("load generator: %v\n%s", err, out.String())
	}
	cpu = ownCPU(b) - cpu
	b.StopTimer()
	readings := float64(gateways * messages * loadPoints)
	b.ReportMetric(readings/b.Elapsed().Seconds(), "readings/s")
	b.ReportMetric(float64(cpu.Microseconds())/readings, "hub-µs/reading")
	b.ReportMetric(readings/testutil.ToFloat64(h.in.metrics.records), "readings/record")
}

func ownCPU(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
