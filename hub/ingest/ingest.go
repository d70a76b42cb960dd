package ingest

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"weishao.dev/weishao/hub/broker"
	"weishao.dev/weishao/site"
	"weishao.dev/weishao/telemetry"
	"weishao.dev/weishao/telemetry/record"
	"weishao.dev/weishao/telemetry/sparkplug"
)

// Log is what ingest needs of the log; eventlog.Log has it.
type Log interface {
	Append(ctx context.Context, rec *record.Record) (uint64, error)
	ReadTo(ctx context.Context, from, to uint64) iter.Seq2[*record.Record, error]
	First(ctx context.Context) (uint64, error)
	Last() uint64
	Arrival() int64 // of the last record
}

// Config sets up an Ingest. Fields without a default must be given.
type Config struct {
	Log   Log
	Conn  broker.Conn
	Site  *site.Site
	Clock telemetry.Clock // stamps arrivals and ticks

	Placement string // of devices that announce none; the site's word goes before it

	Snapshot      string        // file that keeps the state, so that a start need not read the whole log
	SnapshotEvery int           // records between two snapshots; default 5,000
	Linger        time.Duration // how long a reading waits for others while the log is idle; default 5 ms
	GiveUp        time.Duration // how long a log that cannot be written is tried before Run fails; default 1 min

	Metrics prometheus.Registerer // nil: not exported
	Logger  *slog.Logger
}

// Ingest is the log's only writer. Everything exported is safe for concurrent
// use.
type Ingest struct {
	cfg     Config
	log     *slog.Logger
	metrics *metrics
	queue   *queue
	acks    *acker
	orders  chan order
	done    chan struct{} // closed when Run has returned
	turned  atomic.Int64  // when the builder last went round, nanoseconds after origin

	// mu is held by the builder while it works on a slice of messages, and by
	// queries. Everything below is guarded by it.
	mu      sync.Mutex
	state   *state
	nodes   map[string]*node
	routes  map[string]*route
	site    *site.Site
	batch   *batch
	now     int64 // hub's clock at the beginning of this slice, Unix ms
	window  window
	since   int    // records since the last snapshot
	arrival int64  // of the last record closed; never goes back
	pos     uint64 // position of the last record known to be in the log

	size    int               // of the message at hand, in bytes
	payload sparkplug.Payload // the message at hand; memory reused
	data    sparkplug.Data
}

// order is what Announce asks of the builder.
type order struct {
	entries []record.Entry
	done    chan<- error
}

// ErrStopped says that ingest has ended.
var ErrStopped = errors.New("ingest: stopped")

// MaxAnnounce is how large the files of one Announce may be together, in bytes:
// with a full batch they must fit one record.
const MaxAnnounce = broker.MaxRecord - 2*maxBatchBytes

// Open restores the state from the snapshot and the log. Run must follow.
func Open(ctx context.Context, cfg Config) (*Ingest, error) {
	if cfg.SnapshotEvery == 0 {
		cfg.SnapshotEvery = 5000
	}
	if cfg.Linger == 0 {
		cfg.Linger = 5 * time.Millisecond
	}
	if cfg.GiveUp == 0 {
		cfg.GiveUp = time.Minute
	}
	in := &Ingest{
		cfg: cfg, log: cfg.Logger, queue: newQueue(), orders: make(chan order), done: make(chan struct{}),
		nodes: map[string]*node{}, routes: map[string]*route{}, site: cfg.Site,
		batch: newBatch(), pos: cfg.Log.Last(), arrival: cfg.Log.Arrival(),
	}
	in.batch.reset(1)
	in.acks = newAcker(cfg.Conn.Publish, cfg.Clock.NowMS, cfg.Logger)
	in.metrics = newMetrics(cfg.Metrics, in)
	began := time.Now()
	var err error
	if in.state, err = restore(ctx, cfg); err != nil {
		return nil, fmt.Errorf("ingest: restoring the state: %w", err)
	}
	for id := range in.state.Nodes {
		in.node(id)
	}
	in.log.Info("ingest restored", "gateways", len(in.nodes), "position", in.pos, "took", time.Since(began).Round(time.Millisecond))
	return in, nil
}

// Handle takes a message from the broker. It never blocks; it may keep the
// payload.
func (in *Ingest) Handle(topic string, payload []byte) {
	m := message{topic: topic, payload: payload}
	if len(payload) > broker.MaxPayload {
		m.payload, m.tooLarge = nil, true
	}
	if !in.queue.put(m) {
		in.metrics.dropped.Inc()
	}
}

// Announce puts entries into the log, in order, in one record, and returns when
// they are there. Site and Rules records take effect that way.
func (in *Ingest) Announce(ctx context.Context, entries ...record.Entry) error {
	size := 0
	for _, e := range entries {
		size += sizeOf(e)
	}
	if size > MaxAnnounce {
		return fmt.Errorf("ingest: %d bytes of files are too large for the log, which takes %d; split the site or shorten its texts", size, MaxAnnounce)
	}
	done := make(chan error, 1)
	select {
	case in.orders <- order{entries, done}:
	case <-in.done:
		return ErrStopped
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-in.done:
		select {
		case err := <-done:
			return err
		default:
			return ErrStopped
		}
	case <-ctx.Done():
		return ctx.Err()
	}
}

// SetSite puts another version of the site into effect for what arrives from
// now on. It does not put the version into the log: Announce does.
func (in *Ingest) SetSite(s *site.Site) {
	in.mu.Lock()
	defer in.mu.Unlock()
	in.resite(s)
}

// Reject counts what a broker refused of a gateway before ingest could see it;
// it fits broker.EmbeddedConfig.OnReject. node may be "".
func (in *Ingest) Reject(nodeID string, kind telemetry.Bad) {
	in.metrics.bad.WithLabelValues(string(kind)).Inc()
	in.mu.Lock()
	defer in.mu.Unlock()
	n := in.nodes[nodeID]
	if n == nil && nodeID != "" && kind != broker.BadAuth {
		n = in.node(nodeID) // it signed in, and may never say anything that passes
	}
	if n != nil {
		n.bad[kind]++
	}
}

// refuse counts bad input.
func (in *Ingest) refuse(n *node, d *device, kind telemetry.Bad, count uint64) {
	in.metrics.bad.WithLabelValues(string(kind)).Add(float64(count))
	n.bad[kind] += count
	if d != nil {
		d.bad[kind] += count
	}
}

func nodeParts(id string) (group, node string, ok bool) { return strings.Cut(id, "/") }
