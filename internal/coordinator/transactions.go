package coordinator

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/txn"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/telemetry"
)

// TransactionsTopic holds the records of transactional ids.
const TransactionsTopic = "__transaction_state"

// TransactionsConfig is what NewTransactions needs.
type TransactionsConfig struct {
	Config
	NodeID   int32
	Settings func() Settings     // cheap
	Txn      func() txn.Settings // cheap
	// Connect returns a connection to another broker that belongs to the caller. It does not wait: the first request connects.
	Connect func(nodeID int32) Line
	// NewProducerID returns an id that nobody has. It may wait.
	NewProducerID func(ctx context.Context) (int64, error)
	// Replicas and Groups are where markers go that end transactions in partitions of this node.
	Replicas func() *replication.Node
	Groups   *Groups
	// Timeout is request.timeout.ms: how long a marker may take to be replicated.
	Timeout func() time.Duration
}

// Transactions is the transaction coordinator of this node: one machine for each partition of __transaction_state that the node leads, and what carries
// out their decisions.
type Transactions struct {
	*Coordinator[txn.Event, txn.Record]
	*markerWriter
	cfg     TransactionsConfig
	markers *markers
	asks    outbox[membershipAsk]
	asked   telemetry.Verifications
	work    sync.WaitGroup // those who get producer ids
	ctx     context.Context
	cancel  context.CancelFunc

	idMu    sync.Mutex
	getting map[int32]bool // partitions for which a producer id is being got
}

// NewTransactions returns a transaction coordinator that leads nothing yet.
func NewTransactions(cfg TransactionsConfig) *Transactions {
	t := &Transactions{cfg: cfg, markerWriter: &markerWriter{cfg.Replicas, cfg.Groups, cfg.Timeout}, getting: make(map[int32]bool)}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	t.asks.connect, t.asks.max, t.asks.send = cfg.Connect, asksInRequest, t.ask
	t.markers = newMarkers(cfg.NodeID, cfg.Connect, cfg.Logger)
	t.markers.local, t.markers.written = t.WriteMarker, t.markersWritten
	t.Coordinator = New(cfg.Config, Kind[txn.Event, txn.Record]{
		Name: "transaction coordinator", Topic: TransactionsTopic,
		New: func(_ record.TopicPartition, leaderEpoch int32) machine.Machine[txn.Event, txn.Record] {
			return txn.New(txn.Config{Settings: cfg.Txn, CoordinatorEpoch: leaderEpoch, Rand: chance()})
		},
		Decode:    decodeTxnRecord,
		Loaded:    func() txn.Event { return txn.Event{Loaded: true, Image: t.Image()} },
		Published: publishedToTransactions,
		Perform:   t.perform,
		Settings:  cfg.Settings,
	})
	t.markers.image = t.Image
	return t
}

// asksInRequest bounds the transactions in one AddPartitionsToTxn.
const asksInRequest = 1000

func decodeTxnRecord(key, value []byte) (rec txn.Record, foreign string, err error) {
	rec, err = txn.Decode(key, value)
	if f, ok := rec.(*txn.ForeignRecord); ok {
		return nil, f.Kind(), nil
	}
	return rec, "", err
}

// publishedToTransactions tells machines which partitions there are.
func publishedToTransactions(image *metadata.Image, delta *metadata.Delta) (txn.Event, bool) {
	e := txn.Event{Image: image}
	if delta == nil || len(delta.DeletedTopics()) > 0 {
		return e, true
	}
	for _, topic := range delta.ChangedTopics() {
		if old, ok := delta.Base().TopicByID(topic.ID); !ok || len(old.Partitions) != len(topic.Partitions) {
			return e, true
		}
	}
	return txn.Event{}, false
}

// Leading is for replication.Config.Leading. What was decided under an epoch that ends is not carried out any more.
func (t *Transactions) Leading(tp record.TopicPartition, leaderEpoch int32, leading bool) {
	if tp.Topic == TransactionsTopic {
		t.markers.leading(tp.Partition, leaderEpoch, leading)
	}
	t.Coordinator.Leading(tp, leaderEpoch, leading)
}

// Publish brings the coordinator to an image, and sends the markers that waited for it.
func (t *Transactions) Publish(image *metadata.Image, delta *metadata.Delta) {
	t.Coordinator.Publish(image, delta)
	t.markers.published(image, delta)
}

// Verifications counts the questions about membership.
func (t *Transactions) Verifications() *telemetry.Verifications { return &t.asked }

// MarkerQueues are how many markers wait for a leader, and how many transactions for a log that takes their last record.
func (t *Transactions) MarkerQueues() (unknownDestination, logAppendRetry int) {
	return t.markers.queues()
}

// Submit hands a call to the machine of the transactional id's partition. done is called exactly once with a response of the request's
// kind, its error code decided; perhaps before Submit returns, and on a goroutine that must not wait.
func (t *Transactions) Submit(call TxnCall, done func(kmsg.Response)) {
	finish := withTimeout(t.cfg.Timeout(), func(resp any, err error) {
		if err != nil {
			done(RefuseTxn(call.Request, CodeOf(err)))
			return
		}
		done(resp.(kmsg.Response))
	})
	t.Coordinator.Submit(call.TransactionalID, func(ticket machine.Ticket) txn.Event {
		return txn.Event{Ticket: ticket, Request: call.Request, GroupPartition: call.GroupPartition, NewProducerID: call.NewProducerID,
			TwoPhaseCommit: call.TwoPhaseCommit, KeepPrepared: call.KeepPrepared}
	}, finish)
}

// List asks all partitions of this node for their transactions.
func (t *Transactions) List(rq *kmsg.ListTransactionsRequest, done func(*kmsg.ListTransactionsResponse)) {
	t.Each(func(ticket machine.Ticket) txn.Event { return txn.Event{Ticket: ticket, Request: rq} }, func(answers []any, code int16) {
		resp := kmsg.NewPtrListTransactionsResponse()
		resp.ErrorCode = code
		for _, answer := range answers {
			part := answer.(*kmsg.ListTransactionsResponse)
			resp.TransactionStates = append(resp.TransactionStates, part.TransactionStates...)
			resp.UnknownStateFilters = part.UnknownStateFilters
			if part.ErrorCode != 0 {
				resp.ErrorCode = part.ErrorCode
			}
		}
		done(resp)
	})
}

// perform carries out what a machine decided.
func (t *Transactions) perform(p Led, e machine.Effect) {
	switch e := e.(type) {
	case txn.WriteMarkers:
		t.markers.end(p, e)
	case txn.NeedProducerID:
		if t.lacksID(p.Partition, true) {
			t.work.Go(func() { t.getProducerID(p) })
		}
	case txn.Notice:
		attrs := []any{}
		if e.TransactionalID != "" {
			attrs = append(attrs, "transactional_id", e.TransactionalID, "producer_id", e.ProducerID, "producer_epoch", e.ProducerEpoch)
		}
		if e.Count > 0 {
			attrs = append(attrs, "count", e.Count)
		}
		p.Logger.Log(t.ctx, slog.LevelInfo, e.Message, attrs...)
	}
}

// lacksID notes whether a machine is about to be brought a producer id, and reports whether that is a change: however many wait, one is got at a time,
// and who is left without asks again.
func (t *Transactions) lacksID(partition int32, lacks bool) bool {
	t.idMu.Lock()
	defer t.idMu.Unlock()
	if t.getting[partition] == lacks {
		return false
	}
	if lacks {
		t.getting[partition] = true
	} else {
		delete(t.getting, partition)
	}
	return true
}

// getProducerID brings a machine the producer id that it lacks.
func (t *Transactions) getProducerID(p Led) {
	id, err := t.cfg.NewProducerID(t.ctx)
	t.lacksID(p.Partition, false)
	if err != nil {
		p.Logger.Warn("no producer id for a transaction", "err", err)
		return
	}
	t.SubmitTo(p.Partition, func(machine.Ticket) txn.Event { return txn.Event{NewProducerID: id} }, nil)
}

// markersWritten tells a machine which partitions have their marker.
func (t *Transactions) markersWritten(led Led, w txn.MarkersWritten, done func(error)) {
	t.SubmitTo(led.Partition, func(ticket machine.Ticket) txn.Event { return txn.Event{Ticket: ticket, Written: &w} }, func(_ any, err error) { done(err) })
}

// Close unloads everything and waits for it.
func (t *Transactions) Close() {
	t.cancel()
	t.markers.close()
	t.asks.close()
	t.Coordinator.Close()
	t.work.Wait()
}
