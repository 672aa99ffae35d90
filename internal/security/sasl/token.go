package sasl

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// TokenRules are what a token must be like (sasl.oauthbearer.*).
type TokenRules struct {
	Keys         *KeySet
	Audiences    []string // one of them must be in the token; empty: any will do
	Issuer       string   // "": any
	ScopeClaim   string
	SubjectClaim string
	GroupsClaim  string        // "": tokens name no groups
	Skew         time.Duration // by how much clocks may differ
	Now          func() time.Time
}

// signatures are the algorithms that are taken: those by public keys only, because with a shared one every reader of the keys could make tokens.
var signatures = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// maxToken bounds a token.
const maxToken = 256 << 10

// Verify checks signature, times, issuer and audience of a token.
func (r *TokenRules) Verify(ctx context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, fmt.Errorf("a token of %d bytes, at most %d are taken", len(token), maxToken)
	}
	options := []jwt.ParserOption{jwt.WithValidMethods(signatures), jwt.WithLeeway(r.Skew), jwt.WithExpirationRequired(), jwt.WithIssuedAt()}
	if r.Issuer != "" {
		options = append(options, jwt.WithIssuer(r.Issuer))
	}
	if len(r.Audiences) > 0 {
		options = append(options, jwt.WithAudience(r.Audiences...))
	}
	if r.Now != nil {
		options = append(options, jwt.WithTimeFunc(r.Now))
	}
	parsed, err := jwt.NewParser(options...).Parse(token, func(t *jwt.Token) (any, error) {
		id, _ := t.Header["kid"].(string)
		keys, err := r.Keys.find(ctx, id)
		if err != nil {
			return nil, err
		}
		var set jwt.VerificationKeySet
		for _, k := range keys {
			set.Keys = append(set.Keys, k)
		}
		return set, nil
	})
	if err != nil {
		return Identity{}, err
	}
	claims, ok := parsed.Claims.(jwt.MapClaims)
	if !ok {
		return Identity{}, errors.New("a token without claims")
	}
	who, err := identify(claims, r.SubjectClaim, r.ScopeClaim)
	if err != nil {
		return Identity{}, err
	}
	who.Groups, err = groups(claims, r.GroupsClaim)
	return who, err
}

// maxGroups bounds those of a token. To leave some out could mean to leave out what is denied to them.
const maxGroups = 1000

// groups reads the claim that names groups: a list, or a text with blanks between. A name with dots in it may lead into claims that have claims.
func groups(claims jwt.MapClaims, name string) ([]string, error) {
	if name == "" {
		return nil, nil
	}
	claim, ok := claims[name]
	for inner, rest := map[string]any(claims), name; !ok; {
		var first string
		var more bool
		first, rest, more = strings.Cut(rest, ".")
		if !more {
			claim = inner[first]
			break
		}
		inner, _ = inner[first].(map[string]any) // reading from nil gives nil
	}
	all, err := scopes(claim)
	switch {
	case err != nil:
		return nil, fmt.Errorf("the claim %s: %w", name, err)
	case len(all) > maxGroups:
		return nil, fmt.Errorf("the claim %s names %d groups, at most %d are taken", name, len(all), maxGroups)
	case slices.ContainsFunc(all, func(g string) bool { return g == "" || strings.Contains(g, "\n") }):
		return nil, fmt.Errorf("the claim %s names a group by nothing, or with a line end", name)
	}
	return all, nil
}

// identify takes out of the claims whose token it is and until when.
func identify(claims jwt.MapClaims, subjectClaim, scopeClaim string) (Identity, error) {
	name, ok := claims[subjectClaim].(string)
	if !ok || strings.TrimSpace(name) == "" {
		return Identity{}, fmt.Errorf("the claim %s, which names the principal, is missing or no text", subjectClaim)
	}
	if _, err := scopes(claims[scopeClaim]); err != nil {
		return Identity{}, fmt.Errorf("the claim %s: %w", scopeClaim, err)
	}
	expires, err := claims.GetExpirationTime()
	if err != nil || expires == nil {
		return Identity{}, errors.New("the claim exp is missing or no time")
	}
	return Identity{Name: strings.TrimSpace(name), Expires: expires.Time}, nil
}

// scopes reads a claim that is a list, or a text with blanks between.
func scopes(claim any) ([]string, error) {
	switch c := claim.(type) {
	case nil:
		return nil, nil
	case string:
		return strings.Fields(c), nil
	case []any:
		var all []string
		for _, item := range c {
			s, ok := item.(string)
			if !ok {
				return nil, errors.New("it has an item that is no text")
			}
			all = append(all, s)
		}
		return all, nil
	}
	return nil, errors.New("it is neither a text nor a list")
}

// UnsecuredRules are those for tokens that nobody has signed: anybody can make one in any name, which is good for trying things out only.
type UnsecuredRules struct {
	SubjectClaim string   // "": sub
	ScopeClaim   string   // "": scope
	GroupsClaim  string   // "": tokens name no groups
	Required     []string // scopes
	Skew         time.Duration
	Now          func() time.Time
}

// Verify takes any name that is written in a token, as long as the token has not expired.
func (r *UnsecuredRules) Verify(_ context.Context, token string) (Identity, error) {
	if len(token) > maxToken {
		return Identity{}, fmt.Errorf("a token of %d bytes, at most %d are taken", len(token), maxToken)
	}
	options := []jwt.ParserOption{jwt.WithValidMethods([]string{"none"}), jwt.WithLeeway(r.Skew), jwt.WithExpirationRequired(), jwt.WithIssuedAt()}
	if r.Now != nil {
		options = append(options, jwt.WithTimeFunc(r.Now))
	}
	claims := jwt.MapClaims{}
	_, err := jwt.NewParser(options...).ParseWithClaims(token, claims, func(*jwt.Token) (any, error) { return jwt.UnsafeAllowNoneSignatureType, nil })
	if err != nil {
		return Identity{}, err
	}
	who, err := identify(claims, or(r.SubjectClaim, "sub"), or(r.ScopeClaim, "scope"))
	if err != nil {
		return Identity{}, err
	}
	has, _ := scopes(claims[or(r.ScopeClaim, "scope")]) // identify has read them
	for _, scope := range r.Required {
		if !slices.Contains(has, scope) {
			return Identity{}, fmt.Errorf("the scope %s is missing", scope)
		}
	}
	who.Groups, err = groups(claims, r.GroupsClaim)
	return who, err
}

func or(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}

// NewUnsecuredToken makes a token that nobody has signed, for connections of this node to others that take such.
func NewUnsecuredToken(claims map[string]any, lifetime time.Duration, now time.Time) (string, error) {
	all := jwt.MapClaims{"iat": now.Unix(), "exp": now.Add(lifetime).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	return jwt.NewWithClaims(jwt.SigningMethodNone, all).SignedString(jwt.UnsafeAllowNoneSignatureType)
}
