package acl

import (
	"net/netip"
	"slices"
	"strings"

	"leat/internal/security"
)

// types is more than the highest number of a resource type.
const types = 8

// Index is a set of rules that is asked by principal and resource. It never changes: With and Without return another one, and what did not change is shared.
type Index struct {
	kinds []kind // few: nearly always "User" alone
	// about has the patterns that any rule speaks of, whoever it is for: with allow.everyone.if.no.acl.found they make the difference.
	about [types]*node[counts]
	rules int
}

// None is the index without rules.
var None = &Index{}

// kind is the rules for principals of one type, by their names.
type kind struct {
	name  string
	names *node[*grants]
}

// grants are the rules for one principal: those for all resources of a type, and those by name.
type grants struct {
	all    [types]*set
	byName [types]*node[cell]
}

// cell is the rules for one name, as it is and as a prefix.
type cell struct{ literal, prefixed *set }

// counts is how many rules have a name as it is and as a prefix.
type counts struct{ literal, prefixed int32 }

// set is the rules of one principal for one pattern: few.
type set struct {
	rules       []entry
	allow, deny uint32  // of rules for all hosts
	hosted      []entry // the others
}

// entry is what a rule says beside principal and resource.
type entry struct {
	host      string
	hosts     hosts
	operation security.Operation
	allows    bool
	bits      uint32
}

func (s *set) with(e entry) *set {
	out := &set{}
	if s != nil {
		out.rules = slices.Clip(s.rules)
	}
	out.rules = append(out.rules, e)
	out.sum()
	return out
}

// without is the set without one rule that is the same as e, nil if it is empty.
func (s *set) without(e entry) (*set, bool) {
	if s == nil {
		return nil, false
	}
	i := slices.IndexFunc(s.rules, func(have entry) bool {
		return have.host == e.host && have.operation == e.operation && have.allows == e.allows
	})
	if i < 0 {
		return s, false
	}
	if len(s.rules) == 1 {
		return nil, true
	}
	out := &set{rules: slices.Delete(slices.Clone(s.rules), i, i+1)}
	out.sum()
	return out, true
}

func (s *set) sum() {
	for _, e := range s.rules {
		switch {
		case !e.hosts.all:
			s.hosted = append(s.hosted, e)
		case e.allows:
			s.allow |= e.bits
		default:
			s.deny |= e.bits
		}
	}
}

// add puts the operations of the set into allow and deny.
func (s *set) add(host netip.Addr, allow, deny *uint32) {
	if s == nil {
		return
	}
	*allow |= s.allow
	*deny |= s.deny
	for i := range s.hosted {
		if e := &s.hosted[i]; e.hosts.match(host) {
			if e.allows {
				*allow |= e.bits
			} else {
				*deny |= e.bits
			}
		}
	}
}

// Len is the number of rules.
func (x *Index) Len() int { return x.rules }

// known reports whether a rule is one that can be kept: later versions may have types that this one does not know.
func (r *Rule) known() bool {
	return r.Type > 0 && r.Type < types && (r.Pattern == Literal || r.Pattern == Prefixed) && (r.Permission == Allow || r.Permission == Deny)
}

// Has reports whether the index has just this rule.
func (x *Index) Has(r Rule) bool {
	kindName, name, _ := strings.Cut(r.Principal, ":")
	i := slices.IndexFunc(x.kinds, func(k kind) bool { return k.name == kindName })
	if !r.known() || i < 0 {
		return false
	}
	g := x.kinds[i].names.get(name)
	if g == nil {
		return false
	}
	s := g.all[r.Type]
	if r.Pattern != Literal || r.Name != Wildcard {
		c := g.byName[r.Type].get(r.Name)
		if s = c.literal; r.Pattern == Prefixed {
			s = c.prefixed
		}
	}
	return s != nil && slices.ContainsFunc(s.rules, func(e entry) bool {
		return e.host == r.Host && e.operation == r.Operation && e.allows == (r.Permission == Allow)
	})
}

// With is the index with one rule more.
func (x *Index) With(r Rule) *Index {
	if !r.known() {
		return x
	}
	return x.change(r, +1, func(s *set, e entry) (*set, bool) { return s.with(e), true })
}

// Without is the index without a rule; without several that are the same, one of them.
func (x *Index) Without(r Rule) *Index {
	if !r.known() {
		return x
	}
	return x.change(r, -1, (*set).without)
}

func (x *Index) change(r Rule, by int, edit func(*set, entry) (*set, bool)) *Index {
	e := entry{host: r.Host, hosts: parseHosts(r.Host), operation: r.Operation, allows: r.Permission == Allow, bits: r.bits()}
	kindName, name, _ := strings.Cut(r.Principal, ":")
	i := slices.IndexFunc(x.kinds, func(k kind) bool { return k.name == kindName })
	out := *x
	out.kinds = slices.Clone(x.kinds)
	if i < 0 {
		i = len(out.kinds)
		out.kinds = append(out.kinds, kind{name: kindName})
	}
	var g grants
	if was := out.kinds[i].names.get(name); was != nil {
		g = *was
	}
	if !g.edit(r, e, edit) {
		return x
	}
	if g == (grants{}) {
		out.kinds[i].names = out.kinds[i].names.without(name)
	} else {
		out.kinds[i].names = out.kinds[i].names.with(name, &g)
	}
	out.count(r, int32(by))
	out.rules += by
	return &out
}

// edit changes the set of a rule's pattern. g is a copy of the caller's own.
func (g *grants) edit(r Rule, e entry, edit func(*set, entry) (*set, bool)) bool {
	var changed bool
	if r.Pattern == Literal && r.Name == Wildcard {
		g.all[r.Type], changed = edit(g.all[r.Type], e)
		return changed
	}
	tree := g.byName[r.Type]
	c := tree.get(r.Name)
	if r.Pattern == Literal {
		c.literal, changed = edit(c.literal, e)
	} else {
		c.prefixed, changed = edit(c.prefixed, e)
	}
	if c == (cell{}) {
		g.byName[r.Type] = tree.without(r.Name)
	} else {
		g.byName[r.Type] = tree.with(r.Name, c)
	}
	return changed
}

func (x *Index) count(r Rule, by int32) {
	c := x.about[r.Type].get(r.Name)
	if r.Pattern == Literal {
		c.literal += by
	} else {
		c.prefixed += by
	}
	if c == (counts{}) {
		x.about[r.Type] = x.about[r.Type].without(r.Name)
	} else {
		x.about[r.Type] = x.about[r.Type].with(r.Name, c)
	}
}

// operations are what rules allow and deny a principal on a resource.
func (x *Index) operations(p security.Principal, host netip.Addr, t security.ResourceType, name string) (allow, deny uint32) {
	for i := range x.kinds {
		if k := &x.kinds[i]; k.name == p.Type {
			k.names.get(p.Name).add(host, t, name, &allow, &deny)
			k.names.get(Wildcard).add(host, t, name, &allow, &deny)
		}
	}
	return allow, deny
}

func (g *grants) add(host netip.Addr, t security.ResourceType, name string, allow, deny *uint32) {
	if g == nil {
		return
	}
	g.all[t].add(host, allow, deny)
	for n := g.byName[t]; n != nil && strings.HasPrefix(name, n.label); {
		name = name[len(n.label):]
		n.value.prefixed.add(host, allow, deny)
		if name == "" {
			n.value.literal.add(host, allow, deny)
			return
		}
		n = n.child(name[0])
	}
}

// speaksOf reports whether any rule is about a resource.
func (x *Index) speaksOf(t security.ResourceType, name string) bool {
	n := x.about[t]
	if n.get(Wildcard).literal > 0 {
		return true
	}
	for n != nil && strings.HasPrefix(name, n.label) {
		name = name[len(n.label):]
		if n.value.prefixed > 0 || name == "" && n.value.literal > 0 {
			return true
		}
		if name == "" {
			return false
		}
		n = n.child(name[0])
	}
	return false
}
