package server

import (
	"fmt"

	"leat/internal/security/sasl"
	"leat/internal/security/sasl/kerberos"
)

// kerberosService reads how clients of a listener prove themselves by tickets.
func kerberosService(of listenerKeys) (func() (sasl.Server, error), error) {
	l, err := of.jaas(kerberos.Mechanism)
	if err != nil {
		return nil, err
	}
	acceptor, err := kerberos.NewAcceptor(kerberos.Settings{Login: l, Service: of.ofMechanism(kerberos.Mechanism, "sasl.kerberos.service.name"),
		Rules: list(of.ofMechanism(kerberos.Mechanism, "sasl.kerberos.principal.to.local.rules"))})
	if err != nil {
		return nil, fmt.Errorf("listener %s: GSSAPI: %w", of.name, err)
	}
	return func() (sasl.Server, error) { return acceptor.Begin(), nil }, nil
}

// kerberosLogin is how this node gets in at others by tickets.
func kerberosLogin(of listenerKeys, l sasl.Login) (*login, error) {
	initiator, err := kerberos.NewInitiator(l, of.ofMechanism(kerberos.Mechanism, "sasl.kerberos.service.name"))
	if err != nil {
		return nil, fmt.Errorf("listener %s: GSSAPI towards other nodes: %w", of.name, err)
	}
	return &login{func(host string) (sasl.Client, error) { return initiator.Begin(host), nil }}, nil
}
