package app

import (
	"bufio"
	"context"
	"encoding/binary"
	"encoding/json"
	"io"
	"net/http"

	"weishao.dev/weishao/hub/eventlog"
	"weishao.dev/weishao/incidents"
	"weishao.dev/weishao/internal/unixsocket"
	"weishao.dev/weishao/telemetry/record"
)

// logDoor lets the hub's own tools read its log while it runs, so that rules can be
// tried over what really happened. A tool that is slow holds up nobody.
type logDoor struct {
	log       *eventlog.Log
	incidents *incidents.Store
	inputs    func() *inputs
	stopping  context.Context // ends what is being sent
}

// logEnds are the positions of the oldest and the newest record, and what is in effect.
type logEnds struct {
	First uint64        `json:"first"`
	Last  uint64        `json:"last"`
	Site  record.File   `json:"site"`
	Rules []record.File `json:"rules"`
}

type logRequest struct {
	From uint64 `json:"from"` // positions, both included
	To   uint64 `json:"to"`
}

// labelsRequest asks for incidents that opened between two times, Unix ms; 0: no bound.
type labelsRequest struct {
	From int64 `json:"from"`
	To   int64 `json:"to"`
}

func (d *logDoor) handle(mux *http.ServeMux) {
	mux.HandleFunc("POST /log-ends", unixsocket.Answer(d.ends))
	mux.HandleFunc("POST /labels", unixsocket.Answer(d.labels))
	mux.HandleFunc("POST /log", d.send)
}

func (d *logDoor) ends(ctx context.Context, _ struct{}) (e logEnds, err error) {
	in := d.inputs()
	e.Site, e.Rules, e.Last = in.where.File, in.rules.Files, d.log.Last()
	e.First, err = d.log.First(ctx)
	return e, err
}

func (d *logDoor) labels(ctx context.Context, r labelsRequest) ([]incidents.Label, error) {
	return d.incidents.Labels(ctx, timeOr(r.From), timeOr(r.To))
}

// send answers with records as logStream reads them.
func (d *logDoor) send(w http.ResponseWriter, r *http.Request) {
	var q logRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<10)).Decode(&q); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(d.stopping, cancel)()
	out := bufio.NewWriterSize(w, 1<<16)
	var enc record.Encoder
	var head, body []byte
	for rec, err := range d.log.ReadTo(ctx, q.From, q.To) {
		if err != nil {
			return // without the end mark, which is how the reader knows
		}
		body = enc.Append(body[:0], rec)
		head = binary.AppendUvarint(head[:0], uint64(len(body)))
		head = binary.AppendUvarint(head, rec.Seq)
		_, _ = out.Write(head)
		if _, err := out.Write(body); err != nil {
			return // the reader has gone
		}
	}
	if ctx.Err() == nil {
		_ = out.WriteByte(0)
		_ = out.Flush()
	}
}
