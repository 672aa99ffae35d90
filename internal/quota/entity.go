package quota

import (
	"crypto/sha256"
	"fmt"
	"strings"
)

// Part is a part of an entity: a name, the default of its kind, or not there.
type Part struct {
	Set  bool
	Name string // "" for the default
}

// Named is the part with a name, and Default is that of all others. Names are never empty.
func Named(name string) Part { return Part{Set: true, Name: name} }

// Default is the part that stands for all names without a limit of their own.
var Default = Part{Set: true}

// Entity is what a limit was given to.
type Entity struct{ User, ClientID, IP Part }

// Who is whom a limit is counted for.
type Who struct {
	Kind             Kind
	OfUser, OfClient bool   // which of the names count
	User, ClientID   string // User is an address for connections
}

// longestKept is how much of a name is kept of whom a limit is counted for. Clients choose the one that they call themselves, with 32 KB if they like, and each
// name that is counted for by a default is kept for a while.
const longestKept = 200

// Short is the same in little memory: a hash stands for the rest of a long name.
func (w Who) Short() Who {
	w.User, w.ClientID = short(w.User), short(w.ClientID)
	return w
}

func short(name string) string {
	if len(name) <= longestKept {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	return fmt.Sprintf("%s...%x", strings.ToValidUTF8(name[:longestKept-40], ""), sum[:16])
}

// Limits finds what an administrator has set; false: no such entity, or no such key of it.
type Limits interface {
	Limit(e Entity, key string) (float64, bool)
}

// Find finds the limit of a kind for a client: the most particular that there is, of Kafka's eight levels. False: none.
func Find(limits Limits, kind Kind, user, clientID string) (Who, float64, bool) {
	u, c, none := named(user), named(clientID), Part{}
	for _, level := range [...]Entity{
		{User: u, ClientID: c}, {User: u, ClientID: Default}, {User: u},
		{User: Default, ClientID: c}, {User: Default, ClientID: Default}, {User: Default},
		{ClientID: c}, {ClientID: Default},
	} {
		if limit, ok := limits.Limit(level, Keys[kind]); ok {
			who := Who{Kind: kind, OfUser: level.User != none, OfClient: level.ClientID != none}
			if who.OfUser {
				who.User = user
			}
			if who.OfClient {
				who.ClientID = clientID
			}
			return who, limit, true
		}
	}
	return Who{}, 0, false
}

// named is the part of somebody's name; who has none is one of the others.
func named(name string) Part { return Part{Set: true, Name: name} }

// FindIP finds how many connections a second an address may begin.
func FindIP(limits Limits, address string) (Who, float64, bool) {
	for _, part := range [...]Part{Named(address), Default} {
		if limit, ok := limits.Limit(Entity{IP: part}, Keys[Connection]); ok {
			return Who{Kind: Connection, OfUser: true, User: address}, limit, true
		}
	}
	return Who{}, 0, false
}
