package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// withSecret run on brokers with an authorizer that can make tokens.
var withSecret = []scenario{{"tokens-with-secret", tokensWithSecret}}

// tokenSecrets are the settings of such brokers.
func tokenSecrets(settings map[string]string) map[string]string {
	all := maps.Clone(settings)
	all["delegation.token.secret.key"] = "the same secret"
	all["delegation.token.max.lifetime.ms"] = "86400000"
	all["delegation.token.expiry.time.ms"] = "3600000"
	return all
}

// tokensWithSecret makes, lists, renews and expires tokens, and asks for what must be refused. Ids and HMACs are the broker's own, so answers are told by what they say
// of people, and how far apart their times are.
func tokensWithSecret(s *side) {
	g := newGuarded(s)
	defer g.hangUp()
	alice, admin := g.alice, g.admin
	made := map[int16]*kmsg.CreateDelegationTokenResponse{}
	s.versions(kmsg.CreateDelegationToken, func(v int16) {
		rq := kmsg.NewPtrCreateDelegationTokenRequest()
		rq.MaxLifetimeMillis = -1
		rq.Renewers = []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "User", PrincipalName: "scheduler"}}
		made[v] = g.create(alice, "a token of one's own", v, rq)
		g.create(alice, "a renewer who is no user", v, &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: -1,
			Renewers: []kmsg.CreateDelegationTokenRequestRenewer{{PrincipalType: "Group", PrincipalName: "staff"}}})
		for _, lifetime := range []int64{0, 1, 60_000, 90_000_000} {
			g.create(alice, fmt.Sprintf("a life of %d ms", lifetime), v, &kmsg.CreateDelegationTokenRequest{MaxLifetimeMillis: lifetime})
		}
		if v >= 3 {
			kind, name := "User", adminUser
			other := &kmsg.CreateDelegationTokenRequest{OwnerPrincipalType: &kind, OwnerPrincipalName: &name, MaxLifetimeMillis: -1}
			g.create(alice, "for another owner, without the right", v, other)
			name2 := aliceUser
			g.create(admin, "for another owner", v, &kmsg.CreateDelegationTokenRequest{OwnerPrincipalType: &kind, OwnerPrincipalName: &name2, MaxLifetimeMillis: -1})
		}
	})
	last := made[s.last(kmsg.CreateDelegationToken)]
	known := func(who *side, wanted int) {
		who.eventually("tokens", func() bool { return len(g.list(who, s.last(kmsg.DescribeDelegationToken), nil).TokenDetails) >= wanted })
	}
	gone := func(who *side, left int) {
		who.eventually("fewer tokens", func() bool { return len(g.list(who, s.last(kmsg.DescribeDelegationToken), nil).TokenDetails) <= left })
	}
	known(admin, g.tokens) // Kafka's broker learns of them after it has answered
	s.versions(kmsg.DescribeDelegationToken, func(v int16) {
		lists := map[string][]kmsg.DescribeDelegationTokenRequestOwner{
			"all": nil, "no owner": {}, "alice's": {{PrincipalType: "User", PrincipalName: aliceUser}}, "somebody's": {{PrincipalType: "User", PrincipalName: "nobody"}},
			"of two": {{PrincipalType: "User", PrincipalName: aliceUser}, {PrincipalType: "User", PrincipalName: adminUser}},
		}
		for _, name := range slices.Sorted(maps.Keys(lists)) {
			for _, who := range []*side{alice, admin} {
				s.note(fmt.Sprintf("list %s v%d by %s", name, v, who.user), g.people(g.list(who, v, lists[name])))
			}
		}
	})
	hmacs := map[string][]byte{"its own": last.HMAC, "none": {}, "no token's": []byte("x")}
	for _, name := range slices.Sorted(maps.Keys(hmacs)) {
		mac := hmacs[name]
		s.versions(kmsg.RenewDelegationToken, func(v int16) {
			for _, period := range []int64{-1, 0, 60_000, 90_000_000} {
				resp := alice.quiet(v, &kmsg.RenewDelegationTokenRequest{HMAC: mac, RenewTimeMillis: period}).(*kmsg.RenewDelegationTokenResponse)
				s.note(fmt.Sprintf("renew %s v%d by %d", name, v, period), fmt.Sprint(resp.ErrorCode, resp.ErrorCode != 0 && resp.ExpiryTimestamp >= 0))
			}
		})
		resp := admin.quiet(s.last(kmsg.RenewDelegationToken), &kmsg.RenewDelegationTokenRequest{HMAC: mac, RenewTimeMillis: -1}).(*kmsg.RenewDelegationTokenResponse)
		s.note("renew "+name+" by another", fmt.Sprint(resp.ErrorCode))
	}
	s.versions(kmsg.ExpireDelegationToken, func(v int16) {
		for _, name := range slices.Sorted(maps.Keys(hmacs)) {
			for _, period := range []int64{60_000, -1, -1} {
				other := admin.quiet(v, &kmsg.ExpireDelegationTokenRequest{HMAC: hmacs[name], ExpiryPeriodMillis: period}).(*kmsg.ExpireDelegationTokenResponse)
				resp := alice.quiet(v, &kmsg.ExpireDelegationTokenRequest{HMAC: hmacs[name], ExpiryPeriodMillis: period}).(*kmsg.ExpireDelegationTokenResponse)
				s.note(fmt.Sprintf("expire %s v%d by %d", name, v, period), fmt.Sprint(other.ErrorCode, resp.ErrorCode))
				if period == -1 && resp.ErrorCode == 0 {
					g.tokens--
					gone(admin, g.tokens) // Kafka's learns of this later, too
				}
			}
		}
	})
}

func (g *guarded) create(who *side, step string, v int16, rq *kmsg.CreateDelegationTokenRequest) *kmsg.CreateDelegationTokenResponse {
	resp := who.quiet(v, rq).(*kmsg.CreateDelegationTokenResponse)
	if resp.ErrorCode == 0 {
		g.tokens++
	}
	g.s.note(fmt.Sprintf("create v%d: %s", v, step), fmt.Sprint("code ", resp.ErrorCode, " owner ", resp.PrincipalType, ":", resp.PrincipalName, " by ", resp.TokenRequesterPrincipalType, ":", resp.TokenRequesterPrincipalName,
		" lives ", resp.MaxTimestamp-resp.IssueTimestamp, " expires after ", resp.ExpiryTimestamp-resp.IssueTimestamp, " id of ", len(resp.TokenID), " hmac of ", len(resp.HMAC)))
	return resp
}

func (g *guarded) list(who *side, v int16, owners []kmsg.DescribeDelegationTokenRequestOwner) *kmsg.DescribeDelegationTokenResponse {
	return who.quiet(v, &kmsg.DescribeDelegationTokenRequest{Owners: owners}).(*kmsg.DescribeDelegationTokenResponse)
}

// people is what a list says, without what is the broker's own.
func (g *guarded) people(resp *kmsg.DescribeDelegationTokenResponse) string {
	var all []string
	for _, d := range resp.TokenDetails {
		all = append(all, fmt.Sprint(d.PrincipalType, ":", d.PrincipalName, " by ", d.TokenRequesterPrincipalType, ":", d.TokenRequesterPrincipalName, " lives ", d.MaxTimestamp-d.IssueTimestamp, " renewers ", d.Renewers))
	}
	slices.Sort(all)
	return fmt.Sprint("code ", resp.ErrorCode, ": ", strings.Join(all, "; "))
}
