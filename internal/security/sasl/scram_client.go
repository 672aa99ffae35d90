package sasl

import (
	"context"
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"hash"
	"strconv"
	"strings"
)

// scramClient is the other side of a login by SCRAM. It is not a library's, because the one in use cannot say that a name is the id of a token.
type scramClient struct {
	mechanism, name, password string
	newHash                   func() hash.Hash
	token                     bool
	nonce, first              string // of this side; first is its first message without what stands before it
	proof                     []byte // that the server owes
	done                      bool
}

// NewScramClient logs in with a name and a password, as they are, which is how Java's client takes them.
func NewScramClient(mechanism, name, password string) (Client, error) {
	return newScramClient(mechanism, name, password, false)
}

// NewTokenClient logs in with the id of a delegation token and its HMAC.
func NewTokenClient(mechanism, id, mac string) (Client, error) {
	return newScramClient(mechanism, id, mac, true)
}

func newScramClient(mechanism, name, password string, token bool) (Client, error) {
	newHash, ok := generator(mechanism)
	if !ok {
		return nil, fmt.Errorf("%s is no mechanism of SCRAM", mechanism)
	}
	return &scramClient{mechanism: mechanism, name: name, password: password, newHash: newHash, token: token}, nil
}

// The fewest and most iterations that a server may ask for: fewer would make it easy to find the password, more would keep this side busy.
const (
	minIterations = 4096
	maxIterations = 1 << 20
)

// unbound is the beginning of the first message: no channel is bound, and nobody else's name is asked for.
const unbound = "n,,"

var errScramServer = errors.New("the server's message is not one of SCRAM")

func (c *scramClient) Mechanism() string { return c.mechanism }

func (c *scramClient) Step(_ context.Context, challenge []byte) ([]byte, bool, error) {
	switch {
	case c.first == "":
		c.nonce = rand.Text()
		c.first = "n=" + strings.NewReplacer("=", "=3D", ",", "=2C").Replace(c.name) + ",r=" + c.nonce
		if c.token {
			c.first += "," + tokenExtension + "true"
		}
		return []byte(unbound + c.first), false, nil
	case c.proof == nil:
		answer, err := c.prove(string(challenge))
		return answer, false, err
	case c.done:
		return nil, false, errScramServer
	}
	c.done = true
	if told := attribute(string(challenge), "e="); told != "" {
		return nil, false, fmt.Errorf("the server refuses: %q", told)
	}
	proof, err := base64.StdEncoding.DecodeString(attribute(string(challenge), "v="))
	if err != nil || subtle.ConstantTimeCompare(proof, c.proof) != 1 {
		return nil, false, errors.New("the server did not prove that it knows the password")
	}
	return nil, true, nil
}

// prove answers the server's first message with a proof that this side knows the password.
func (c *scramClient) prove(challenge string) ([]byte, error) {
	nonce := attribute(challenge, "r=")
	salt, err := base64.StdEncoding.DecodeString(attribute(challenge, "s="))
	if err != nil || len(salt) == 0 || strings.HasPrefix(challenge, "m=") {
		return nil, errScramServer
	}
	if !strings.HasPrefix(nonce, c.nonce) || len(nonce) == len(c.nonce) {
		return nil, errors.New("the server's message belongs to another login")
	}
	n, err := strconv.Atoi(attribute(challenge, "i="))
	if err != nil || n < minIterations || n > maxIterations {
		return nil, fmt.Errorf("the server asks for %q iterations: they are from %d to %d", attribute(challenge, "i="), minIterations, maxIterations)
	}
	fresh := c.newHash
	salted, err := pbkdf2.Key(fresh, c.password, salt, n, fresh().Size())
	if err != nil {
		return nil, err
	}
	sign := func(key []byte, text string) []byte {
		h := hmac.New(fresh, key)
		h.Write([]byte(text))
		return h.Sum(nil)
	}
	last := "c=" + base64.StdEncoding.EncodeToString([]byte(unbound)) + ",r=" + nonce
	all := c.first + "," + challenge + "," + last
	key, stored := sign(salted, "Client Key"), fresh()
	stored.Write(key)
	subtle.XORBytes(key, key, sign(stored.Sum(nil), all))
	c.proof = sign(sign(salted, "Server Key"), all)
	return []byte(last + ",p=" + base64.StdEncoding.EncodeToString(key)), nil
}
