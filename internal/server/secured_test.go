package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// certificate makes a certificate that signs itself, good for some addresses and for all times of a test, and returns it with its key as PEM.
func certificate(t *testing.T, name string, ips ...net.IP) (key, certificate string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, IPAddresses: ips, BasicConstraintsValid: true, IsCA: true,
		NotBefore: time.Date(1999, 1, 1, 0, 0, 0, 0, time.UTC), NotAfter: time.Date(2999, 1, 1, 0, 0, 0, 0, time.UTC), // bubbles begin in 2000
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8})), string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
}

const plainLogin = `org.apache.kafka.common.security.plain.PlainLoginModule required username="node" password="node-secret" user_node="node-secret" user_alice="alice-secret";`

// secure are the settings of a node with a listener of each protocol, all on free ports.
func secure(t *testing.T) (set map[string]string, file string) {
	key, cert := certificate(t, "localhost", net.IPv4(127, 0, 0, 1))
	file = filepath.Join(t.TempDir(), "node.pem")
	if err := os.WriteFile(file, []byte(key+cert), 0o600); err != nil {
		t.Fatal(err)
	}
	return map[string]string{
		"listeners":                      "PLAINTEXT://127.0.0.1:0,SSL://127.0.0.1:0,SASL_PLAINTEXT://127.0.0.1:0,SASL_SSL://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,SSL:SSL,SASL_PLAINTEXT:SASL_PLAINTEXT,SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": file, "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512,OAUTHBEARER",
		"listener.name.sasl_plaintext.plain.sasl.jaas.config": plainLogin, "listener.name.sasl_ssl.plain.sasl.jaas.config": plainLogin,
		"sasl.server.callback.handler.class":        "org.apache.kafka.common.security.oauthbearer.internals.unsecured.OAuthBearerUnsecuredValidatorCallbackHandler",
		"leat.ssl.reload.interval.ms":               "10",
		"connection.failed.authentication.delay.ms": "1",
	}, file
}

func securedClient(t *testing.T, address string, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(address), kgo.RetryTimeout(5 * time.Second)}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return cl
}

// ask asks for something that only clients that got in are told.
func ask(t *testing.T, address string, opts ...kgo.Opt) error {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err := kadm.NewClient(securedClient(t, address, opts...)).ListTopics(ctx)
	return err
}

// withTLS trusts any certificate: which one it is, other tests look at.
func withTLS() kgo.Opt { return kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true}) }

func unsigned(claims string) string {
	encode := func(s string) string {
		return strings.TrimRight(strings.NewReplacer("+", "-", "/", "_").Replace(base64.StdEncoding.EncodeToString([]byte(s))), "=")
	}
	return encode(`{"alg":"none"}`) + "." + encode(claims) + "."
}

func TestClientsGetInByEachMechanismAndNotWithout(t *testing.T) {
	set, _ := secure(t)
	n := start(t, t.TempDir(), set)
	addresses := strings.Split(n.Bootstrap, ",")
	clear, ssl, saslClear, saslSSL := addresses[0], addresses[1], addresses[2], addresses[3]
	if err := ask(t, ssl, withTLS()); err != nil {
		t.Errorf("TLS: %v", err)
	}
	admin := kadm.NewClient(securedClient(t, clear))
	if r, err := admin.AlterUserSCRAMs(t.Context(), nil, []kadm.UpsertSCRAM{{User: "alice", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "alice-secret"},
		{User: "bob", Mechanism: kadm.ScramSha512, Iterations: 8192, Password: "bob-secret"}}); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	described, err := admin.DescribeUserSCRAMs(t.Context())
	if err != nil || len(described) != 2 || described["bob"].CredInfos[0].Iterations != 8192 {
		t.Errorf("described: %+v, %v", described, err)
	}
	token := func(claims string) sasl.Mechanism { return oauth.Auth{Token: unsigned(claims)}.AsMechanism() }
	for name, c := range map[string]struct {
		mechanism sasl.Mechanism
		ok        bool
	}{
		"plain":                   {plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism(), true},
		"plain, wrong password":   {plain.Auth{User: "alice", Pass: "x"}.AsMechanism(), false},
		"plain, nobody":           {plain.Auth{User: "carol", Pass: "alice-secret"}.AsMechanism(), false},
		"scram 256":               {scram.Auth{User: "alice", Pass: "alice-secret"}.AsSha256Mechanism(), true},
		"scram 256, wrong":        {scram.Auth{User: "alice", Pass: "x"}.AsSha256Mechanism(), false},
		"scram 512":               {scram.Auth{User: "bob", Pass: "bob-secret"}.AsSha512Mechanism(), true},
		"scram 512 of 256's user": {scram.Auth{User: "alice", Pass: "alice-secret"}.AsSha512Mechanism(), false},
		"token":                   {token(`{"sub":"alice","exp":99999999999}`), true},
		"token, expired":          {token(`{"sub":"alice","exp":1}`), false},
	} {
		for _, address := range []string{saslClear, saslSSL} {
			opts := []kgo.Opt{kgo.SASL(c.mechanism)}
			if address == saslSSL {
				opts = append(opts, withTLS())
			}
			err := ask(t, address, opts...)
			if c.ok && err != nil || !c.ok && !errors.Is(err, kerr.SaslAuthenticationFailed) && (err == nil || !strings.Contains(err.Error(), "oauth")) {
				t.Errorf("%s at %s: %v, want to get in: %v", name, address, err, c.ok)
			}
		}
	}
	if err := ask(t, saslClear); err == nil {
		t.Error("without SASL somebody got in where it is asked for")
	}
	if err := ask(t, clear, kgo.SASL(plain.Auth{User: "alice", Pass: "alice-secret"}.AsMechanism())); !errors.Is(err, kerr.IllegalSaslState) {
		t.Errorf("SASL where nobody asks: %v", err)
	}
}

func TestANewCertificateIsServedWithoutARestart(t *testing.T) {
	set, file := secure(t)
	n := start(t, t.TempDir(), set)
	ssl := strings.Split(n.Bootstrap, ",")[1]
	shown := func() string {
		c, err := tls.Dial("tcp", ssl, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		return c.ConnectionState().PeerCertificates[0].Subject.CommonName
	}
	if got := shown(); got != "localhost" {
		t.Fatalf("the certificate is of %s", got)
	}
	key, cert := certificate(t, "renewed", net.IPv4(127, 0, 0, 1))
	if err := os.WriteFile(file, []byte(key+cert), 0o600); err != nil {
		t.Fatal(err)
	}
	for until := time.Now().Add(30 * time.Second); shown() != "renewed"; {
		if time.Now().After(until) {
			t.Fatal("the new certificate is not served")
		}
	}
}

func TestClusterOfThreeSpeaksInSecret(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		var ips []net.IP
		for _, h := range c.hosts {
			ips = append(ips, h.IP())
		}
		key, cert := certificate(t, "nodes", ips...)
		c.how = func(i int) map[string]string {
			all := c.settings(i)
			host := c.hosts[i].IP().String()
			for k, v := range map[string]string{
				"listeners":                      "PLAINTEXT://" + host + ":9092,CONTROLLER://" + host + ":9093,INTERNAL://" + host + ":9094",
				"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:SASL_SSL,INTERNAL:SASL_SSL", "inter.broker.listener.name": "INTERNAL",
				"ssl.keystore.type": "PEM", "ssl.keystore.key": key, "ssl.keystore.certificate.chain": cert, "ssl.truststore.type": "PEM", "ssl.truststore.certificates": cert,
				"ssl.client.auth": "required", "sasl.enabled.mechanisms": "PLAIN", "sasl.mechanism.inter.broker.protocol": "PLAIN", "sasl.mechanism.controller.protocol": "PLAIN",
				"listener.name.internal.plain.sasl.jaas.config": plainLogin, "listener.name.controller.plain.sasl.jaas.config": plainLogin,
				"listener.name.internal.plain.connections.max.reauth.ms": "2000",
			} {
				all[k] = v
			}
			return all
		}
		c.start(0, 1, 2)
		c.create("orders", 3, 3)
		c.write("orders", 0, 20)
		time.Sleep(10 * time.Second) // of virtual time: sessions among brokers end five times
		c.write("orders", 20, 20)
		c.inSync("orders", 3)
		lost := c.active()
		c.crash(lost)
		c.write("orders", 40, 20)
		c.start(lost)
		c.inSync("orders", 3)
		c.read("orders", 60)
		c.stop()
	})
}

// TestTLSSettingsAreTriedBeforeTheyAreKept alters the key store of a listener: what cannot be read, and what is another's, is refused.
func TestTLSSettingsAreTriedBeforeTheyAreKept(t *testing.T) {
	set, first := secure(t)
	n := start(t, t.TempDir(), set)
	addresses := strings.Split(n.Bootstrap, ",")
	admin := kadm.NewClient(securedClient(t, addresses[0]))
	dir := t.TempDir()
	write := func(name, holder string, ips ...net.IP) string {
		key, cert := certificate(t, holder, ips...)
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte(key+cert), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	loopback := net.IPv4(127, 0, 0, 1)
	renewed, other, fewer := write("renewed.pem", "localhost", loopback), write("other.pem", "other", loopback), write("fewer.pem", "localhost")
	alter := func(values ...string) error {
		var all []kadm.AlterConfig
		for i := 0; i < len(values); i += 2 {
			all = append(all, kadm.AlterConfig{Op: kadm.SetConfig, Name: values[i], Value: &values[i+1]})
		}
		r, err := admin.AlterBrokerConfigs(t.Context(), all, 1)
		if err != nil {
			return err
		}
		if r[0].Err != nil {
			return errors.New(r[0].ErrMessage)
		}
		return nil
	}
	const location = "listener.name.ssl.ssl.keystore.location"
	for file, why := range map[string]string{filepath.Join(dir, "none.pem"): "no such file", other: "ssl.allow.dn.changes=true", fewer: "ssl.allow.san.changes=true"} {
		if err := alter(location, file); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("%s: %v, want %q", file, err, why)
		}
	}
	if err := alter(location, renewed); err != nil {
		t.Error(err)
	}
	if err := ask(t, addresses[1], withTLS()); err != nil {
		t.Error(err)
	}
	if err := os.WriteFile(first, []byte("broken"), 0o600); err != nil { // that of SASL_SSL
		t.Fatal(err)
	}
	if err := alter(location, write("again.pem", "localhost", loopback)); err != nil {
		t.Errorf("a listener gets no new file while that of another is broken: %v", err)
	}
}

// oauthToken is a token that nobody has signed.
func oauthToken(claims string) sasl.Mechanism {
	return oauth.Auth{Token: unsigned(claims)}.AsMechanism()
}
