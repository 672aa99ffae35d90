package txn

import "leat/internal/machine"

// State is where the transaction of a transactional id stands. The numbers are those of the log.
type State int8

// The states. PrepareEpochFence and Dead are Kafka's names for moments that have no record here: an id that is fenced goes straight to
// PrepareAbort, and one that expired is gone.
const (
	Empty State = iota
	Ongoing
	PrepareCommit
	PrepareAbort
	CompleteCommit
	CompleteAbort
	Dead
	PrepareEpochFence
)

var stateNames = [...]string{"Empty", "Ongoing", "PrepareCommit", "PrepareAbort", "CompleteCommit", "CompleteAbort", "Dead", "PrepareEpochFence"}

// String is the name in ListTransactions and DescribeTransactions.
func (s State) String() string {
	if s < 0 || int(s) >= len(stateNames) {
		return "unknown"
	}
	return stateNames[s]
}

// prepared reports whether the outcome is decided and its markers are being written.
func (s State) prepared() bool { return s == PrepareCommit || s == PrepareAbort }

// complete reports whether a transaction has ended and none has begun since.
func (s State) complete() bool { return s == CompleteCommit || s == CompleteAbort }

// state is the hard state: what replaying the log gives. A Transaction in it is never changed, only replaced.
type state map[string]*Transaction

func (s state) apply(e machine.Entry[Record]) {
	if e.Marker != machine.NoMarker || e.Record == nil {
		return
	}
	r, ok := e.Record.(*TransactionRecord)
	switch {
	case !ok: // a kind that is read over
	case r.Transaction == nil:
		delete(s, r.TransactionalID)
	default:
		s[r.TransactionalID] = r.Transaction
	}
}
