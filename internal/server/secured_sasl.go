package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"leat/internal/listener"
	"leat/internal/security/sasl"
	"leat/internal/security/sasl/kerberos"
	"leat/internal/telemetry"
)

// supportedMechanisms are those that this version has.
var supportedMechanisms = []string{sasl.Plain, sasl.ScramSHA256, sasl.ScramSHA512, sasl.OAuthBearer, kerberos.Mechanism}

const (
	jaasKey = "sasl.jaas.config"
	// kafkaModules begins the names of Kafka's own classes, which do what leat does.
	kafkaModules = "org.apache.kafka.common.security."
	// unsecuredHandler is the class by which Kafka's users ask for tokens without signature.
	unsecuredHandler = "OAuthBearerUnsecuredValidatorCallbackHandler"
)

// serverSASL reads what a listener needs to authenticate clients.
func (n *node) serverSASL(s *secured, of listenerKeys) (*listener.SASL, error) {
	settings := &listener.SASL{Mechanisms: list(of.text("sasl.enabled.mechanisms")), FailureDelay: of.millis("connection.failed.authentication.delay.ms")}
	settings.MaxReceive, _ = strconv.Atoi(of.text("sasl.server.max.receive.size")) // config has checked it
	begin := map[string]func() (sasl.Server, error){}
	sessions := map[string]time.Duration{}
	for _, mechanism := range settings.Mechanisms {
		if !slices.Contains(supportedMechanisms, mechanism) {
			return nil, fmt.Errorf("sasl.enabled.mechanisms=%s: %s is not supported: the mechanisms are %s", strings.Join(settings.Mechanisms, ","),
				mechanism, strings.Join(supportedMechanisms, ", "))
		}
		f, err := n.serverMechanism(s, of, mechanism)
		if err != nil {
			return nil, err
		}
		begin[mechanism] = f
		sessions[mechanism] = of.mechanismMillis(mechanism, "connections.max.reauth.ms")
	}
	if len(begin) == 0 {
		return nil, errors.New("sasl.enabled.mechanisms: a listener with SASL needs at least one")
	}
	settings.Begin = func(mechanism string) (sasl.Server, error) { return begin[mechanism]() }
	settings.MaxSession = func(mechanism string) time.Duration { return sessions[mechanism] }
	return settings, nil
}

// millis reads a number of milliseconds that config has checked where it stands without a listener's name.
func (l listenerKeys) millis(key string) time.Duration { return millisOf(l.text(key)) }

func (l listenerKeys) mechanismMillis(mechanism, key string) time.Duration {
	return millisOf(l.ofMechanism(mechanism, key))
}

func millisOf(text string) time.Duration {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0
	}
	return time.Duration(min(n, int64(365*24*time.Hour/time.Millisecond))) * time.Millisecond
}

// serverMechanism prepares one mechanism.
func (n *node) serverMechanism(s *secured, of listenerKeys, mechanism string) (func() (sasl.Server, error), error) {
	if err := of.knownHandler(mechanism); err != nil {
		return nil, err
	}
	switch mechanism {
	case sasl.Plain:
		l, err := of.jaas(mechanism)
		if err != nil {
			return nil, err
		}
		if l.Module != loginModules[sasl.Plain] {
			return nil, fmt.Errorf("%s: classes of Java cannot be loaded, and PLAIN takes its users from a line of %s", of.jaasKey(mechanism), loginModules[sasl.Plain])
		}
		users := l.Passwords()
		return func() (sasl.Server, error) { return sasl.NewPlain(users), nil }, nil
	case sasl.OAuthBearer:
		verify, err := n.verifier(s, of)
		if err != nil {
			return nil, err
		}
		return func() (sasl.Server, error) { return sasl.NewBearer(verify), nil }, nil
	case kerberos.Mechanism:
		return kerberosService(of)
	default:
		delegated := n.delegationTokens(mechanism)
		return func() (sasl.Server, error) {
			return sasl.NewScram(mechanism, func(name string) (sasl.Credential, bool) { return n.scramCredential(mechanism, name) }, delegated)
		}, nil
	}
}

// scramCredential finds what the cluster keeps of a user's password.
func (n *node) scramCredential(mechanism, name string) (sasl.Credential, bool) {
	number := int8(1)
	if mechanism == sasl.ScramSHA512 {
		number = 2
	}
	r, ok := n.images.image().ScramCredential(name, number)
	if !ok {
		return sasl.Credential{}, false
	}
	return sasl.Credential{Salt: r.Salt, StoredKey: r.StoredKey, ServerKey: r.ServerKey, Iterations: int(r.Iterations)}, true
}

// knownHandler refuses classes that check passwords or tokens somewhere else: who gets in would be others than whoever wrote the configuration thinks.
func (l listenerKeys) knownHandler(mechanism string) error {
	key := "listener.name." + strings.ToLower(l.name) + "." + strings.ToLower(mechanism) + ".sasl.server.callback.handler.class"
	if class, _, _ := l.values.Lookup(key); class != "" && !strings.HasPrefix(class, kafkaModules) {
		return fmt.Errorf("%s=%s: classes of Java cannot be loaded: leave it out, and keep users where leat looks for them: those of PLAIN in sasl.jaas.config, "+
			"those of SCRAM in the cluster, keys of OAUTHBEARER at sasl.oauthbearer.jwks.endpoint.url", key, class)
	}
	return nil
}

// jaasKey is where the login line of a mechanism stands.
func (l listenerKeys) jaasKey(mechanism string) string {
	return "listener.name." + strings.ToLower(l.name) + "." + strings.ToLower(mechanism) + "." + jaasKey
}

// jaas reads the login line of a mechanism, which stands under the names of listener and mechanism.
func (l listenerKeys) jaas(mechanism string) (sasl.Login, error) {
	key := l.jaasKey(mechanism)
	text, _, ok := l.values.Lookup(key)
	if !ok || strings.TrimSpace(text) == "" {
		return sasl.Login{}, fmt.Errorf("%s: it is needed and not set: write for instance %s required username=\"...\" password=\"...\" user_name=\"...\";", key,
			loginModules[mechanism])
	}
	login, err := sasl.ParseLogin(text)
	if err != nil {
		return login, fmt.Errorf("%s: %w", key, err)
	}
	return login, nil
}

var loginModules = map[string]string{
	sasl.Plain:       "org.apache.kafka.common.security.plain.PlainLoginModule",
	sasl.ScramSHA256: "org.apache.kafka.common.security.scram.ScramLoginModule",
	sasl.ScramSHA512: "org.apache.kafka.common.security.scram.ScramLoginModule",
	sasl.OAuthBearer: "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule",

	kerberos.Mechanism: kerberos.LoginModule,
}

// ownLogin is how this node authenticates at others.
func (n *node) ownLogin(of listenerKeys, mechanism string) (*login, error) {
	if !slices.Contains(supportedMechanisms, mechanism) {
		return nil, fmt.Errorf("sasl.mechanism.inter.broker.protocol or sasl.mechanism.controller.protocol=%s: it is not supported: the mechanisms are %s", mechanism,
			strings.Join(supportedMechanisms, ", "))
	}
	l, err := of.jaas(mechanism)
	if err != nil {
		return nil, err
	}
	if mechanism == kerberos.Mechanism {
		return kerberosLogin(of, l)
	}
	if mechanism == sasl.OAuthBearer {
		token, err := n.tokenSource(of, l)
		if err != nil {
			return nil, err
		}
		return &login{func(string) (sasl.Client, error) { return sasl.NewBearerClient(token), nil }}, nil
	}
	name, password := l.Options["username"], l.Options["password"]
	if name == "" || password == "" {
		return nil, fmt.Errorf("listener.name.%s.%s.%s: username and password are missing, by which this node authenticates at others", strings.ToLower(of.name),
			strings.ToLower(mechanism), jaasKey)
	}
	if mechanism == sasl.Plain {
		return &login{func(string) (sasl.Client, error) { return sasl.NewPlainClient(name, password), nil }}, nil
	}
	return &login{func(string) (sasl.Client, error) { return sasl.NewScramClient(mechanism, name, password) }}, nil
}

// verifier checks the tokens of clients.
func (n *node) verifier(s *secured, of listenerKeys) (sasl.Verify, error) {
	if strings.HasSuffix(of.ofMechanism(sasl.OAuthBearer, "sasl.server.callback.handler.class"), unsecuredHandler) {
		return n.unsecuredVerifier(of, s.sasl.Load() == nil)
	}
	get := func(key string) string { return of.ofMechanism(sasl.OAuthBearer, key) }
	url := get("sasl.oauthbearer.jwks.endpoint.url")
	if url == "" {
		return nil, errors.New("sasl.oauthbearer.jwks.endpoint.url: OAUTHBEARER needs the keys by which tokens are signed: give the address of a JWKS, https:// or file://; " +
			"for trying things out without signatures set sasl.server.callback.handler.class to Kafka's " + unsecuredHandler)
	}
	skew, _ := strconv.Atoi(get("sasl.oauthbearer.clock.skew.seconds"))
	rules := &sasl.TokenRules{
		Keys:      s.tokens.of(url, millisOf(get("sasl.oauthbearer.jwks.endpoint.refresh.ms")), func(ctx context.Context) ([]byte, error) { return n.fetch(ctx, s, url) }),
		Audiences: list(get("sasl.oauthbearer.expected.audience")), Issuer: get("sasl.oauthbearer.expected.issuer"),
		ScopeClaim: get("sasl.oauthbearer.scope.claim.name"), SubjectClaim: get("sasl.oauthbearer.sub.claim.name"), GroupsClaim: get("leat.sasl.oauthbearer.groups.claim"), Skew: time.Duration(skew) * time.Second,
	}
	for key, open := range map[string]bool{"audience": len(rules.Audiences) == 0, "issuer": rules.Issuer == ""} {
		if open && get("sasl.oauthbearer.allow.unverified."+key) != "true" {
			return nil, fmt.Errorf("sasl.oauthbearer.expected.%s: without it tokens that were made for others get in: set it, or sasl.oauthbearer.allow.unverified.%s=true", key, key)
		}
	}
	return rules.Verify, nil
}

// unsecuredVerifier takes tokens without a signature, because somebody asked for it.
func (n *node) unsecuredVerifier(of listenerKeys, first bool) (sasl.Verify, error) {
	rules := &sasl.UnsecuredRules{GroupsClaim: of.text("leat.sasl.oauthbearer.groups.claim")}
	key := of.jaasKey(sasl.OAuthBearer)
	if text, _, ok := of.values.Lookup(key); ok && strings.TrimSpace(text) != "" {
		l, err := sasl.ParseLogin(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		rules.SubjectClaim, rules.ScopeClaim = l.Options["unsecuredValidatorPrincipalClaimName"], l.Options["unsecuredValidatorScopeClaimName"]
		rules.Required = strings.Fields(l.Options["unsecuredValidatorRequiredScope"])
		rules.Skew = millisOf(l.Options["unsecuredValidatorAllowableClockSkewMs"])
	}
	if first {
		n.logger(telemetry.LogSecurity).Warn("tokens without a signature are taken: anybody gets in under any name", "listener", of.name)
	}
	return rules.Verify, nil
}
