package sasl

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"strings"
)

// userPrefix begins the options of a login that name users and their passwords.
const userPrefix = "user_"

// Passwords are the users of PLAIN.
type Passwords map[string]string

// Passwords are the users in a login line: user_alice="secret".
func (l *Login) Passwords() Passwords {
	users := Passwords{}
	for option, value := range l.Options {
		if name, ok := strings.CutPrefix(option, userPrefix); ok && name != "" {
			users[name] = value
		}
	}
	return users
}

// plainServer checks a name and a password (RFC 4616).
type plainServer struct{ users Passwords }

// NewPlain begins an exchange.
func NewPlain(users Passwords) Server { return plainServer{users} }

func (s plainServer) Step(_ context.Context, response []byte) ([]byte, *Identity, error) {
	parts := bytes.SplitN(response, []byte{0}, 4)
	if len(parts) != 3 {
		return nil, nil, tell(fmt.Sprintf("Invalid SASL/PLAIN response: expected 3 tokens, got %d", len(parts)))
	}
	authorized, name, password := string(parts[0]), string(parts[1]), parts[2]
	switch {
	case name == "":
		return nil, nil, tell("Authentication failed: username not specified")
	case len(password) == 0:
		return nil, nil, tell("Authentication failed: password not specified")
	}
	expected, known := s.users[name]
	// Hashes have one length, so that the time of comparing them says nothing about the password.
	given, right := sha256.Sum256(password), sha256.Sum256([]byte(expected))
	if equal := subtle.ConstantTimeCompare(given[:], right[:]) == 1; !equal || !known {
		why := fmt.Sprintf("user %q has another password", name)
		if !known {
			why = fmt.Sprintf("user %q is not known", name)
		}
		return nil, nil, &Refusal{Told: "Authentication failed: Invalid username or password", Why: why}
	}
	if authorized != "" && authorized != name {
		return nil, nil, tell("Authentication failed: Client requested an authorization id that is different from username")
	}
	return nil, &Identity{Name: name}, nil
}

// plainClient sends both.
type plainClient struct{ name, password string }

// NewPlainClient logs in with a name and a password.
func NewPlainClient(name, password string) Client { return plainClient{name, password} }

func (plainClient) Mechanism() string { return Plain }

func (c plainClient) Step(_ context.Context, challenge []byte) ([]byte, bool, error) {
	if challenge != nil {
		if len(challenge) > 0 {
			return nil, false, errors.New("PLAIN: the server asks for more than name and password")
		}
		return nil, true, nil
	}
	return []byte("\x00" + c.name + "\x00" + c.password), true, nil
}
