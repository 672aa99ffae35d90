package acl

import (
	"slices"

	"leat/internal/security"
)

// RoleType is the type of principals that nobody is: rules for Role:ops are for whoever has the role ops.
const RoleType = "Role"

// Bindings say who has which roles. Once in use they do not change.
type Bindings struct {
	users, groups map[string][]string // roles by the names of users, of groups
}

// NewBindings binds nobody.
func NewBindings() *Bindings {
	return &Bindings{users: map[string][]string{}, groups: map[string][]string{}}
}

// Bind gives roles to a user, to all with the name *, or to whoever is in a group.
func (b *Bindings) Bind(kind, name string, roles ...string) {
	of := b.users
	if kind == "Group" {
		of = b.groups
	}
	for _, role := range roles {
		if !slices.Contains(of[name], role) {
			of[name] = append(of[name], role)
		}
	}
}

// held are the rules of the roles that a principal has, one role after the other. A role may come twice, which changes nothing.
type held struct {
	names     *node[*grants] // of roles
	all       *grants        // rules for everybody who has a role; nil: none, or it has been given
	bindings  *Bindings
	roles     []string
	everybody bool // bindings of User:* have been looked at
	groups    string
}

// held begins to look. It allocates nothing.
func (x *Index) held(b *Bindings, p security.Principal) held {
	h := held{}
	if b == nil || p.Type != "User" || len(b.users)+len(b.groups) == 0 {
		return h
	}
	for i := range x.kinds {
		if k := &x.kinds[i]; k.name == RoleType {
			h.names, h.all = k.names, k.names.get(Wildcard)
			h.bindings, h.roles, h.groups = b, b.users[p.Name], p.Groups
		}
	}
	return h
}

// next is the rules of the next role that has any; nil: there is none.
func (h *held) next() *grants {
	for h.names != nil {
		for len(h.roles) > 0 {
			if all := h.all; all != nil {
				h.all = nil
				return all
			}
			role := h.roles[0]
			h.roles = h.roles[1:]
			if g := h.names.get(role); g != nil {
				return g
			}
		}
		switch {
		case !h.everybody:
			h.everybody, h.roles = true, h.bindings.users[Wildcard]
		case h.groups != "":
			var group string
			group, h.groups = security.NextGroup(h.groups)
			h.roles = h.bindings.groups[group]
		default:
			return nil
		}
	}
	return nil
}
