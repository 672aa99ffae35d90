package sasl

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sync"
	"time"
)

// KeySet holds the public keys of an issuer of tokens (JWKS, RFC 7517). They are fetched when a token has to be checked and they are older than Refresh, or
// the token names a key that is not there, as after a change of keys.
type KeySet struct {
	Fetch   func(ctx context.Context) ([]byte, error)
	Refresh time.Duration // how old the keys may get
	Retry   time.Duration // between two fetches at least; 0: one second

	mu      sync.Mutex // guards what follows; never held while fetching
	keys    []publicKey
	fetched time.Time // when it last worked
	tried   time.Time
	failure error         // of the last try
	busy    chan struct{} // closed when the fetch under way ends; nil: none is
}

type publicKey struct {
	id  string
	key crypto.PublicKey
}

// maxKeys bounds a set. Issuers have two or three.
const maxKeys = 1000

// find returns the keys that a token with a key id may be signed by: that of the id, or all if it has none.
func (s *KeySet) find(ctx context.Context, id string) ([]crypto.PublicKey, error) {
	for {
		found, wait, err := s.look(id)
		if wait == nil {
			return found, err
		}
		select {
		case <-wait:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// look finds keys, or returns a channel that is closed when it is worth looking again.
func (s *KeySet) look(id string) (found []crypto.PublicKey, wait <-chan struct{}, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		if id == "" || k.id == id {
			found = append(found, k.key)
		}
	}
	now := time.Now()
	stale := s.Refresh > 0 && now.Sub(s.fetched) > s.Refresh
	if (len(found) == 0 || stale) && now.Sub(s.tried) >= max(s.Retry, time.Second) && s.busy == nil {
		s.begin(now)
	}
	switch {
	case len(found) > 0: // old keys do until there are new ones
		return found, nil, nil
	case s.busy != nil:
		return nil, s.busy, nil
	case s.failure != nil:
		return nil, nil, fmt.Errorf("the keys of the issuer could not be fetched: %w", s.failure)
	}
	return nil, nil, fmt.Errorf("it is signed by the key %q, which is not one of the %d of the issuer", id, len(s.keys))
}

// fetchTimeout bounds one fetch.
const fetchTimeout = 10 * time.Second

// begin starts a fetch, which ends by itself. s.mu is held.
func (s *KeySet) begin(now time.Time) {
	s.tried = now
	done := make(chan struct{})
	s.busy = done
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), fetchTimeout)
		defer cancel()
		data, err := s.Fetch(ctx)
		var keys []publicKey
		if err == nil {
			keys, err = parseKeySet(data)
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failure, s.busy = err, nil
		if err == nil {
			s.keys, s.fetched = keys, now
		}
		close(done)
	}()
}

// webKey is one key of a set.
type webKey struct {
	Kind  string `json:"kty"`
	ID    string `json:"kid"`
	Use   string `json:"use"`
	N     string `json:"n"`
	E     string `json:"e"`
	Curve string `json:"crv"`
	X     string `json:"x"`
	Y     string `json:"y"`
}

// parseKeySet reads the keys that signatures can be checked with, and passes over others.
func parseKeySet(data []byte) ([]publicKey, error) {
	var set struct {
		Keys []webKey `json:"keys"`
	}
	if err := json.Unmarshal(data, &set); err != nil {
		return nil, fmt.Errorf("not a set of keys (JWKS): %w", err)
	}
	if len(set.Keys) > maxKeys {
		return nil, fmt.Errorf("a set of %d keys, at most %d are taken", len(set.Keys), maxKeys)
	}
	var keys []publicKey
	for i := range set.Keys {
		k := &set.Keys[i]
		if k.Use != "" && k.Use != "sig" {
			continue
		}
		public, err := k.public()
		if err != nil {
			return nil, fmt.Errorf("key %q of the set: %w", k.ID, err)
		}
		if public != nil {
			keys = append(keys, publicKey{k.ID, public})
		}
	}
	if len(keys) == 0 {
		return nil, errors.New("a set without keys for signatures")
	}
	return keys, nil
}

// public is the key, nil for a kind that is not known.
func (k *webKey) public() (crypto.PublicKey, error) {
	switch k.Kind {
	case "RSA":
		n, err := number(k.N)
		if err != nil {
			return nil, err
		}
		e, err := number(k.E)
		if err != nil {
			return nil, err
		}
		if n.BitLen() < 2048 || n.BitLen() > 16384 || !e.IsInt64() || e.Int64() < 3 || e.Int64() > 1<<31-1 {
			return nil, fmt.Errorf("an RSA key of %d bits, 2048 to 16384 are allowed", n.BitLen())
		}
		return &rsa.PublicKey{N: n, E: int(e.Int64())}, nil
	case "EC":
		return k.elliptic()
	case "OKP":
		if k.Curve != "Ed25519" {
			return nil, nil
		}
		x, err := base64.RawURLEncoding.DecodeString(k.X)
		if err != nil || len(x) != ed25519.PublicKeySize {
			return nil, errors.New("not a key of Ed25519")
		}
		return ed25519.PublicKey(x), nil
	}
	return nil, nil
}

func (k *webKey) elliptic() (crypto.PublicKey, error) {
	curve := map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}[k.Curve]
	if curve == nil {
		return nil, nil
	}
	size := (curve.Params().BitSize + 7) / 8
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || len(x) > size || len(y) > size {
		return nil, fmt.Errorf("not a key of %s", k.Curve)
	}
	point := make([]byte, 1+2*size)
	point[0] = 4 // not compressed
	copy(point[1+size-len(x):], x)
	copy(point[1+2*size-len(y):], y)
	key, err := ecdsa.ParseUncompressedPublicKey(curve, point) // checks that it is on the curve
	if err != nil {
		return nil, fmt.Errorf("not a key of %s: %w", k.Curve, err)
	}
	return key, nil
}

func number(text string) (*big.Int, error) {
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil || len(b) == 0 {
		return nil, errors.New("a number that is not base64url")
	}
	return new(big.Int).SetBytes(b), nil
}
