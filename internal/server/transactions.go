package server

import (
	"context"
	"errors"
	"time"

	"leat/internal/config"
	"leat/internal/coordinator"
	"leat/internal/coordinator/txn"
	"leat/internal/metadata"
	"leat/internal/peer"
	"leat/internal/replication"
	"leat/internal/telemetry"
)

// openTransactions makes the transaction coordinator, which leads nothing yet.
func (n *node) openTransactions(shell coordinator.Config) {
	n.transactions = coordinator.NewTransactions(coordinator.TransactionsConfig{
		Config: shell, NodeID: n.id,
		Settings: func() coordinator.Settings { return n.settings.now().transactions },
		Txn: func() txn.Settings {
			s := n.settings.now().txn
			s.TransactionVersion = n.images.image().Feature(metadata.FeatureTransactionVersion)
			return s
		},
		Connect: func(nodeID int32) coordinator.Line {
			peers := n.peers()
			peers.RequestTimeout = n.settings.now().values.Millis("request.timeout.ms")
			peers.Dial = n.outOfReach.dialer(nodeID, peers.Dial)
			return peer.New(peers, nodeID, func() (string, error) { return n.brokerAddress(nodeID) })
		},
		NewProducerID: func(ctx context.Context) (int64, error) {
			if h := n.handlers.Load(); h != nil {
				return h.NewProducerID(ctx)
			}
			return 0, errStarting
		},
		Replicas: func() *replication.Node { return n.replicas }, Groups: n.groups,
		Timeout: func() time.Duration { return n.settings.now().values.Millis("request.timeout.ms") },
	})
	n.coordinate("transaction coordinator", n.transactions)
}

// lateTransaction is how long a transaction may be open beyond the longest timeout until it counts as one that hangs, as in Kafka.
const lateTransaction = 5 * time.Minute

// transactionStats says how transactions and delayed records are on this node.
func (n *node) transactionStats() *telemetry.TransactionStats {
	if n.ops.state.Load() != stateRunning || n.transactions == nil || n.timers == nil {
		return nil
	}
	s := telemetry.TransactionStats{Verifications: n.transactions.Verifications(), Delays: n.timers.Counts()}
	s.UnknownDestination, s.LogAppendRetry = n.transactions.MarkerQueues()
	pending := n.timers.Pending()
	s.Delayed, s.DelayedBytes = pending.Timers, pending.Bytes
	return &s
}

// errStarting is why there are no producer ids before the node is complete.
var errStarting = errors.New("node is starting")

// transactionSettings are those of the shell around transaction machines.
func transactionSettings(v *config.Values) coordinator.Settings {
	s := coordinator.DefaultSettings
	s.LoadBuffer = v.Int("transaction.state.log.load.buffer.size")
	s.MaxBatchBytes = v.Int("message.max.bytes")
	return s
}

// txnSettings are those of the transaction machine.
func txnSettings(v *config.Values) txn.Settings {
	s := txn.DefaultSettings
	s.MaxTimeout = v.Millis("transaction.max.timeout.ms")
	s.IDExpiration = v.Millis("transactional.id.expiration.ms")
	s.ExpirationInterval = v.Millis("transaction.remove.expired.transaction.cleanup.interval.ms")
	s.TwoPhaseCommit = v.Bool("transaction.two.phase.commit.enable")
	return s
}
