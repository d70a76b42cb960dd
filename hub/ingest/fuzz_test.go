package ingest

import (
	"context"
	"iter"
	"log/slog"
	"testing"

	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// nowhere is a broker and a log for what never gets there.
type nowhere struct{ broker.Conn }

func (nowhere) Publish(string, []byte) error { return nil }
func (nowhere) Append(context.Context, *record.Record) (uint64, error) {
	panic("nothing is appended without Run")
}
func (nowhere) ReadTo(context.Context, uint64, uint64) iter.Seq2[*record.Record, error] {
	return func(func(*record.Record, error) bool) {}
}
func (nowhere) First(context.Context) (uint64, error) { return 1, nil }
func (nowhere) Last() uint64                          { return 0 }
func (nowhere) Arrival() int64                        { return 0 }

// FuzzDispatch feeds two messages of any kind and content to a gateway in the
// middle of its session. Whatever they are, the record that comes of it encodes
// and decodes, and reading it back gives the state that the messages made.
func FuzzDispatch(f *testing.F) {
	kinds := []sparkplug.MessageType{sparkplug.NBIRTH, sparkplug.NDEATH, sparkplug.NDATA, sparkplug.DBIRTH, sparkplug.DDEATH, sparkplug.DDATA}
	epoch := record.Epoch{1}
	birth := func(runs ...record.Run) []byte {
		for i := range runs {
			runs[i].Epoch = epoch
		}
		return sparkplug.AppendNodeBirth(nil, &sparkplug.NodeBirth{Timestamp: 1, Ours: true, Epoch: epoch, Runs: runs})
	}
	const now = 1_764_000_000_000
	data := sparkplug.AppendData(nil, &sparkplug.Data{Run: 7, First: 3, Points: []sparkplug.Point{{Alias: 16, Time: now, Value: 1}, {Alias: 17, Time: now, Value: 1e9}}})
	device := sparkplug.AppendDeviceBirth(nil, &sparkplug.DeviceBirth{Metrics: []sparkplug.Announced{{Name: "co", Alias: 16}, {Name: "temperature", Alias: 17}}})
	f.Add(byte(5), data, byte(5), data)
	f.Add(byte(0), birth(live(8, 7, 1), record.Run{ID: 7, Kind: record.Backlog, Oldest: 5, Next: 9, Lost: []record.Range{{From: 6, To: 7}}}), byte(5), data)
	f.Add(byte(0), payload(0, num("co", 3)), byte(3), payload(1, num("temperature", 4)))
	f.Add(byte(3), device, byte(4), []byte{})
	f.Add(byte(1), sparkplug.AppendDeath(nil, 1, 0), byte(2), []byte{0xff})
	f.Fuzz(func(t *testing.T, kind1 byte, payload1 []byte, kind2 byte, payload2 []byte) {
		in, err := Open(t.Context(), Config{Log: nowhere{}, Conn: nowhere{}, Site: site.Empty(), Logger: slog.New(slog.DiscardHandler)})
		if err != nil {
			t.Fatal(err)
		}
		in.now, in.window = now, windowAt(now)
		send := func(kind byte, payload []byte) {
			k := kinds[int(kind)%len(kinds)]
			topic := sparkplug.NodeTopic(k, "g", "a")
			if k.OfDevice() {
				topic = sparkplug.DeviceTopic(k, "g", "a", "d")
			}
			in.dispatch(&message{topic: topic, payload: payload})
		}
		send(0, birth(live(7, 0, 1)))
		send(3, device)
		send(5, sparkplug.AppendData(nil, &sparkplug.Data{Run: 7, First: 1, Points: []sparkplug.Point{{Alias: 16, Time: now}, {Alias: 17, Time: now}}}))
		send(kind1, payload1)
		send(kind2, payload2)
		in.batch.close(now)

		var back record.Record
		if err := record.Decode(record.AppendRecord(nil, &in.batch.rec), &back); err != nil {
			t.Fatal(err)
		}
		again := newState()
		again.apply(&back)
		for _, n := range again.Nodes {
			n.index()
		}
		if got, want := string(again.snapshot().state), string(in.state.snapshot().state); got != want {
			t.Fatalf("from the record\n%s\nfrom the messages\n%s", got, want)
		}
	})
}
