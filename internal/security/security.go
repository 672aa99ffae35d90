// Package security knows who somebody is (Principal) and what they may do. Today everybody may do everything: the types are the
// places where authentication and ACLs attach. It does not know connections or requests.
package security

import "strings"

// Protocol is a listener's security protocol.
type Protocol int8

// The security protocols; numbers are Kafka's.
const (
	Plaintext     Protocol = 0
	SSL           Protocol = 1
	SASLPlaintext Protocol = 2
	SASLSSL       Protocol = 3
)

// Principal is who a connection acts as.
type Principal struct {
	Type string // "User"
	Name string
	// Groups are those that its token names, as JoinGroups makes them; "": none. They say which roles it has beside its own, and nothing of who it is.
	Groups string
}

// Anonymous is the principal of connections that did not authenticate.
var Anonymous = Principal{Type: "User", Name: "ANONYMOUS"}

// Self is a node that asks the controller for its own purposes and not for a client: what it says goes as it is, and the principal of its connection counts.
var Self = Principal{}

// groupEnd stands behind each group; no group has it in its name.
const groupEnd = "\n"

// JoinGroups makes the text that Principal.Groups is; false if a name cannot be in it.
func JoinGroups(groups []string) (string, bool) {
	var text strings.Builder
	for _, g := range groups {
		if g == "" || strings.Contains(g, groupEnd) {
			return "", false
		}
		text.WriteString(g + groupEnd)
	}
	return text.String(), true
}

// NextGroup takes the first of the groups that JoinGroups made.
func NextGroup(groups string) (first, rest string) {
	first, rest, _ = strings.Cut(groups, groupEnd)
	return first, rest
}

// Itself is the principal without its groups: who it is, for comparing.
func (p Principal) Itself() Principal { return Principal{Type: p.Type, Name: p.Name} }

// String returns Kafka's text form, "User:ANONYMOUS".
func (p Principal) String() string { return p.Type + ":" + p.Name }
