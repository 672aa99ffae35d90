package controller

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/security"
	"leat/internal/security/tokens"
)

const (
	// levelTokens is the level of metadata.version (3.6-IV2) from which delegation tokens stand in the metadata log.
	levelTokens = 14
	userType    = "User"
	tokenSecret = "delegation.token.secret.key"
	// maxRenewers bounds what one token may hold, and maxTokens what the image may: without them, who may ask for tokens could fill every node's memory.
	maxRenewers = 1_000
	maxTokens   = 500_000
)

// delegation is what the machine needs for delegation tokens beyond their records.
type delegation struct {
	secret       string        // "": tokens are not enabled
	most, period time.Duration // how long a token may live, and how long without being renewed
	sweep        time.Duration // time between two searches for expired ones
	// ids are those of the tokens of the image by their HMAC, by which requests name them. Empty while tokens are not enabled.
	ids map[string]string
}

func newDelegation(cfg *config.Values, im *metadata.Image) delegation {
	d := delegation{secret: cfg.String(tokenSecret), most: cfg.Millis("delegation.token.max.lifetime.ms"), period: cfg.Millis("delegation.token.expiry.time.ms"),
		sweep: cfg.Millis("delegation.token.expiry.check.interval.ms"), ids: map[string]string{}}
	for r := range im.Tokens {
		d.apply(r)
	}
	return d
}

// apply keeps ids up to date.
func (d *delegation) apply(r Record) {
	if d.secret == "" {
		return
	}
	switch r := r.(type) {
	case *metadata.DelegationTokenRecord:
		d.ids[string(tokens.HMAC(d.secret, r.TokenID))] = r.TokenID
	case *metadata.RemoveDelegationTokenRecord:
		delete(d.ids, string(tokens.HMAC(d.secret, r.TokenID)))
	}
}

// createToken makes a token for who asks, or for another owner in whose name he may ask: the broker has looked.
func (m *Machine) createToken(now time.Time, requester security.Principal, rq *kmsg.CreateDelegationTokenRequest) answer {
	owner := requester
	if rq.OwnerPrincipalName != nil && *rq.OwnerPrincipalName != "" {
		owner = security.Principal{Type: userType, Name: *rq.OwnerPrincipalName}
		if rq.OwnerPrincipalType != nil {
			owner.Type = *rq.OwnerPrincipalType
		}
	}
	resp := rq.ResponseKind().(*kmsg.CreateDelegationTokenResponse)
	resp.PrincipalType, resp.PrincipalName = owner.Type, owner.Name
	resp.TokenRequesterPrincipalType, resp.TokenRequesterPrincipalName = requester.Type, requester.Name
	record := &metadata.DelegationTokenRecord{Owner: owner.String(), Requester: requester.String(), IssueTimestamp: now.UnixMilli()}
	problem := m.tokensRefused()
	for _, r := range rq.Renewers {
		if r.PrincipalType != userType && problem == nil {
			problem = refuse(kerr.InvalidPrincipalType, "")
		}
		record.Renewers = append(record.Renewers, security.Principal{Type: r.PrincipalType, Name: r.PrincipalName}.String())
	}
	if problem == nil && (len(rq.Renewers) > maxRenewers || m.image().TokenCount() >= maxTokens) {
		problem = refuse(kerr.PolicyViolation, "")
	}
	if problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	record.TokenID = m.newTokenID()
	record.MaxTimestamp = now.Add(shorter(m.delegation.most, rq.MaxLifetimeMillis)).UnixMilli()
	record.ExpirationTimestamp = min(record.MaxTimestamp, now.Add(m.delegation.period).UnixMilli())
	resp.IssueTimestamp, resp.ExpiryTimestamp, resp.MaxTimestamp = record.IssueTimestamp, record.ExpirationTimestamp, record.MaxTimestamp
	resp.TokenID, resp.HMAC = record.TokenID, tokens.HMAC(m.delegation.secret, record.TokenID)
	return answer{response: resp, records: []Record{record}}
}

// newTokenID draws an id that no token has.
func (m *Machine) newTokenID() string {
	for {
		id := m.newUUID().String()
		if _, taken := m.image().Token(id); !taken {
			return id
		}
	}
}

// shorter is a limit, or what was asked for if that is less.
func shorter(limit time.Duration, askedMillis int64) time.Duration {
	if askedMillis > 0 && askedMillis < limit.Milliseconds() {
		return time.Duration(askedMillis) * time.Millisecond
	}
	return limit
}

// tokensRefused says why there are no tokens at all.
func (m *Machine) tokensRefused() *refusal {
	switch {
	case m.delegation.secret == "":
		return refuse(kerr.DelegationTokenAuthDisabled, "")
	case m.image().Feature(metadata.FeatureMetadataVersion) < levelTokens:
		return refuse(kerr.UnsupportedVersion, "")
	}
	return nil
}

// tokenToChange finds the token of an HMAC and says whether somebody may renew and expire it.
func (m *Machine) tokenToChange(now time.Time, who security.Principal, mac []byte) (*metadata.DelegationTokenRecord, *refusal) {
	if problem := m.tokensRefused(); problem != nil {
		return nil, problem
	}
	r, ok := m.image().Token(m.delegation.ids[string(mac)])
	switch {
	case !ok:
		return nil, refuse(kerr.DelegationTokenNotFound, "")
	case r.Expired(now):
		return nil, refuse(kerr.DelegationTokenExpired, "")
	case !r.People().MayChange(who.String()):
		return nil, refuse(kerr.DelegationTokenOwnerMismatch, "")
	}
	return r, nil
}

// renewToken moves a token's expiry time, but not past its last time.
func (m *Machine) renewToken(now time.Time, who security.Principal, rq *kmsg.RenewDelegationTokenRequest) answer {
	resp := rq.ResponseKind().(*kmsg.RenewDelegationTokenResponse)
	was, problem := m.tokenToChange(now, who, rq.HMAC)
	if problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	changed := expiring(was, now.Add(shorter(m.delegation.period, rq.RenewTimeMillis)).UnixMilli())
	resp.ExpiryTimestamp = changed.ExpirationTimestamp
	return answer{response: resp, records: []Record{changed}}
}

// expireToken moves a token's expiry time, or removes the token when the time is negative.
func (m *Machine) expireToken(now time.Time, who security.Principal, rq *kmsg.ExpireDelegationTokenRequest) answer {
	resp := rq.ResponseKind().(*kmsg.ExpireDelegationTokenResponse)
	was, problem := m.tokenToChange(now, who, rq.HMAC)
	if problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	if rq.ExpiryPeriodMillis < 0 {
		resp.ExpiryTimestamp = now.UnixMilli()
		return answer{response: resp, records: []Record{&metadata.RemoveDelegationTokenRecord{TokenID: was.TokenID}}}
	}
	left := was.MaxTimestamp - now.UnixMilli()
	changed := expiring(was, now.UnixMilli()+min(rq.ExpiryPeriodMillis, left))
	resp.ExpiryTimestamp = changed.ExpirationTimestamp
	return answer{response: resp, records: []Record{changed}}
}

// expiring is a token with another expiry time.
func expiring(was *metadata.DelegationTokenRecord, at int64) *metadata.DelegationTokenRecord {
	changed := *was
	changed.ExpirationTimestamp = min(at, was.MaxTimestamp)
	return &changed
}

// sweepTokens removes expired tokens, as many as fit one decision; what is left is removed at once after it.
func (m *Machine) sweepTokens(now time.Time) machine.Result[Record] {
	m.schedule.tokens = now.Add(m.delegation.sweep)
	var records []Record
	for r := range m.image().Tokens {
		if !r.Expired(now) {
			continue
		}
		if len(records) >= m.limits.records {
			m.schedule.tokens = now
			break
		}
		records = append(records, &metadata.RemoveDelegationTokenRecord{TokenID: r.TokenID})
	}
	return machine.Result[Record]{Records: records}
}
