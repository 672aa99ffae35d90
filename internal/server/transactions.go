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
