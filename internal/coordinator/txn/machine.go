package txn

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// Event is one thing that happens to the transactional ids of a partition. One of Request, Loaded, Written and Image is set, but Loaded
// may come with the Image to begin with, and NewProducerID may stand alone.
type Event struct {
	// Ticket is who waits. An event that is no request is answered with nothing once it was heard.
	Ticket machine.Ticket
	// Request is one of InitProducerID (with a transactional id), AddPartitionsToTxn (in the form of version 4 and later with one
	// transaction in it), AddOffsetsToTxn, EndTxn, DescribeTransactions (one id) and ListTransactions. Its answer is a machine.Reply
	// with the response of its kind. Bytes in it may be used again once it is answered: the machine copies what it keeps.
	Request kmsg.Request
	// TwoPhaseCommit and KeepPrepared are the fields enable_2_pc and keep_prepared_txn of InitProducerId version 6.
	TwoPhaseCommit, KeepPrepared bool
	// GroupPartition is, for AddOffsetsToTxn, the partition of __consumer_offsets that holds the group.
	GroupPartition int32
	// NewProducerID is a producer id that nobody has; 0: none (the id 0 is never handed in). Every InitProducerID brings one, and so does the answer to a NeedProducerID.
	// The machine keeps a few of those that it does not use.
	NewProducerID int64

	Loaded  bool            // the first event after a load
	Written *MarkersWritten // markers are written
	// Image is a new image of the metadata: markers for partitions that it no longer has are given up.
	Image *metadata.Image
}

// WriteMarkers is an effect: the markers of a transaction whose outcome is committed are to be written to its partitions, again and
// again until they are, and then Event.Written tells so. After a load it comes again for every transaction that is not complete.
type WriteMarkers struct {
	TransactionalID    string
	Token              uint64 // to be handed back in MarkersWritten
	ProducerID         int64
	ProducerEpoch      int16
	CoordinatorEpoch   int32
	Commit             bool
	TransactionVersion int16
	Partitions         []record.TopicPartition // not to be changed; sorted
}

// MarkersWritten tells that some or all partitions of a WriteMarkers have their marker. The token keeps word of one transaction from being
// taken for word of the next, which below transaction version 2 has the same producer id and epoch.
type MarkersWritten struct {
	TransactionalID string
	Token           uint64
	Partitions      []record.TopicPartition
}

// NeedProducerID is an effect: a request was put off because a producer id ran out of epochs and there was no other at hand. The
// next event should bring one.
type NeedProducerID struct{}

// Notice is an effect: something an operator may want to read in the log.
type Notice struct {
	Message         string
	TransactionalID string // "": none in particular
	ProducerID      int64
	ProducerEpoch   int16
	Count           int
}

// Config is what New needs.
type Config struct {
	Settings         func() Settings // cheap
	CoordinatorEpoch int32           // the leader epoch of the partition
	Rand             *rand.Rand      // tokens
}

// Machine is the transaction coordinator of one partition.
type Machine struct {
	cfg  Config
	hard state
	live live

	// What follows lives during one call.
	now time.Time
	set Settings
	out machine.Result[Record]
}

var _ machine.Machine[Event, Record] = (*Machine)(nil)
var _ machine.Refuser[Record] = (*Machine)(nil)

// New returns a machine without transactional ids.
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg, hard: make(state), live: newLive()}
}

// begin sets the scene of one decision.
func (m *Machine) begin(now time.Time) {
	m.now, m.set, m.out = now, m.cfg.Settings(), machine.Result[Record]{}
}

// Apply changes the hard state.
func (m *Machine) Apply(e machine.Entry[Record]) { m.hard.apply(e) }

// Handle decides on an event.
func (m *Machine) Handle(now time.Time, e Event) machine.Result[Record] {
	m.begin(now)
	m.live.keepSpare(e.NewProducerID)
	switch {
	case e.Loaded:
		m.live.image = e.Image
		m.loaded()
	case e.Written != nil:
		m.markersWritten(e.Written)
	case e.Image != nil:
		m.imageChanged(e.Image)
	case e.Request != nil:
		m.request(&e)
	}
	if e.Request == nil { // whoever told has been heard
		m.reply(e.Ticket, nil)
	}
	return m.out
}

func (m *Machine) request(e *Event) {
	switch rq := e.Request.(type) {
	case *kmsg.InitProducerIDRequest:
		m.reply(e.Ticket, m.initProducer(e, rq))
	case *kmsg.AddPartitionsToTxnRequest:
		m.reply(e.Ticket, m.addPartitions(rq))
	case *kmsg.AddOffsetsToTxnRequest:
		m.reply(e.Ticket, m.addOffsets(rq, e.GroupPartition))
	case *kmsg.EndTxnRequest:
		m.endTxn(e.Ticket, rq)
	case *kmsg.DescribeTransactionsRequest:
		m.reply(e.Ticket, m.describe(rq))
	case *kmsg.ListTransactionsRequest:
		m.reply(e.Ticket, m.list(rq))
	}
}

// reply answers a ticket; 0 is nobody.
func (m *Machine) reply(to machine.Ticket, resp any) {
	if to != 0 {
		m.effect(machine.Reply{To: to, Response: resp})
	}
}

func (m *Machine) effect(e machine.Effect) { m.out.Effects = append(m.out.Effects, e) }

// write adds a record to the decision.
func (m *Machine) write(id string, t *Transaction) {
	m.out.Records = append(m.out.Records, &TransactionRecord{TransactionalID: id, Transaction: t})
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
