package main

import (
	"fmt"
	"os/exec"
	"strings"
	"time"
)

// byHand is what operators and scanners use: curl and openssl at listeners that they do not fit.
func (r *run) byHand() error {
	const (
		http   = "the first bytes are an HTTP request, but this is a Kafka listener"
		plain  = "the first bytes are a TLS handshake, but this listener is plain: set security.protocol="
		words  = "This port speaks the Kafka protocol, not HTTP"
		secret = "with TLS"
	)
	for _, c := range []struct{ with, listener, log, answer string }{
		{"http", "PLAINTEXT", http + ": HTTP is on the address of leat.http.listener", words},
		{"http", "LOGIN", http, words},
		{"http", "CONTROLLER", http, words},
		{"http", "TLS", http + " " + secret + ` \(SSL\)`, words},
		{"http", "BOTH", http + " " + secret + ` \(SASL_SSL\)`, words},
		{"https", "TLS", http, words},
		{"https", "BOTH", http, words},
		{"https", "PLAINTEXT", plain + "PLAINTEXT", ""},
		{"https", "LOGIN", plain + "SASL_PLAINTEXT", ""},
		{"openssl", "PLAINTEXT", plain + "PLAINTEXT", ""},
		{"openssl", "LOGIN", plain + "SASL_PLAINTEXT", ""},
		{"openssl", "CONTROLLER", plain + "PLAINTEXT", ""},
		{"openssl", "MUTUAL", "shows no certificate, but listener MUTUAL requires one", ""},
	} {
		k := kase{listener: c.listener}
		address := r.complete(&k).Bootstrap
		behind, began := r.logSize(), time.Now()
		argv := []string{"curl", "-sS", "-k", "--max-time", "20", c.with + "://" + address + "/metrics"}
		if c.with == "openssl" {
			argv = []string{"timeout", "20", "openssl", "s_client", "-connect", address}
		}
		cmd := exec.Command(argv[0], argv[1:]...)
		if c.with == "openssl" {
			cmd.Stdin = strings.NewReader("hello\n")
		}
		out, _ := cmd.CombinedOutput() // it fails, of course
		name := fmt.Sprintf("  %s at %s", c.with, c.listener)
		err := r.logged(behind, "listener="+c.listener+".*"+c.log, 1)
		if err == nil && !strings.Contains(string(out), c.answer) {
			err = fmt.Errorf("it is answered %q, want %q", short(string(out)), c.answer)
		}
		r.check(name, err)
		if r.verbose {
			fmt.Printf("          %s: %.1f s, %s\n", name, time.Since(began).Seconds(), short(string(out)))
		}
	}
	return nil
}
