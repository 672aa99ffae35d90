package coordinator

import (
	"sync"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// delayConfig is the topic config that lets records be delayed.
const delayConfig = "leat.delay.enable"

// delayedTopics lists the topics whose records may be delayed, nil if there are none.
func delayedTopics(image *metadata.Image) map[string]bool {
	var on map[string]bool
	for _, name := range image.ConfigNames(metadata.TopicResource) {
		if image.Config(metadata.TopicResource, name)[delayConfig] != "true" {
			continue
		}
		if on == nil {
			on = make(map[string]bool)
		}
		on[name] = true
	}
	return on
}

// accounts are how far producers are with delayed records, as far as this node, as leader of their partitions, knows. What is not here is asked for.
type accounts struct {
	mu  sync.Mutex
	all map[accountOf]storage.Elsewhere // guarded by mu
}

// accountOf names an account. What an earlier leadership knew counts no more: another leader may have gone on.
type accountOf struct {
	tp          record.TopicPartition
	leaderEpoch int32
	producerID  int64
}

// maxAccounts bounds what is kept; what is forgotten costs a question.
const maxAccounts = 50_000

func (a *accounts) get(of accountOf) (storage.Elsewhere, bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	e, ok := a.all[of]
	return e, ok
}

func (a *accounts) put(of accountOf, e storage.Elsewhere) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.all == nil {
		a.all = make(map[accountOf]storage.Elsewhere)
	}
	if len(a.all) >= maxAccounts {
		for old := range a.all { // whichever comes first
			delete(a.all, old)
			if len(a.all) <= maxAccounts/2 {
				break
			}
		}
	}
	a.all[of] = e
}
