package main

import "github.com/twmb/franz-go/pkg/kmsg"

// tokenRequests are one of each about delegation tokens.
func tokenRequests(s *side, step string) {
	for _, ask := range []struct {
		key kmsg.Key
		new func() kmsg.Request
	}{
		{kmsg.CreateDelegationToken, func() kmsg.Request { return kmsg.NewPtrCreateDelegationTokenRequest() }},
		{kmsg.RenewDelegationToken, func() kmsg.Request { return &kmsg.RenewDelegationTokenRequest{HMAC: []byte("x")} }},
		{kmsg.ExpireDelegationToken, func() kmsg.Request { return &kmsg.ExpireDelegationTokenRequest{HMAC: []byte("x")} }},
		{kmsg.DescribeDelegationToken, func() kmsg.Request { return kmsg.NewPtrDescribeDelegationTokenRequest() }},
	} {
		s.versions(ask.key, func(v int16) { s.do(step, v, ask.new()) })
	}
}

// tokensOverPlaintext asks where nobody is known.
func tokensOverPlaintext(s *side) { tokenRequests(s, "over plaintext") }

// tokensWithoutSecret asks brokers that have no secret to make tokens with.
func tokensWithoutSecret(s *side) {
	g := newGuarded(s)
	defer g.hangUp()
	tokenRequests(g.alice, "without a secret")
	s.entries = append(s.entries, g.alice.entries...)
}
