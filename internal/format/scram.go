package format

import (
	"crypto/hmac"
	"crypto/pbkdf2"
	"crypto/rand"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"hash"
	"strconv"
	"strings"

	"leat/internal/metadata"
)

// levelScram is the level of metadata.version from which credentials stand in the metadata log.
const (
	levelScram   = 11
	scramRelease = "3.5-IV2"

	leastIterations, mostIterations = 4096, 16384
)

// mechanism is one of SCRAM's, by the number that Kafka gives it.
type mechanism struct {
	number int8
	hash   func() hash.Hash
}

var mechanisms = map[string]mechanism{"SCRAM-SHA-256": {1, sha256.New}, "SCRAM-SHA-512": {2, sha512.New}}

// parseScram reads MECHANISM=[name=...,password=...] or, in place of the password, a salt and the salted password in base64.
func parseScram(text string) (*metadata.UserScramCredentialRecord, error) {
	name, list, ok := strings.Cut(text, "=")
	m, known := mechanisms[name]
	switch {
	case !ok:
		return nil, Refuse("Failed to find equals sign in SCRAM argument '%s'", text)
	case !known:
		return nil, Refuse("The add-scram mechanism %s is not supported.", name)
	case !strings.HasPrefix(list, "["):
		return nil, Refuse("Expected configuration string to start with [")
	case !strings.HasSuffix(list, "]"):
		return nil, Refuse("Expected configuration string to end with ]")
	}
	values, err := scramValues(list[1 : len(list)-1])
	if err != nil {
		return nil, err
	}
	return m.credential(name, values)
}

func scramValues(list string) (map[string]string, error) {
	values := map[string]string{}
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		key, value, ok := strings.Cut(part, "=")
		if !ok {
			return nil, Refuse("No equals sign found in SCRAM component: %s", part)
		}
		if len(value) >= 2 && strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
			value = value[1 : len(value)-1]
		}
		switch key {
		case "name", "salt", "iterations", "password", "saltedpassword":
			values[key] = value
		default:
			return nil, Refuse("Unknown SCRAM configurations: %s", key)
		}
	}
	if values["name"] == "" {
		return nil, Refuse("You must supply 'name' to add-scram")
	}
	return values, nil
}

func (m mechanism) credential(name string, values map[string]string) (*metadata.UserScramCredentialRecord, error) {
	c := &metadata.UserScramCredentialRecord{Name: values["name"], Mechanism: m.number, Iterations: leastIterations}
	if text, ok := values["iterations"]; ok {
		n, err := strconv.ParseInt(text, 10, 32)
		switch {
		case err != nil:
			return nil, Refuse("Failed to parse iterations count: %s", text)
		case n < leastIterations:
			return nil, Refuse("The 'iterations' value must be >= %d for add-scram using %s", leastIterations, name)
		case n > mostIterations:
			return nil, Refuse("The 'iterations' value must be <= %d for add-scram using %s", mostIterations, name)
		}
		c.Iterations = int32(n)
	}
	var err error
	if text, ok := values["salt"]; !ok {
		c.Salt = make([]byte, 20)
		_, _ = rand.Read(c.Salt) // crypto/rand never fails
	} else if c.Salt, err = base64.StdEncoding.DecodeString(text); err != nil {
		return nil, Refuse("Failed to decode given salt: %s", text)
	}
	salted, err := m.salted(values, c)
	if err != nil {
		return nil, err
	}
	c.ServerKey = m.sign(salted, "Server Key")
	stored := m.hash()
	stored.Write(m.sign(salted, "Client Key"))
	c.StoredKey = stored.Sum(nil)
	return c, nil
}

func (m mechanism) salted(values map[string]string, c *metadata.UserScramCredentialRecord) ([]byte, error) {
	password, plain := values["password"]
	given, ready := values["saltedpassword"]
	switch {
	case plain == ready:
		return nil, Refuse("You must supply one of 'password' or 'saltedpassword' to add-scram")
	case plain:
		return pbkdf2.Key(m.hash, password, c.Salt, int(c.Iterations), m.hash().Size())
	case values["salt"] == "":
		return nil, Refuse("You must supply 'salt' with 'saltedpassword' to add-scram")
	}
	salted, err := base64.StdEncoding.DecodeString(given)
	if err != nil {
		return nil, Refuse("Failed to decode given saltedPassword: %s", given)
	}
	return salted, nil
}

func (m mechanism) sign(key []byte, text string) []byte {
	h := hmac.New(m.hash, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
