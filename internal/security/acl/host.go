package acl

import (
	"fmt"
	"net/netip"
	"strings"
)

// hosts is what a rule says of hosts. Addresses are compared as addresses, however they are written; what is no address matches nobody.
type hosts struct {
	all   bool
	exact netip.Addr
	in    netip.Prefix
}

func parseHosts(text string) hosts {
	if text == Wildcard {
		return hosts{all: true}
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		const mapped = 96 // bits before an IPv4 address that is written as one of IPv6
		if p.Addr().Is4In6() && p.Bits() >= mapped {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
		}
		return hosts{in: p.Masked()}
	}
	a, _ := netip.ParseAddr(text)
	return hosts{exact: a.Unmap().WithZone("")}
}

// match reports whether an address, which is unmapped and has no zone, is among the hosts.
func (h *hosts) match(a netip.Addr) bool {
	switch {
	case h.all:
		return true
	case h.in.IsValid():
		return h.in.Contains(a)
	default:
		return h.exact.IsValid() && h.exact == a
	}
}

// IsRange reports whether the host of a rule is a range of addresses, which clusters below metadata.version 4.4 do not know.
func IsRange(host string) bool { return strings.Contains(host, "/") }

// CheckRange refuses what looks like a range of addresses and is none.
func CheckRange(host string) error {
	if _, err := netip.ParsePrefix(host); err != nil {
		return fmt.Errorf("Could not parse [%s]", host) //nolint:staticcheck // Kafka's words
	}
	return nil
}
