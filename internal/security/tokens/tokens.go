// Package tokens is what delegation tokens are (KIP-48): secrets that a principal lets the cluster make for him, so that workers can log in by SCRAM without
// his password. A token is a record in the metadata log that says who, and until when; its password is nowhere: it follows from the token's id and a secret
// that all nodes share (delegation.token.secret.key).
//
// It decides nothing: the controller's machine makes, renews and removes tokens, brokers say who may see them.
//
// Terms. The owner is who somebody becomes that logs in by a token; the requester is who asked for it; a renewer may renew and expire it. A token expires at
// its expiry time, which renewing moves, and never past its last time.
package tokens

import (
	"crypto/hmac"
	"crypto/sha512"
	"encoding/base64"
	"slices"
	"strings"

	"leat/internal/security"
)

// HMAC is what proves that somebody was given a token.
func HMAC(secret, tokenID string) []byte {
	h := hmac.New(sha512.New, []byte(secret))
	h.Write([]byte(tokenID))
	return h.Sum(nil)
}

// Password is the form of an HMAC in which clients log in.
func Password(mac []byte) string { return base64.StdEncoding.EncodeToString(mac) }

// Principal reads a principal as records have it: type, colon, name.
func Principal(text string) security.Principal {
	kind, name, ok := strings.Cut(text, ":")
	if !ok {
		return security.Principal{Type: "User", Name: text}
	}
	return security.Principal{Type: kind, Name: name}
}

// People are those that have to do with a token, as records have them.
type People struct {
	Owner, Requester string
	Renewers         []string
}

// Include reports whether somebody owns a token, asked for it, or may renew it: those see it without any rule.
func (p People) Include(who string) bool {
	return who == p.Owner || who == p.Requester || slices.Contains(p.Renewers, who)
}

// MayChange reports whether somebody may renew and expire the token.
func (p People) MayChange(who string) bool { return who == p.Owner || slices.Contains(p.Renewers, who) }
