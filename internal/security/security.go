// Package security knows who somebody is (Principal) and what they may do. Today everybody may do everything: the types are the
// places where authentication and ACLs attach. It does not know connections or requests.
package security

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
}

// Anonymous is the principal of connections that did not authenticate.
var Anonymous = Principal{Type: "User", Name: "ANONYMOUS"}

// Self is a node that asks the controller for its own purposes and not for a client: what it says goes as it is, and the principal of its connection counts.
var Self = Principal{}

// String returns Kafka's text form, "User:ANONYMOUS".
func (p Principal) String() string { return p.Type + ":" + p.Name }
