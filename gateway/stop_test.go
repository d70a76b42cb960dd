package gateway

import (
	"context"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"weishao.dev/weishao/devices"
	"weishao.dev/weishao/gateway/outbox"
	"weishao.dev/weishao/telemetry"
)

// slowDisk lets its first sync of a segment wait.
type slowDisk struct {
	outbox.OS
	first     sync.Once
	committed chan struct{} // closed when that sync is under way
	answer    chan struct{} // closed when it may go on
}

func (d *slowDisk) OpenFile(name string, flag int) (outbox.File, error) {
	f, err := d.OS.OpenFile(name, flag)
	if err != nil || flag&os.O_CREATE == 0 || !strings.HasSuffix(name, ".seg") {
		return f, err
	}
	return slowFile{f, d}, nil
}

type slowFile struct {
	outbox.File
	disk *slowDisk
}

func (f slowFile) Sync() error {
	f.disk.first.Do(func() {
		close(f.disk.committed)
		<-f.disk.answer
	})
	return f.File.Sync()
}

// What is being committed when the gateway is stopped is still to be sent: the session
// ends after the commit.
func TestStopDuringACommit(t *testing.T) {
	for _, urgent := range []bool{false, true} {
		disk := &slowDisk{committed: make(chan struct{}), answer: make(chan struct{})}
		g := smallGateway(t, Deps{
			FS:     disk,
			Urgent: func(string, string, telemetry.Point) bool { return urgent },
			Devices: []devices.Device{&device{info("a", time.Hour), func(ctx context.Context, _ telemetry.Clock, emit func(telemetry.Point)) error {
				emit(telemetry.Point{Metric: "power", Value: 1})
				<-ctx.Done()
				return nil
			}}},
		})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- g.Run(ctx) }()
		<-disk.committed
		stop()
		over := time.After(300 * time.Millisecond) // far longer than a session takes that has no connection
	watch:
		for {
			select {
			case <-over:
				break watch
			case <-time.After(time.Millisecond):
				if g.Status().Session.LastError == "stopped" {
					t.Errorf("urgent %v: the session ended before what was being committed could be sent", urgent)
					break watch
				}
			}
		}
		close(disk.answer)
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
