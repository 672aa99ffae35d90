package server

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"

	"leat/internal/security/tokens"
)

// byToken logs in by a delegation token.
func byToken(made *kmsg.CreateDelegationTokenResponse) scram.Auth {
	return scram.Auth{User: made.TokenID, Pass: tokens.Password(made.HMAC), IsToken: true}
}

func TestWhoHasATokenIsItsOwnerUntilItIsRevoked(t *testing.T) {
	set, _ := secure(t)
	set["delegation.token.secret.key"] = "a secret of all nodes"
	n := start(t, t.TempDir(), set)
	addresses := strings.Split(n.Bootstrap, ",")
	saslClear, saslSSL := addresses[2], addresses[3]
	alice := securedClient(t, saslClear, kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()))
	create := kmsg.NewPtrCreateDelegationTokenRequest()
	create.MaxLifetimeMillis = 3_600_000
	made := request[*kmsg.CreateDelegationTokenResponse](t, alice, create)
	if made.ErrorCode != 0 || made.PrincipalName != "alice" {
		t.Fatalf("made: %+v", made)
	}
	other := byToken(made)
	other.Pass = tokens.Password(tokens.HMAC("another secret", made.TokenID))
	notToken := byToken(made)
	notToken.IsToken = false
	for name, c := range map[string]struct {
		mechanism sasl.Mechanism
		ok        bool
	}{
		"SHA-256":             {byToken(made).AsSha256Mechanism(), true},
		"SHA-512":             {byToken(made).AsSha512Mechanism(), true},
		"another HMAC":        {other.AsSha256Mechanism(), false},
		"not said as a token": {notToken.AsSha256Mechanism(), false},
		"another id":          {scram.Auth{User: "x", Pass: "y", IsToken: true}.AsSha512Mechanism(), false},
	} {
		for _, address := range []string{saslClear, saslSSL} {
			opts := []kgo.Opt{kgo.SASL(c.mechanism)}
			if address == saslSSL {
				opts = append(opts, withTLS())
			}
			if err := ask(t, address, opts...); c.ok && err != nil || !c.ok && !errors.Is(err, kerr.SaslAuthenticationFailed) {
				t.Errorf("%s at %s: %v", name, address, err)
			}
		}
	}
	holder := securedClient(t, saslClear, kgo.SASL(byToken(made).AsSha256Mechanism()))
	if resp := request[*kmsg.CreateDelegationTokenResponse](t, holder, create); resp.ErrorCode != kerr.DelegationTokenRequestNotAllowed.Code {
		t.Errorf("a token makes another: %d", resp.ErrorCode)
	}
	renewed := request[*kmsg.RenewDelegationTokenResponse](t, alice, &kmsg.RenewDelegationTokenRequest{HMAC: made.HMAC, RenewTimeMillis: 60_000})
	listed := request[*kmsg.DescribeDelegationTokenResponse](t, alice, &kmsg.DescribeDelegationTokenRequest{})
	if renewed.ErrorCode != 0 || len(listed.TokenDetails) != 1 || listed.TokenDetails[0].ExpiryTimestamp != renewed.ExpiryTimestamp || !bytes.Equal(listed.TokenDetails[0].HMAC, made.HMAC) {
		t.Errorf("renewed: %+v, listed: %+v", renewed, listed)
	}
	if resp := request[*kmsg.ExpireDelegationTokenResponse](t, alice, &kmsg.ExpireDelegationTokenRequest{HMAC: made.HMAC, ExpiryPeriodMillis: -1}); resp.ErrorCode != 0 {
		t.Errorf("revoked: %d", resp.ErrorCode)
	}
	if err := ask(t, saslClear, kgo.SASL(byToken(made).AsSha256Mechanism())); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("a revoked token: %v", err)
	}
}

func TestTokensAreNotGivenWhereNobodyIsKnown(t *testing.T) {
	set, _ := secure(t)
	set["delegation.token.secret.key"] = "a secret of all nodes"
	n := start(t, t.TempDir(), set)
	clear := securedClient(t, strings.Split(n.Bootstrap, ",")[0])
	ssl := securedClient(t, strings.Split(n.Bootstrap, ",")[1], withTLS())
	for what, cl := range map[string]*kgo.Client{"plaintext": clear, "TLS without a certificate": ssl} {
		for _, rq := range []kmsg.Request{kmsg.NewPtrCreateDelegationTokenRequest(), kmsg.NewPtrRenewDelegationTokenRequest(), kmsg.NewPtrExpireDelegationTokenRequest(),
			kmsg.NewPtrDescribeDelegationTokenRequest()} {
			if code := errorCode(request[kmsg.Response](t, cl, rq)); code != kerr.DelegationTokenRequestNotAllowed.Code {
				t.Errorf("%s over %s: %d", kmsg.NameForKey(rq.Key()), what, code)
			}
		}
	}
}

// TestWhoCameWithGroupsGetsNoTokens: tokens name no groups, so that what the roles of groups deny would be allowed to who comes by one.
func TestWhoCameWithGroupsGetsNoTokens(t *testing.T) {
	set, _ := secure(t)
	set["delegation.token.secret.key"], set["leat.sasl.oauthbearer.groups.claim"] = "a secret of all nodes", "groups"
	n := start(t, t.TempDir(), set)
	for claims, want := range map[string]int16{
		`{"sub":"alice","exp":99999999999,"groups":["contractors"]}`: kerr.DelegationTokenRequestNotAllowed.Code,
		`{"sub":"alice","exp":99999999999}`:                          0,
	} {
		cl := securedClient(t, strings.Split(n.Bootstrap, ",")[2], kgo.SASL(oauthToken(claims)))
		for _, owner := range []*string{nil, new("alice")} {
			create := kmsg.NewPtrCreateDelegationTokenRequest()
			create.Version, create.MaxLifetimeMillis, create.OwnerPrincipalName = 3, -1, owner
			if owner != nil {
				create.OwnerPrincipalType = new("User")
			}
			if resp := request[*kmsg.CreateDelegationTokenResponse](t, cl, create); resp.ErrorCode != want {
				t.Errorf("%s: %d, want %d", claims, resp.ErrorCode, want)
			}
		}
	}
}

func TestNoTokensWithoutASecret(t *testing.T) {
	set, _ := secure(t)
	n := start(t, t.TempDir(), set)
	saslClear := strings.Split(n.Bootstrap, ",")[2]
	alice := securedClient(t, saslClear, kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()))
	for _, rq := range []kmsg.Request{kmsg.NewPtrCreateDelegationTokenRequest(), kmsg.NewPtrRenewDelegationTokenRequest(), kmsg.NewPtrExpireDelegationTokenRequest(),
		kmsg.NewPtrDescribeDelegationTokenRequest()} {
		if code := errorCode(request[kmsg.Response](t, alice, rq)); code != kerr.DelegationTokenAuthDisabled.Code {
			t.Errorf("%s: %d", kmsg.NameForKey(rq.Key()), code)
		}
	}
	if err := ask(t, saslClear, kgo.SASL(scram.Auth{User: "x", Pass: "y", IsToken: true}.AsSha512Mechanism())); !errors.Is(err, kerr.SaslAuthenticationFailed) {
		t.Errorf("login: %v", err)
	}
}

// TestSessionOfATokenEndsWithTheToken wants that a connection does not outlive the token that opened it.
func TestSessionOfATokenEndsWithTheToken(t *testing.T) {
	set, _ := secure(t)
	set["delegation.token.secret.key"] = "a secret of all nodes"
	n := start(t, t.TempDir(), set)
	saslClear := strings.Split(n.Bootstrap, ",")[2]
	alice := securedClient(t, saslClear, kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism()))
	create := kmsg.NewPtrCreateDelegationTokenRequest()
	create.MaxLifetimeMillis = 2_000
	made := request[*kmsg.CreateDelegationTokenResponse](t, alice, create)
	holder := kadm.NewClient(securedClient(t, saslClear, kgo.SASL(byToken(made).AsSha256Mechanism())))
	var err error
	for until := time.Now().Add(30 * time.Second); err == nil && time.Now().Before(until); {
		_, err = holder.ListTopics(t.Context())
	}
	if err == nil {
		t.Error("the client is still served half a minute after its token has expired")
	}
	if time.Now().UnixMilli() < made.MaxTimestamp {
		t.Errorf("it ended before its token: %v", err)
	}
}
