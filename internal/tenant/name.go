package tenant

import "strings"

const (
	// separator ends the name of a tenant within an inner name.
	separator = "."
	// longestName bounds what a client may name: inner names must stay below the 32,767 bytes that records and messages can bear.
	longestName = 32000
)

// Tenant is one of those who share the cluster. It never changes.
type Tenant struct {
	Name   string
	Limits Limits
	// Usage is what it takes on this node; it outlives changes of the limits.
	Usage *Usage

	prefix         string
	administrators map[string]bool // by text of the principal
}

// New returns a tenant without limits.
func New(name string) *Tenant {
	return &Tenant{Name: name, Limits: None, Usage: new(Usage), prefix: Prefix(name)}
}

// Prefix is how all inner names of a tenant begin.
func Prefix(name string) string { return name + separator }

// Prefix is how all inner names of the tenant begin.
func (t *Tenant) Prefix() string { return t.prefix }

// Administers reports whether a principal may do everything within the tenant.
func (t *Tenant) Administers(principal string) bool { return t.administrators[principal] }

// Inner is what the cluster calls what the tenant calls name.
func (t *Tenant) Inner(name string) string { return t.prefix + name }

// Plain is what the tenant calls what the cluster calls name; false: it is not the tenant's.
func (t *Tenant) Plain(name string) (string, bool) { return strings.CutPrefix(name, t.prefix) }

// Owns reports whether an inner name is the tenant's.
func (t *Tenant) Owns(name string) bool { return strings.HasPrefix(name, t.prefix) }

// plainText takes the prefix out of a text for people, where it begins a word.
func (t *Tenant) plainText(text string) string {
	if !strings.Contains(text, t.prefix) {
		return text
	}
	var out strings.Builder
	last := byte(' ')
	for len(text) > 0 {
		if rest, found := strings.CutPrefix(text, t.prefix); found && !ofName(last) {
			text = rest
			continue
		}
		last = text[0]
		out.WriteByte(last)
		text = text[1:]
	}
	return out.String()
}

// ofName reports whether a character may stand in a topic's name.
func ofName(c byte) bool {
	return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '.' || c == '_' || c == '-'
}
