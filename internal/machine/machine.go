// Package machine holds the contract of leat's deterministic state machines and the one runner that drives all of them:
// the controller and every coordinator.
//
// A machine decides and a runner acts. A machine has no lock, goroutine, clock, socket or file. The runner takes events one by
// one, appends the records a decision led to, applies them, and releases the decision's effects once the records are committed.
//
// Hard state is what replaying the log gives; soft state (who waits, when a session ends) starts empty after a load.
// Terms: an event goes in, records and effects come out, a ticket names somebody who waits for a reply.
package machine

import "time"

// Machine is the deterministic part of a coordinator or of the controller. The runner calls it from one place at a time.
type Machine[E, R any] interface {
	// Handle decides. It may change soft state only.
	Handle(now time.Time, event E) Result[R]
	// Apply changes hard state, and alone may. It is called for each record of a decision in order, right after their append,
	// and for each record of the log when loading.
	Apply(entry Entry[R])
	// Tick is the event of time passing: the runner calls it when Due has come.
	Tick(now time.Time) Result[R]
	// Due is when Tick is wanted next; the zero time: never.
	Due() time.Time
}

// Refuser is a machine that wants to know when a decision's records were refused (ErrRefused): its soft state may say what the log does
// not. The callers whom the decision would have answered are told by the runner; the effects returned here come after.
type Refuser[R any] interface {
	Refused(now time.Time, records []R) []Effect
}

// Entry is one record of the log, with what its batch says about it.
type Entry[R any] struct {
	Offset        int64
	Timestamp     int64 // ms
	ProducerID    int64 // -1: none
	ProducerEpoch int16
	Marker        Marker // for a control batch; Record is then the zero value
	Record        R
}

// Marker says whether an entry is the end of a transaction.
type Marker int8

// The markers.
const (
	NoMarker Marker = iota
	CommitMarker
	AbortMarker
)

// Result is what a decision leads to. Records are appended together or not at all.
type Result[R any] struct {
	Records []R
	Effects []Effect // released once Records are committed, in order
	// Transactional, if not nil, makes the batch part of that producer's transaction (TxnOffsetCommit).
	Transactional *Producer
	// Leave comes with Transactional, from whoever handed in the event: what the log wants to see when the producer's transaction begins in it.
	Leave any
	// Control, if not nil, ends a producer's transaction in this log: it is appended as a control batch, and there are no Records.
	// The log must be a MarkerLog.
	Control *Control
}

// Control is a marker to be written: the end of a producer's transaction, as the transaction's coordinator has decided it.
type Control struct {
	Producer
	Marker             Marker
	CoordinatorEpoch   int32
	TransactionVersion int16 // of the protocol that the transaction follows: 2 if its end raises the producer's epoch
}

// Producer is the transactional producer on whose behalf records are written.
type Producer struct {
	ID    int64
	Epoch int16
}

// Effect is something to do after commit: a Reply, or a machine's own kind handed to the shell's Perform.
type Effect any

// Ticket names a caller who waits for a reply. Tickets are unique within a runner.
type Ticket uint64

// Reply answers the caller with the ticket. Response is usually a kmsg.Response with its error code decided.
type Reply struct {
	To       Ticket
	Response any
}
