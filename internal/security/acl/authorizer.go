package acl

import (
	"fmt"
	"net/netip"
	"strings"

	"leat/internal/security"
)

// Authorizer is what an operator configured beside the rules. A nil Authorizer lets everybody do everything.
type Authorizer struct {
	SuperUsers map[security.Principal]struct{}
	// AllowEveryone lets everybody do what no rule is about (allow.everyone.if.no.acl.found).
	AllowEveryone bool
	// Bindings say who has which roles; nil: nobody has any.
	Bindings func() *Bindings
}

// StandardAuthorizer is the class that names this way of deciding, the only one there is.
const StandardAuthorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"

// New makes the authorizer of a class, nil for the empty one. Super users are parted by semicolons: their names may contain commas.
func New(class, superUsers string, allowEveryone bool) (*Authorizer, error) {
	switch class {
	case "":
		return nil, nil
	case StandardAuthorizer:
	default:
		return nil, fmt.Errorf("authorizer.class.name=%s: no such authorizer: give %s, or nothing to let everybody do everything", class, StandardAuthorizer)
	}
	a := &Authorizer{SuperUsers: map[security.Principal]struct{}{}, AllowEveryone: allowEveryone}
	for _, text := range strings.Split(superUsers, ";") {
		if text = strings.TrimSpace(text); text == "" {
			continue
		}
		kind, name, ok := strings.Cut(text, ":")
		if !ok || kind == "" || name == "" {
			return nil, fmt.Errorf("super.users=%s: %q is not a principal: write User:name, and ; between several", superUsers, text)
		}
		a.SuperUsers[security.Principal{Type: kind, Name: name}] = struct{}{}
	}
	return a, nil
}

// Request is who asks for what.
type Request struct {
	Principal security.Principal
	Host      netip.Addr
	Operation security.Operation
	Type      security.ResourceType
	Name      string
}

func (a *Authorizer) super(p security.Principal) bool {
	_, ok := a.SuperUsers[p.Itself()]
	return ok
}

// Allowed decides by the rules of an index. It allocates nothing.
func (a *Authorizer) Allowed(x *Index, r Request) bool {
	return a.decide(x, r)>>r.Operation&1 != 0
}

// Operations are all that may be done to a resource, among those that the type has: the bit field of authorised-operations fields.
func (a *Authorizer) Operations(x *Index, r Request) int32 {
	supported := security.AllOperations(r.Type)
	if a == nil {
		return supported
	}
	return int32(a.decide(x, r)) & supported
}

// decide is all that may be done to a resource.
func (a *Authorizer) decide(x *Index, r Request) uint32 {
	if a == nil {
		return everything
	}
	if r.Principal.Type == RoleType {
		return 0 // nobody is a role
	}
	if a.super(r.Principal) {
		return everything
	}
	if r.Type <= 0 || r.Type >= types {
		return 0
	}
	host := r.Host.Unmap().WithZone("")
	allow, deny := x.operations(r.Principal, host, r.Type, r.Name)
	if a.Bindings != nil {
		held := x.held(a.Bindings(), r.Principal)
		for g := held.next(); g != nil; g = held.next() {
			g.add(host, r.Type, r.Name, &allow, &deny)
		}
	}
	if a.AllowEveryone && allow|deny == 0 && !x.speaksOf(r.Type, r.Name) {
		return everything
	}
	return allow &^ deny
}

// AllowedSome reports whether the operation is allowed on any resource of a type, whether there is such a resource or not (KIP-679). It is for
// operations that no other implies.
func (a *Authorizer) AllowedSome(x *Index, r Request) bool {
	r.Name = "hardcode" // as Kafka does: so super users, and everybody if there are no rules, may
	if a.Allowed(x, r) {
		return true
	}
	s := some{host: r.Host.Unmap().WithZone(""), bit: 1 << r.Operation, t: r.Type}
	for i := range x.kinds {
		if k := &x.kinds[i]; k.name == r.Principal.Type {
			s.of = append(s.of, k.names.get(r.Principal.Name), k.names.get(Wildcard))
		}
	}
	if a.Bindings != nil {
		held := x.held(a.Bindings(), r.Principal)
		for g := held.next(); g != nil; g = held.next() {
			s.of = append(s.of, g)
		}
	}
	return s.allowed()
}

// some looks for a pattern that is allowed and that no other denies as a whole.
type some struct {
	host netip.Addr
	bit  uint32
	t    security.ResourceType
	of   []*grants
}

func (s *some) allowed() bool {
	var allow, deny uint32
	for _, g := range s.of {
		if g != nil {
			g.all[s.t].add(s.host, &allow, &deny)
		}
	}
	if deny&s.bit != 0 {
		return false
	}
	if allow&s.bit != 0 {
		return true
	}
	found := false
	for _, g := range s.of {
		if g == nil {
			continue
		}
		g.byName[s.t].each("", func(name string, c cell) bool {
			found = s.allows(c.prefixed) && !s.denied(name, false) || s.allows(c.literal) && !s.denied(name, true)
			return !found
		})
		if found {
			return true
		}
	}
	return false
}

func (s *some) allows(of *set) bool {
	var allow, deny uint32
	of.add(s.host, &allow, &deny)
	return allow&s.bit != 0
}

// denied reports whether a pattern is denied as a whole.
func (s *some) denied(name string, literal bool) bool {
	var allow, deny uint32
	for _, g := range s.of {
		if g == nil {
			continue
		}
		rest := name
		for n := g.byName[s.t]; n != nil && strings.HasPrefix(rest, n.label); {
			rest = rest[len(n.label):]
			n.value.prefixed.add(s.host, &allow, &deny)
			if rest == "" {
				if literal {
					n.value.literal.add(s.host, &allow, &deny)
				}
				break
			}
			n = n.child(rest[0])
		}
	}
	return deny&s.bit != 0
}
