package server

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"

	"leat/internal/config"
	"leat/internal/metadata"
	"leat/internal/security"
)

// bound is one listener that has its port.
type bound struct {
	config.Listener
	net net.Listener
}

// bind takes the ports of all listeners, so that a port in use ends the start before any data is touched. On an error nothing stays bound.
func bind(list []config.Listener, listen ListenFunc) ([]bound, error) {
	var all []bound
	for _, l := range list {
		nl, err := listen("tcp", net.JoinHostPort(l.Host, strconv.Itoa(l.Port)))
		if err != nil {
			unbind(all)
			return nil, fmt.Errorf("listener %s: %w: free the port or choose another in listeners", l, cause(err))
		}
		all = append(all, bound{l, nl})
	}
	return all, nil
}

func unbind(all []bound) {
	for _, b := range all {
		b.net.Close()
	}
}

// cause drops the operation and address that net.OpError repeats: the listener's name already says them.
func cause(err error) error {
	var op *net.OpError
	if errors.As(err, &op) && op.Err != nil {
		return op.Err
	}
	return err
}

// port is what the listener is really bound to, where the configuration said 0.
func (b bound) port() int {
	if addr, ok := b.net.Addr().(*net.TCPAddr); ok {
		return addr.Port
	}
	return b.Port
}

// advertise is what clients are told for each bound listener: the configured advertised listener, or the bound one, with the port that
// was really bound and this machine's name where the host was left out.
func advertise(all []bound, advertised []config.Listener) []metadata.Endpoint {
	var endpoints []metadata.Endpoint
	for _, b := range all {
		if b.Control {
			continue
		}
		endpoints = append(endpoints, endpointOf(b, advertised))
	}
	return endpoints
}

func endpointOf(b bound, advertised []config.Listener) metadata.Endpoint {
	ep := metadata.Endpoint{Name: b.Name, Host: b.Host, Port: uint16(b.port()), Protocol: protocolOf(b.Listener)}
	for _, a := range advertised {
		if a.Name == b.Name {
			ep.Host = a.Host
			if a.Port != 0 {
				ep.Port = uint16(a.Port)
			}
		}
	}
	if ep.Host != "" && ep.Host != "0.0.0.0" && ep.Host != "::" {
		return ep
	}
	ep.Host = machineName()
	if slices.ContainsFunc(advertised, func(a config.Listener) bool { return a.Name == b.Name && a.Follows }) {
		ep.Host = cmp.Or(machineAddress(), ep.Host)
	}
	return ep
}

// machineName is what Kafka advertises when nobody said a host: the canonical name of this machine.
func machineName() string {
	name, err := os.Hostname()
	if err != nil || name == "" {
		return "localhost"
	}
	return name
}

func protocolOf(l config.Listener) security.Protocol {
	switch l.Protocol {
	case "SSL":
		return security.SSL
	case "SASL_PLAINTEXT":
		return security.SASLPlaintext
	case "SASL_SSL":
		return security.SASLSSL
	}
	return security.Plaintext
}
