package acl

import (
	"strings"

	"leat/internal/security"
)

// Filter chooses rules. Numbers that are Any and texts that are nil choose all.
type Filter struct {
	Type       security.ResourceType
	Pattern    PatternType // Match: rules that apply to a resource of this name
	Name       *string
	Principal  *string
	Host       *string
	Operation  security.Operation
	Permission Permission
}

// UnknownPattern and UnknownEntry report whether the filter has numbers that this version does not know, in the two halves in which Kafka refuses them.
func (f *Filter) UnknownPattern() bool {
	return f.Type < Any || f.Type >= types || f.Pattern < AnyPattern || f.Pattern > Prefixed
}

// UnknownEntry is told with UnknownPattern.
func (f *Filter) UnknownEntry() bool {
	return f.Operation < Any || f.Operation > security.OpTwoPhaseCommit || f.Permission < AnyPermission || f.Permission > Allow
}

// Matches reports whether the filter chooses a rule.
func (f *Filter) Matches(r *Rule) bool {
	switch {
	case f.Type != Any && f.Type != r.Type,
		f.Principal != nil && *f.Principal != r.Principal,
		f.Host != nil && *f.Host != r.Host,
		f.Operation != Any && f.Operation != r.Operation,
		f.Permission != AnyPermission && f.Permission != r.Permission:
		return false
	case f.Pattern != AnyPattern && f.Pattern != Match && f.Pattern != r.Pattern:
		return false
	case f.Name == nil:
		return true
	case f.Pattern != Match:
		return *f.Name == r.Name
	case r.Pattern == Literal:
		return *f.Name == r.Name || r.Name == Wildcard
	default:
		return r.Pattern == Prefixed && strings.HasPrefix(*f.Name, r.Name)
	}
}
