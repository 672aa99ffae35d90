package server

import (
	"context"
	"crypto/tls"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"leat/internal/config"
	"leat/internal/listener"
	"leat/internal/peer"
	"leat/internal/security"
	"leat/internal/security/sasl"
	"leat/internal/security/tlsstore"
	"leat/internal/telemetry"
)

// secured is what a listener with TLS or SASL needs, and connections of this node to the same listener of others.
type secured struct {
	name     string
	protocol security.Protocol
	bound    bool // this node listens by it
	stores   *tlsstore.Watched
	rules    tlsstore.Rules
	sasl     atomic.Pointer[listener.SASL]
	login    atomic.Pointer[login] // of this node at others; nil: it needs none
	tokens   tokenKeys
}

func (s *secured) hasTLS() bool { return s.protocol == security.SSL || s.protocol == security.SASLSSL }

func (s *secured) hasSASL() bool {
	return s.protocol == security.SASLPlaintext || s.protocol == security.SASLSSL
}

// openSecurity reads the stores and logins of all listeners that need some, and those by which this node reaches others, so that what is wrong with them
// ends the start before any port or data is touched. A node without such listeners has nothing here.
func (n *node) openSecurity() error {
	names := map[string]bool{} // whether it is bound
	for _, l := range n.listeners.Bind {
		names[l.Name] = true
	}
	for _, name := range n.reached() {
		if !names[name] {
			names[name] = false
		}
	}
	for name, bound := range names {
		protocol := protocolNamed(n.listeners.Protocols[name])
		if protocol == security.Plaintext {
			continue
		}
		s := &secured{name: name, protocol: protocol, bound: bound}
		if err := n.secure(s); err != nil {
			return fmt.Errorf("listener %s (%s): %w", name, n.listeners.Protocols[name], err)
		}
		if n.secured == nil {
			n.secured = map[string]*secured{}
		}
		n.secured[name] = s
	}
	n.watchStores()
	n.watchSecrets()
	n.warnReadable()
	return nil
}

// reached are the listeners of other nodes that this one connects to.
func (n *node) reached() []string {
	var names []string
	if len(n.listeners.Controllers) > 0 {
		names = append(names, n.listeners.Controllers[0])
	}
	if n.Values.HasRole("broker") {
		names = append(names, n.listeners.InterBroker)
	}
	return names
}

// secure reads for the first time what a listener needs.
func (n *node) secure(s *secured) error {
	of := listenerKeys{n.Values, s.name}
	var err error
	if s.hasTLS() {
		if s.rules, err = tlsstore.ParseRules(of.text("ssl.principal.mapping.rules")); err != nil {
			return err
		}
		settings := s.settings(n.Values)
		if wanted := of.text("ssl.client.auth"); wanted != "none" && settings.ClientAuth == "" {
			n.logger(telemetry.LogSecurity).Warn("clients log in by SASL here and are not asked for certificates: write the key with listener.name.<listener>. to have both",
				"listener", s.name, "ssl.client.auth", wanted)
		}
		if s.stores, err = tlsstore.Watch(&settings, tlsstore.FromDisk, s.bound); err != nil {
			return err
		}
		n.warnStores(s)
	}
	return n.renewSASL(s, n.Values)
}

func (n *node) warnStores(s *secured) {
	for _, w := range s.stores.Store().Warnings {
		n.logger(telemetry.LogSecurity).Warn("not all of the TLS settings can be followed", "listener", s.name, "err", w)
	}
}

// renewSASL reads the mechanisms of a listener, and the login of this node for the same listener of others.
func (n *node) renewSASL(s *secured, v *config.Values) error {
	if !s.hasSASL() {
		return nil
	}
	of := listenerKeys{v, s.name}
	if s.bound {
		settings, err := n.serverSASL(s, of)
		if err != nil {
			return err
		}
		s.sasl.Store(settings)
	}
	mechanism := ""
	switch {
	case slices.Contains(n.listeners.Controllers, s.name):
		mechanism = of.text("sasl.mechanism.controller.protocol")
	case s.name == n.listeners.InterBroker:
		mechanism = of.text("sasl.mechanism.inter.broker.protocol")
	}
	if mechanism == "" || !slices.Contains(n.reached(), s.name) || n.alone(s.name) {
		return nil
	}
	l, err := n.ownLogin(of, mechanism)
	if err != nil {
		return err
	}
	s.login.Store(l)
	return nil
}

// alone reports whether nobody is reached by a controller listener, so that it needs no login: this node is the only controller.
func (n *node) alone(name string) bool {
	return slices.Contains(n.listeners.Controllers, name) && n.Values.HasRole("controller") && len(n.others()) == 0
}

// renewSecurity takes in what has changed in settings and files. What cannot be read leaves what is in use in use.
func (n *node) renewSecurity() {
	n.renewStores()
	v := n.settings.now().values
	for _, s := range n.secured {
		if err := n.renewSASL(s, v); err != nil {
			n.logger(telemetry.LogSecurity).Error("SASL settings not read again, those in use stay", "listener", s.name, "err", err)
		}
	}
}

// renewStores reads key and trust stores again whose files or settings have changed.
func (n *node) renewStores() {
	v := n.settings.now().values
	for _, s := range n.secured {
		if !s.hasTLS() {
			continue
		}
		settings := s.settings(v)
		renewed, err := s.stores.Renew(&settings)
		switch {
		case err != nil:
			n.logger(telemetry.LogSecurity).Error("key or trust store not read again, the one in use stays", "listener", s.name, "err", err)
		case renewed:
			n.logger(telemetry.LogSecurity).Info("key and trust store read again", "listener", s.name)
			n.warnStores(s)
		}
	}
}

// watchStores looks at the files of key and trust stores from time to time.
func (n *node) watchStores() {
	interval := n.Values.Millis("leat.ssl.reload.interval.ms")
	any := false
	for _, s := range n.secured {
		any = any || s.hasTLS()
	}
	if !any || interval <= 0 {
		return
	}
	n.watch("key stores", interval, n.renewStores)
}

// watch looks again and again at what may have changed outside, until the node closes.
func (n *node) watch(over string, interval time.Duration, look func()) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(interval)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				look()
			case <-ctx.Done():
				return
			}
		}
	}()
	n.onClose("watch over "+over, func() error { cancel(); <-done; return nil })
}

// fill adds to a listener's configuration what its protocol needs.
func (s *secured) fill(cfg *listener.Config) {
	if s == nil {
		return
	}
	if s.hasTLS() {
		cfg.TLS = s.stores.Server
		cfg.CertificatePrincipal = s.principal
	}
	if s.hasSASL() {
		cfg.SASL = s.sasl.Load
	}
}

// principal is who shows a certificate.
func (s *secured) principal(state *tls.ConnectionState) (security.Principal, error) {
	if len(state.PeerCertificates) == 0 {
		return security.Anonymous, nil
	}
	name, err := s.rules.Name(tlsstore.DistinguishedName(state.PeerCertificates[0].RawSubject))
	return security.Principal{Type: "User", Name: name}, err
}

// wrap secures connections to a listener of other nodes; nil if there is nothing to do.
func (n *node) wrap(name string) func(context.Context, net.Conn, string) (net.Conn, error) {
	s := n.secured[name]
	if s == nil {
		return nil
	}
	clientID := "leat-" + strconv.Itoa(int(n.id))
	return func(ctx context.Context, nc net.Conn, address string) (net.Conn, error) {
		host, _, err := net.SplitHostPort(address)
		if err != nil {
			_ = nc.Close()
			return nil, err
		}
		if s.hasTLS() {
			t := tls.Client(nc, s.stores.Store().Client(host))
			if err := t.HandshakeContext(ctx); err != nil {
				_ = nc.Close()
				return nil, fmt.Errorf("TLS handshake: %w", err)
			}
			nc = t
		}
		l := s.login.Load()
		if l == nil {
			return nc, nil
		}
		client, err := l.begin(host)
		if err != nil {
			_ = nc.Close()
			return nil, err
		}
		return peer.Authenticate(ctx, nc, clientID, client)
	}
}

// login begins exchanges of this node at others, of which it knows the host.
type login struct {
	begin func(host string) (sasl.Client, error)
}

// protocolNamed is the number of a protocol.
func protocolNamed(name string) security.Protocol {
	return protocolOf(config.Listener{Protocol: name})
}

// listenerKeys reads keys as they are for one listener.
type listenerKeys struct {
	values *config.Values
	name   string
}

// text is the value of a key for this listener: that of listener.name.<listener>.<key>, or else of the key.
func (l listenerKeys) text(key string) string {
	if text, _, ok := l.values.Lookup("listener.name." + strings.ToLower(l.name) + "." + key); ok {
		return text
	}
	text, _, _ := l.values.Lookup(key)
	return text
}

// ofMechanism is the value of a key for one mechanism of this listener.
func (l listenerKeys) ofMechanism(mechanism, key string) string {
	prefix := "listener.name." + strings.ToLower(l.name) + "." + strings.ToLower(mechanism) + "."
	if text, _, ok := l.values.Lookup(prefix + key); ok {
		return text
	}
	return l.text(key)
}

// list splits a value at commas.
func list(text string) []string {
	var all []string
	for _, item := range strings.Split(text, ",") {
		if item = strings.TrimSpace(item); item != "" {
			all = append(all, item)
		}
	}
	return all
}

// settings are the stores of this listener and what it asks of clients. Where clients log in by SASL they need a certificate only if the key of this very listener
// says so (KIP-684).
func (s *secured) settings(v *config.Values) tlsstore.Settings {
	all := listenerKeys{v, s.name}.stores()
	if s.hasSASL() {
		all.ClientAuth, _, _ = v.Lookup("listener.name." + strings.ToLower(s.name) + ".ssl.client.auth")
	}
	return all
}

func (l listenerKeys) stores() tlsstore.Settings {
	return tlsstore.Settings{
		KeystoreType: l.text("ssl.keystore.type"), KeystoreLocation: l.text("ssl.keystore.location"), KeystorePassword: l.text("ssl.keystore.password"),
		KeyPassword: l.text("ssl.key.password"), CertificateChain: l.text("ssl.keystore.certificate.chain"), Key: l.text("ssl.keystore.key"),
		TruststoreType: l.text("ssl.truststore.type"), TruststoreLocation: l.text("ssl.truststore.location"), TruststorePassword: l.text("ssl.truststore.password"),
		TrustedCertificates: l.text("ssl.truststore.certificates"),
		Protocols:           list(l.text("ssl.enabled.protocols")), CipherSuites: list(l.text("ssl.cipher.suites")),
		ClientAuth: l.text("ssl.client.auth"), EndpointIdentification: l.text("ssl.endpoint.identification.algorithm"),
	}
}
