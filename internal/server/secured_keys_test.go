package server

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"
)

// TestWhoLogsInNeedsNoCertificateUnlessItsListenerSaysSo: ssl.client.auth without a listener's name is not for listeners with SASL (KIP-684).
func TestWhoLogsInNeedsNoCertificateUnlessItsListenerSaysSo(t *testing.T) {
	alice := []kgo.Opt{withTLS(), kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism())}
	for own, in := range map[string]bool{"": true, "none": true, "requested": true, "required": false} {
		set, _ := secure(t)
		set["ssl.client.auth"] = "required"
		if own != "" {
			set["listener.name.sasl_ssl.ssl.client.auth"] = own
		}
		n := start(t, t.TempDir(), set)
		addresses := strings.Split(n.Bootstrap, ",")
		if err := ask(t, addresses[3], alice...); (err == nil) != in {
			t.Errorf("listener.name.sasl_ssl.ssl.client.auth=%s: %v, want to get in: %v", own, err, in)
		}
		if err := ask(t, addresses[1], withTLS()); err == nil {
			t.Error("without a certificate somebody got in where one is required")
		}
	}
}

// TestClassesThatWouldCheckPasswordsAreNotPassedOver: who gets in must not be others than with Kafka.
func TestClassesThatWouldCheckPasswordsAreNotPassedOver(t *testing.T) {
	for key, class := range map[string]string{
		"listener.name.sasl_ssl.plain.sasl.server.callback.handler.class": "com.example.Directory",
		"listener.name.sasl_ssl.plain.sasl.jaas.config":                   `com.example.DirectoryLoginModule required url="ldap://x";`,
	} {
		set, _ := secure(t)
		set[key] = class
		wantStartError(t, t.TempDir(), set, key, "classes of Java cannot be loaded")
	}
	set, _ := secure(t)
	set["listener.name.sasl_ssl.plain.sasl.server.callback.handler.class"] = "org.apache.kafka.common.security.plain.internals.PlainServerCallbackHandler"
	start(t, t.TempDir(), set)
}
