package main

import (
	"maps"
)

// cases are all ways to come, in and out.
func (r *run) cases() []kase {
	var all []kase
	all = append(all, r.tlsCases()...)
	all = append(all, r.passwordCases()...)
	all = append(all, r.tokenCases()...)
	return append(all, r.mismatches()...)
}

const refusesUs = `the client refuses this listener|the client went away during the TLS handshake`

// tlsCases are about certificates.
func (r *run) tlsCases() []kase {
	show := func(file string) login { return login{Certificate: r.files.path(file)} }
	return []kase{
		{name: "TLS", listener: "TLS", want: in, short: true},
		{name: "TLS, another authority", listener: "TLS", as: login{CA: r.files.stranger.file}, want: tlsFailed, log: `listener=TLS.*(` + refusesUs + ")", short: true},
		{name: "TLS, expired certificate", listener: "EXPIRED", want: tlsFailed, log: `listener=EXPIRED.*(` + refusesUs + ")", short: true},
		{name: "TLS, certificate of another host", listener: "ELSEWHERE", want: tlsFailed, log: `listener=ELSEWHERE.*(` + refusesUs + ")"},
		{name: "mutual TLS", listener: "MUTUAL", as: show("alice.pem"), want: in, short: true},
		{name: "mutual TLS, somebody else", listener: "MUTUAL", as: show("bob.pem"), want: denied},
		{name: "mutual TLS, no certificate", listener: "MUTUAL", want: tlsFailed, log: `shows no certificate, but listener MUTUAL requires one`, short: true},
		{name: "mutual TLS, another authority's certificate", listener: "MUTUAL", as: show("mallory.pem"), want: tlsFailed,
			log: `listener=MUTUAL.*(unknown authority|shows no certificate)`},
		{name: "mutual TLS, expired certificate", listener: "MUTUAL", as: show("late.pem"), want: tlsFailed, log: `listener=MUTUAL.*expired`},
	}
}

// passwordCases are about names and passwords.
func (r *run) passwordCases() []kase {
	var all []kase
	// kcat's librdkafka 2.0 repeats its nonce, which neither Kafka 4 nor leat take.
	old := func(more map[string]string) map[string]string {
		of := map[string]string{"kcat": authentication}
		maps.Copy(of, more)
		return of
	}
	for _, m := range []string{"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"} {
		of, oldNonce := map[string]string{}, ""
		unknown, wrong := `user "nobody" is not known`, `user "alice" has another password`
		if m != "PLAIN" {
			of, oldNonce = old(nil), `the client sends its own nonce twice`
			unknown, wrong = `user "nobody" has no credential for `+m, `SASL `+m+` failed: user "alice": `
		}
		all = append(all,
			kase{name: m, listener: "LOGIN", as: login{Mechanism: m, User: "alice", Password: alicePass}, want: in, of: of, log: oldNonce, short: m != "SCRAM-SHA-256"},
			kase{name: m + " over TLS", listener: "BOTH", as: login{Mechanism: m, User: "alice", Password: alicePass}, want: in, of: of, log: oldNonce, short: m == "SCRAM-SHA-256"},
			kase{name: m + " over TLS, somebody else", listener: "BOTH", as: login{Mechanism: m, User: "bob", Password: bobPass}, want: denied, of: of, log: oldNonce},
			kase{name: m + " over TLS, wrong password", listener: "BOTH", as: login{Mechanism: m, User: "alice", Password: "guess"}, want: authentication,
				log: `listener=BOTH.*` + wrong + `|sends its own nonce twice`, short: m != "SCRAM-SHA-256"},
			kase{name: m + ", wrong password", listener: "LOGIN", as: login{Mechanism: m, User: "alice", Password: "guess"}, want: authentication,
				log: `listener=LOGIN.*` + wrong + `|sends its own nonce twice`},
			kase{name: m + ", nobody", listener: "LOGIN", as: login{Mechanism: m, User: "nobody", Password: alicePass}, want: authentication, log: unknown, short: m == "PLAIN"},
		)
	}
	return append(all,
		kase{name: "wrong mechanism", listener: "PLAINONLY", as: login{Mechanism: "SCRAM-SHA-512", User: "alice", Password: alicePass}, want: mechanism,
			log: `wants the SASL mechanism "SCRAM-SHA-512", but this listener has \[PLAIN\]: set sasl.mechanism in the client, or sasl.enabled.mechanisms`, short: true},
		kase{name: "SASL over TLS, another authority", listener: "BOTH", as: login{Mechanism: "PLAIN", User: "alice", Password: alicePass, CA: r.files.stranger.file},
			want: tlsFailed, log: `listener=BOTH.*(` + refusesUs + ")"},
	)
}

// tokenCases are about tokens of the issuer. Java and confluent-kafka fetch theirs; kcat and kafka-go have no way to.
func (r *run) tokenCases() []kase {
	able := map[string]string{"kcat": "-", "kafka-go": "-"}
	// franz-go and kafkajs do not understand that a token is refused: one says so and leaves, the other goes on as if it had got in.
	refused := func(more map[string]string) map[string]string {
		of := map[string]string{"franz-go": noConnection, "kafkajs": noConnection}
		maps.Copy(of, able)
		maps.Copy(of, more)
		return of
	}
	app := func(id string) login { return login{Mechanism: "OAUTHBEARER", App: id} }
	return []kase{
		{name: "OAUTHBEARER", listener: "LOGIN", as: app("alice-app"), want: in, of: able, short: true},
		{name: "OAUTHBEARER over TLS", listener: "BOTH", as: app("alice-app"), want: in, of: able},
		{name: "OAUTHBEARER, somebody else", listener: "BOTH", as: app("bob-app"), want: denied, of: able},
		{name: "OAUTHBEARER, expired", listener: "BOTH", as: app("expired"), want: authentication, of: refused(map[string]string{"confluent": ownCheck}), log: `listener=BOTH.*SASL OAUTHBEARER failed: .*token is expired`, short: true},
		{name: "OAUTHBEARER, wrong audience", listener: "BOTH", as: app("wrong-audience"), want: authentication, of: refused(nil), log: `listener=BOTH.*SASL OAUTHBEARER failed: .*aud`},
		{name: "OAUTHBEARER, wrong issuer", listener: "BOTH", as: app("wrong-issuer"), want: authentication, of: refused(nil), log: `listener=BOTH.*SASL OAUTHBEARER failed: .*issuer`},
		{name: "OAUTHBEARER, alg none", listener: "BOTH", as: app("unsigned"), want: authentication, of: refused(map[string]string{"java": ownCheck}), log: `listener=BOTH.*SASL OAUTHBEARER failed: .*signing method none is invalid`, short: true},
		{name: "OAUTHBEARER, unknown kid", listener: "BOTH", as: app("unknown-kid"), want: authentication, of: refused(nil), log: `listener=BOTH.*SASL OAUTHBEARER failed: .*signed by the key "nobody"`},
		{name: "OAUTHBEARER, forged", listener: "BOTH", as: app("forged"), want: authentication, of: refused(nil), log: `listener=BOTH.*SASL OAUTHBEARER failed: .*signature is invalid`},
		{name: "OAUTHBEARER, unsigned where that is allowed", listener: "TRIAL", as: login{Mechanism: "OAUTHBEARER", User: "alice"}, want: in,
			of: map[string]string{"kafka-go": "-", "franz-go": "-", "kafkajs": "-"}},
	}
}

// mismatches are clients that are set to another protocol than the listener has.
func (r *run) mismatches() []kase {
	sasl := login{Mechanism: "PLAIN", User: "alice", Password: alicePass}
	as := func(protocol string) login {
		l := login{Protocol: protocol}
		if protocol == "SASL_PLAINTEXT" || protocol == "SASL_SSL" {
			l = sasl
			l.Protocol = protocol
		}
		return l
	}
	const (
		isTLS   = `the first bytes are a TLS handshake, but this listener is plain: set security.protocol=`
		isClear = `the first bytes are a Kafka request in the clear, but this listener speaks TLS: set security.protocol=`
		noLogin = `has not authenticated, but this listener is `
	)
	all := []kase{
		{listener: "PLAINTEXT", as: as("SSL"), log: isTLS + "PLAINTEXT"},
		{listener: "PLAINTEXT", as: as("SASL_SSL"), log: isTLS + "PLAINTEXT"},
		{listener: "TLS", as: as("PLAINTEXT"), log: isClear + "SSL"},
		{listener: "TLS", as: as("SASL_PLAINTEXT"), log: isClear + "SSL"},
		{listener: "LOGIN", as: as("PLAINTEXT"), log: noLogin + "SASL_PLAINTEXT"},
		{listener: "LOGIN", as: as("SSL"), log: isTLS + "SASL_PLAINTEXT"},
		{listener: "LOGIN", as: as("SASL_SSL"), log: isTLS + "SASL_PLAINTEXT"},
		{listener: "BOTH", as: as("PLAINTEXT"), log: isClear + "SASL_SSL"},
		{listener: "BOTH", as: as("SASL_PLAINTEXT"), log: isClear + "SASL_SSL"},
		{listener: "BOTH", as: as("SSL"), log: noLogin + "SASL_SSL"},
		{listener: "CONTROLLER", as: as("SSL"), log: isTLS + "PLAINTEXT"},
	}
	for i := range all {
		c := &all[i]
		c.name = "mismatch: " + c.as.Protocol + " client at " + c.listener
		c.want, c.clear, c.short = outOf, true, i%4 == 0
		c.as.Timeout = int(haste.Milliseconds())
	}
	return all
}
