package txn

import "time"

// Settings are the configs that the machine follows. They may change at run time; a change holds from the next event on.
type Settings struct {
	MaxTimeout         time.Duration // transaction.max.timeout.ms
	IDExpiration       time.Duration // transactional.id.expiration.ms
	ExpirationInterval time.Duration // transaction.remove.expired.transaction.cleanup.interval.ms
	TwoPhaseCommit     bool          // transaction.two.phase.commit.enable
	TransactionVersion int16         // the finalised level of the feature transaction.version
}

// DefaultSettings are Kafka's defaults.
var DefaultSettings = Settings{
	MaxTimeout:         15 * time.Minute,
	IDExpiration:       7 * 24 * time.Hour,
	ExpirationInterval: time.Hour,
	TransactionVersion: 2,
}
