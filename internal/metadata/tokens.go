package metadata

import (
	"time"

	"leat/internal/security/tokens"
)

// Token finds a delegation token by its id. The record must not be changed.
func (im *Image) Token(id string) (*DelegationTokenRecord, bool) { return im.tokens.Get(id) }

// Tokens yields all delegation tokens in order of their ids.
func (im *Image) Tokens(yield func(*DelegationTokenRecord) bool) {
	im.tokens.Scan(func(_ string, r *DelegationTokenRecord) bool { return yield(r) })
}

// TokenCount is the number of delegation tokens.
func (im *Image) TokenCount() int { return im.tokens.Len() }

// People are those that have to do with the token.
func (r *DelegationTokenRecord) People() tokens.People {
	return tokens.People{Owner: r.Owner, Requester: r.Requester, Renewers: r.Renewers}
}

// Expired reports whether nobody may log in by the token any more.
func (r *DelegationTokenRecord) Expired(now time.Time) bool {
	return min(r.MaxTimestamp, r.ExpirationTimestamp) < now.UnixMilli()
}
