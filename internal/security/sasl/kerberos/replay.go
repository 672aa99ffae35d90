package kerberos

import (
	"crypto/sha256"
	"sync"
	"time"
)

// maxReplay bounds how many logins are remembered. They are remembered for as long as an authenticator is good, some minutes.
const maxReplay = 200_000

// replays remembers the authenticators that were used, so that none who listened on the network can use one again (RFC 4120, 3.2.3).
type replays struct {
	mu   sync.Mutex
	seen map[[sha256.Size]byte]time.Time // by hash, until when; guarded by mu
	next time.Time                       // when old ones are forgotten next; guarded by mu
}

// use notes an authenticator and reports whether it is new. When there are too many, none is taken for new.
func (r *replays) use(key [sha256.Size]byte, now time.Time, keep time.Duration) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = map[[sha256.Size]byte]time.Time{}
	}
	if now.After(r.next) {
		for k, until := range r.seen {
			if now.After(until) {
				delete(r.seen, k)
			}
		}
		r.next = now.Add(keep / 4)
	}
	if _, again := r.seen[key]; again || len(r.seen) >= maxReplay {
		return false
	}
	r.seen[key] = now.Add(keep)
	return true
}

// logins are those of all listeners of this process: none may be repeated at another one, or after settings were read again.
var logins replays
