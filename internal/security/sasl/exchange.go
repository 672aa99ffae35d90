package sasl

import (
	"context"
	"fmt"
	"time"
)

// The mechanisms, by the names that clients ask for.
const (
	Plain       = "PLAIN"
	ScramSHA256 = "SCRAM-SHA-256"
	ScramSHA512 = "SCRAM-SHA-512"
	OAuthBearer = "OAUTHBEARER"
)

// Identity is what an exchange has proved.
type Identity struct {
	Name    string
	Expires time.Time // of the credential; zero: it does not
	Token   bool      // a delegation token proved it
	Groups  []string  // that the token names
}

// Server is this node's side of one exchange.
type Server interface {
	// Step takes what the client sent and returns what it gets. who is nil until the exchange is over.
	Step(ctx context.Context, response []byte) (challenge []byte, who *Identity, err error)
}

// Failing is a Server that knows that an exchange has failed before it is over: the client has been told, and what it says to that is still to come. Clients
// also just leave then.
type Failing interface {
	Failure() error // nil: it has not failed
}

// Client is the side of who opens the connection.
type Client interface {
	Mechanism() string
	// Step takes what the server sent, nil at the beginning, and returns what it gets. Once done, the server's answer ends the exchange and is given to
	// Step as well, unless there is nothing to check in it.
	Step(ctx context.Context, challenge []byte) (response []byte, done bool, err error)
}

// Refusal is a failed authentication.
type Refusal struct {
	Told string // to the client; "": that its credentials are invalid
	Why  string // to the operator, beyond what the client is told
}

func (r *Refusal) Error() string {
	switch {
	case r.Told == "":
		return r.Why
	case r.Why == "":
		return r.Told
	}
	return r.Told + ": " + r.Why
}

func refuse(why string, args ...any) error { return &Refusal{Why: fmt.Sprintf(why, args...)} }

func tell(told string) error { return &Refusal{Told: told} }
