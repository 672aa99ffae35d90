package server

import (
	"cmp"
	"fmt"
	"reflect"
	"slices"
	"strings"

	"leat/internal/metadata"
	"leat/internal/security/tlsstore"
)

// checkSecurity reports why settings that somebody wants to give this node would not work: listeners without those of controllers, or that no security protocol is
// known of; stores for TLS that cannot be read or opened, or a certificate of another holder or for other names than the one in use, unless ssl.allow.dn.changes
// and ssl.allow.san.changes let that be (KIP-978). overrides are all dynamic settings of this node, as they would be.
//
// What is refused here never reaches the metadata log, where it could only be logged later, again and again.
func (n *node) checkSecurity(overrides map[string]string) error {
	now := n.settings.now().values
	v := now.With(n.images.image().Config(metadata.BrokerResource, ""), overrides)
	if !slices.Equal(v.List("listeners"), now.List("listeners")) {
		if err := v.CheckListeners(); err != nil {
			return err
		}
	}
	for _, name := range sortedNames(n.secured) {
		s := n.secured[name]
		if !s.hasTLS() {
			continue
		}
		of := listenerKeys{v, s.name}
		settings := s.settings(v)
		store, err := tlsstore.Load(&settings, tlsstore.FromDisk)
		if err == nil && s.bound {
			_, err = store.Server()
		}
		if err != nil && reflect.DeepEqual(settings, s.settings(now)) {
			continue // its files were broken before, which stands in the log: no reason to keep other listeners from theirs
		}
		if err != nil {
			return fmt.Errorf("listener %s: %w", s.name, err)
		}
		if err := sameHolder(of, s.stores.Store(), store); err != nil {
			return fmt.Errorf("listener %s: %w", s.name, err)
		}
	}
	return nil
}

// sameHolder compares the certificates in use and to come.
func sameHolder(of listenerKeys, old, next *tlsstore.Store) error {
	was, is := old.Leaf(), next.Leaf()
	if was == nil || is == nil {
		return nil
	}
	a, b := tlsstore.DistinguishedName(was.RawSubject), tlsstore.DistinguishedName(is.RawSubject)
	if a != b && of.text("ssl.allow.dn.changes") != "true" {
		return fmt.Errorf("the certificate in use is that of %s, the new one of %s: set ssl.allow.dn.changes=true if that is right", a, b)
	}
	if lost := missing(names(was.DNSNames, was.IPAddresses), names(is.DNSNames, is.IPAddresses)); len(lost) > 0 && of.text("ssl.allow.san.changes") != "true" {
		return fmt.Errorf("the certificate in use is for %s, too, the new one is not: set ssl.allow.san.changes=true if that is right", strings.Join(lost, ", "))
	}
	return nil
}

func names[T fmt.Stringer](dns []string, ips []T) []string {
	all := slices.Clone(dns)
	for _, ip := range ips {
		all = append(all, ip.String())
	}
	return all
}

// missing are those of a that are not in b.
func missing(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return slices.Contains(b, name) })
}

func sortedNames(m map[string]*secured) []string {
	all := make([]*secured, 0, len(m))
	for _, s := range m {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *secured) int { return cmp.Compare(a.name, b.name) })
	out := make([]string, len(all))
	for i, s := range all {
		out[i] = s.name
	}
	return out
}
