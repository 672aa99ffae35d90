package controller

import (
	"math/rand"
	"reflect"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/security"
	"leat/internal/security/tokens"
)

// tokenTable is a controller that makes tokens, and its clock.
type tokenTable struct {
	t      *testing.T
	m      *Machine
	now    time.Time
	offset int64
}

const hour = time.Hour

func newTokenTable(t *testing.T, settings map[string]string) *tokenTable {
	now := time.Unix(1_000_000, 0).UTC()
	m := New(Config{NodeID: 1, ClusterID: clusterID, Broker: values(t, settings), Image: metadata.Empty, Now: now, Rand: rand.New(rand.NewSource(7))})
	table := &tokenTable{t: t, m: m, now: now}
	table.apply(Bootstrap(nil, "1"))
	return table
}

func (s *tokenTable) apply(records []Record) {
	for _, r := range records {
		s.m.Apply(machine.Entry[Record]{Offset: s.offset, Record: r})
		s.offset++
	}
}

// ask is a request of a user; what it leads to is applied.
func ask[R kmsg.Response](s *tokenTable, user string, rq kmsg.Request) R {
	s.t.Helper()
	rq.SetVersion(rq.MaxVersion())
	res := s.m.Handle(s.now, Event{Request: rq, Principal: security.Principal{Type: "User", Name: user}})
	s.apply(res.Records)
	return res.Effects[0].(machine.Reply).Response.(R)
}

func (s *tokenTable) create(user string, rq *kmsg.CreateDelegationTokenRequest) *kmsg.CreateDelegationTokenResponse {
	s.t.Helper()
	return ask[*kmsg.CreateDelegationTokenResponse](s, user, rq)
}

func (s *tokenTable) renew(user string, mac []byte, by time.Duration) *kmsg.RenewDelegationTokenResponse {
	s.t.Helper()
	return ask[*kmsg.RenewDelegationTokenResponse](s, user, &kmsg.RenewDelegationTokenRequest{HMAC: mac, RenewTimeMillis: by.Milliseconds()})
}

func (s *tokenTable) expire(user string, mac []byte, in time.Duration) *kmsg.ExpireDelegationTokenResponse {
	s.t.Helper()
	return ask[*kmsg.ExpireDelegationTokenResponse](s, user, &kmsg.ExpireDelegationTokenRequest{HMAC: mac, ExpiryPeriodMillis: in.Milliseconds()})
}

func (s *tokenTable) ids() []string {
	var ids []string
	for r := range s.m.Image().Tokens {
		ids = append(ids, r.TokenID)
	}
	return ids
}

var withTokens = map[string]string{tokenSecret: "secret", "delegation.token.max.lifetime.ms": "86400000", "delegation.token.expiry.time.ms": "3600000"}

func wants(t *testing.T, what string, got int16, want *kerr.Error) {
	t.Helper()
	if want == nil && got != 0 || want != nil && got != want.Code {
		t.Errorf("%s: error %d, want %v", what, got, want)
	}
}

func TestTokenIsMadeForWhoAsks(t *testing.T) {
	s := newTokenTable(t, withTokens)
	resp := s.create("ann", &kmsg.CreateDelegationTokenRequest{Renewers: []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "User", PrincipalName: "bob"}}, MaxLifetimeMillis: -1})
	wants(t, "create", resp.ErrorCode, nil)
	if resp.PrincipalName != "ann" || resp.TokenRequesterPrincipalName != "ann" || string(resp.HMAC) != string(tokens.HMAC("secret", resp.TokenID)) {
		t.Errorf("answer: %+v", resp)
	}
	want := &metadata.DelegationTokenRecord{Owner: "User:ann", Requester: "User:ann", Renewers: []string{"User:bob"}, TokenID: resp.TokenID,
		IssueTimestamp: s.now.UnixMilli(), ExpirationTimestamp: s.now.Add(hour).UnixMilli(), MaxTimestamp: s.now.Add(24 * hour).UnixMilli()}
	if got, _ := s.m.Image().Token(resp.TokenID); !reflect.DeepEqual(got, want) {
		t.Errorf("record: %+v, want %+v", got, want)
	}
}

func TestTokenForAnotherOwnerNamesWhoAsked(t *testing.T) {
	s := newTokenTable(t, withTokens)
	kind, name := "User", "boss"
	resp := s.create("ann", &kmsg.CreateDelegationTokenRequest{OwnerPrincipalType: &kind, OwnerPrincipalName: &name, MaxLifetimeMillis: 1000})
	if resp.PrincipalName != "boss" || resp.TokenRequesterPrincipalName != "ann" || resp.MaxTimestamp != s.now.UnixMilli()+1000 || resp.ExpiryTimestamp != resp.MaxTimestamp {
		t.Errorf("answer: %+v", resp)
	}
	wants(t, "who only asked for it cannot renew it", s.renew("ann", resp.HMAC, 0).ErrorCode, kerr.DelegationTokenOwnerMismatch)
	wants(t, "the owner can", s.renew("boss", resp.HMAC, 0).ErrorCode, nil)
}

func TestTokenIsRenewedUntilItsLastTime(t *testing.T) {
	s := newTokenTable(t, withTokens)
	made := s.create("ann", &kmsg.CreateDelegationTokenRequest{Renewers: []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "User", PrincipalName: "bob"}}, MaxLifetimeMillis: (2 * hour).Milliseconds()})
	s.now = s.now.Add(hour / 2)
	if resp := s.renew("bob", made.HMAC, 10*time.Minute); resp.ExpiryTimestamp != s.now.Add(10*time.Minute).UnixMilli() {
		t.Errorf("renewed by a renewer: %+v", resp)
	}
	if resp := s.renew("ann", made.HMAC, 10*hour); resp.ExpiryTimestamp != s.now.Add(hour).UnixMilli() {
		t.Errorf("renewed for longer than the usual time: %+v", resp)
	}
	s.now = s.now.Add(hour)
	if resp := s.renew("ann", made.HMAC, -1); resp.ExpiryTimestamp != made.MaxTimestamp {
		t.Errorf("renewed near its end: %+v", resp)
	}
	wants(t, "a stranger", s.renew("eve", made.HMAC, -1).ErrorCode, kerr.DelegationTokenOwnerMismatch)
	wants(t, "another HMAC", s.renew("ann", []byte("x"), -1).ErrorCode, kerr.DelegationTokenNotFound)
	s.now = s.now.Add(hour)
	wants(t, "an expired token", s.renew("ann", made.HMAC, -1).ErrorCode, kerr.DelegationTokenExpired)
	wants(t, "an expired token cannot be expired", s.expire("ann", made.HMAC, -1).ErrorCode, kerr.DelegationTokenExpired)
}

func TestTokenIsExpiredSoonerOrAtOnce(t *testing.T) {
	s := newTokenTable(t, withTokens)
	made := s.create("ann", &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: -1})
	wants(t, "a stranger", s.expire("eve", made.HMAC, -1).ErrorCode, kerr.DelegationTokenOwnerMismatch)
	if resp := s.expire("ann", made.HMAC, time.Minute); resp.ExpiryTimestamp != s.now.Add(time.Minute).UnixMilli() {
		t.Errorf("sooner: %+v", resp)
	}
	if resp := s.expire("ann", made.HMAC, 1<<62); resp.ErrorCode != 0 || resp.ExpiryTimestamp != made.MaxTimestamp {
		t.Errorf("never: %+v", resp)
	}
	wants(t, "at once", s.expire("ann", made.HMAC, -time.Millisecond).ErrorCode, nil)
	wants(t, "again", s.expire("ann", made.HMAC, -time.Millisecond).ErrorCode, kerr.DelegationTokenNotFound)
	if ids := s.ids(); len(ids) != 0 {
		t.Errorf("left: %v", ids)
	}
}

func TestNoTokensWithoutSecret(t *testing.T) {
	s := newTokenTable(t, nil)
	wants(t, "create", s.create("ann", &kmsg.CreateDelegationTokenRequest{}).ErrorCode, kerr.DelegationTokenAuthDisabled)
	wants(t, "renew", s.renew("ann", nil, 0).ErrorCode, kerr.DelegationTokenAuthDisabled)
	wants(t, "expire", s.expire("ann", nil, 0).ErrorCode, kerr.DelegationTokenAuthDisabled)
	if !s.m.schedule.tokens.IsZero() {
		t.Error("expired tokens are looked for")
	}
}

func TestRenewersAreUsersAndNotTooMany(t *testing.T) {
	s := newTokenTable(t, withTokens)
	wants(t, "a group", s.create("ann", &kmsg.CreateDelegationTokenRequest{Renewers: []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "Group", PrincipalName: "b"}}}).ErrorCode,
		kerr.InvalidPrincipalType)
	many := make([]kmsg.CreateDelegationTokenRequestRenewer, maxRenewers+1)
	for i := range many {
		many[i].PrincipalType = "User"
	}
	wants(t, "too many", s.create("ann", &kmsg.CreateDelegationTokenRequest{Renewers: many}).ErrorCode, kerr.PolicyViolation)
}

func TestExpiredTokensAreRemovedFromTimeToTime(t *testing.T) {
	s := newTokenTable(t, withTokens)
	s.m.limits.records = 2
	for range 3 {
		s.create("ann", &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: 1000})
	}
	kept := s.create("ann", &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: -1})
	s.now = s.now.Add(2 * time.Second)
	s.apply(s.m.Tick(s.now).Records)
	if n := len(s.ids()); n != 4 {
		t.Fatalf("%d tokens before it is time, want 4", n)
	}
	s.now = s.now.Add(hour - 2*time.Second)
	for range 5 {
		s.apply(s.m.Tick(s.now).Records)
	}
	if ids := s.ids(); len(ids) != 1 || ids[0] != kept.TokenID {
		t.Errorf("left: %v", ids)
	}
	if !s.m.schedule.tokens.Equal(s.now.Add(hour)) {
		t.Errorf("next search at %v", s.m.schedule.tokens)
	}
}

func TestTokenIsFoundByAnotherController(t *testing.T) {
	s := newTokenTable(t, withTokens)
	made := s.create("ann", &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: -1})
	s.m = New(Config{NodeID: 1, ClusterID: clusterID, Broker: values(t, withTokens), Image: s.m.Image(), NextOffset: s.offset, Now: s.now, Rand: rand.New(rand.NewSource(8))})
	wants(t, "renew", s.renew("ann", made.HMAC, -1).ErrorCode, nil)
}
