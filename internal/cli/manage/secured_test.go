package manage

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"leat/internal/cli/reach"
)

// certificate writes a key with its certificate for 127.0.0.1, and what clients trust.
func certificate(t *testing.T) (key, trusted string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "leat"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	der, err := x509.CreateCertificate(rand.Reader, c, c, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	pkcs8, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	key, trusted = filepath.Join(dir, "server.pem"), filepath.Join(dir, "ca.pem")
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(key, append(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}), chain...), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(trusted, chain, 0o600); err != nil {
		t.Fatal(err)
	}
	return key, trusted
}

// startSecured runs a node that wants TLS and a login, and makes the profile "admin" for its super user.
func startSecured(t *testing.T) string {
	t.Helper()
	key, trusted := certificate(t)
	const plain = "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"admin\" password=\"letmein\" user_admin=\"letmein\";"
	const scram = "org.apache.kafka.common.security.scram.ScramLoginModule required;"
	at := startNode(t, "listeners=SASL_SSL://127.0.0.1:0,CONTROLLER://127.0.0.1:0", "inter.broker.listener.name=SASL_SSL", "sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
		"sasl.mechanism.inter.broker.protocol=PLAIN", "listener.security.protocol.map=SASL_SSL:SASL_SSL,CONTROLLER:PLAINTEXT",
		"listener.name.sasl_ssl.plain.sasl.jaas.config="+plain, "listener.name.sasl_ssl.scram-sha-256.sasl.jaas.config="+scram, "listener.name.sasl_ssl.scram-sha-512.sasl.jaas.config="+scram,
		"ssl.keystore.type=PEM", "ssl.keystore.location="+key, "ssl.truststore.type=PEM", "ssl.truststore.location="+trusted,
		"authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users=User:admin;User:ANONYMOUS", "delegation.token.secret.key=0123456789abcdef")
	t.Setenv(reach.EnvProfiles, filepath.Join(t.TempDir(), "profiles.yaml"))
	t.Setenv("ADMIN_PASSWORD", "letmein")
	profile := func(name string, more ...string) {
		t.Helper()
		args := append([]string{"profile", "set", name, "bootstrap.servers=" + at, "security.protocol=SASL_SSL", "ssl.truststore.location=" + trusted}, more...)
		if status, out, problems := leat(args...); status != 0 {
			t.Fatalf("status %d: %s %s", status, out, problems)
		}
	}
	profile("admin", "sasl.mechanism=PLAIN", "sasl.username=admin", "sasl.password=${env:ADMIN_PASSWORD}")
	profile("alice", "sasl.mechanism=SCRAM-SHA-512", "sasl.username=alice", "sasl.password=${env:ALICE_PASSWORD}")
	return at
}

// as runs a command with a profile; it must end with a status and say something.
func as(t *testing.T, who string, want int, says string, args ...string) string {
	t.Helper()
	return asReading(t, "", who, want, says, args...)
}

func asReading(t *testing.T, in, who string, want int, says string, args ...string) string {
	t.Helper()
	status, out, problems := leatReading(in, append(args, "--profile", who)...)
	if status != want || !strings.Contains(out+problems, says) {
		t.Errorf("%s: status %d, want %d with %q: %s %s", strings.Join(args, " "), status, want, says, out, problems)
	}
	return out
}

func TestASecuredClusterIsManagedByProfiles(t *testing.T) {
	startSecured(t)
	t.Setenv("ALICE_PASSWORD", "wonderland")
	as(t, "admin", 0, "", "topic", "create", "orders", "-p", "2")
	as(t, "alice", 1, "no broker answers", "topic", "list")

	asReading(t, "wonderland\n", "admin", 0, "create", "user", "create", "alice", "-o", "json")
	asReading(t, "wonderland\n", "admin", 0, "set password", "user", "create", "alice", "--mechanism", "SCRAM-SHA-256")
	as(t, "admin", 0, "alice  SCRAM-SHA-256 (4096 iterations), SCRAM-SHA-512 (4096 iterations)", "user", "list")
	as(t, "admin", 0, "delete password", "user", "delete", "alice", "--mechanism", "SCRAM-SHA-256", "--yes")
	as(t, "admin", 1, "user bob: it has no SCRAM password", "user", "delete", "bob", "--yes")
	if out := as(t, "alice", 0, "", "topic", "list", "-o", "json"); out != "[]\n" {
		t.Errorf("alice sees %s", out)
	}
	as(t, "admin", 1, "no ACL allows it: leat acl add --allow User:alice --operation read adds one", "acl", "check", "User:alice", "read", "topic:orders")
	as(t, "admin", 0, "User:alice  add     allow read on topic:ord... from *", "acl", "add", "--allow", "User:alice", "--operation", "read", "--topic", "ord", "--prefixed")
	as(t, "admin", 0, "nothing to change", "acl", "add", "--allow", "User:alice", "--operation", "read", "--topic", "ord", "--prefixed")
	as(t, "admin", 0, "an ACL allows it", "acl", "check", "User:alice", "describe", "topic:orders")
	as(t, "admin", 0, "it is a super user", "acl", "check", "User:admin", "alter", "cluster")
	if out := as(t, "alice", 0, "", "topic", "list", "-o", "template={{.name}}"); out != "orders\n" {
		t.Errorf("alice sees %s", out)
	}
	as(t, "admin", 0, "", "acl", "add", "--deny", "User:alice", "--operation", "read", "--topic", "orders", "--host", "127.0.0.1")
	as(t, "admin", 1, "an ACL denies it", "acl", "check", "User:alice", "read", "topic:orders")
	as(t, "admin", 0, "User:alice  deny        read       topic:orders  127.0.0.1", "acl", "list", "--principal", "User:alice")
	as(t, "admin", 0, "User:alice  remove", "acl", "remove", "--deny", "User:alice", "--yes")
	if out := as(t, "admin", 0, "", "acl", "list", "-o", "template={{.permission}} {{.operation}} {{.resource_type}} {{.pattern_type}} {{.resource_name}}"); out != "allow read topic prefixed ord\n" {
		t.Errorf("%q", out)
	}
	as(t, "alice", 1, "orders", "topic", "delete", "orders", "--yes")
	as(t, "admin", 0, "", "config", "set", "broker", "default", "leat.role.bindings=User:alice=ops")
	as(t, "admin", 0, "", "acl", "add", "--allow", "Role:ops", "--operation", "all", "--topic", "*")
	as(t, "admin", 0, "Role:ops", "acl", "check", "User:alice", "delete", "topic:orders")

	var made token
	if err := json.Unmarshal([]byte(as(t, "alice", 0, "", "token", "create", "--max-life", "24h", "--renewer", "User:admin", "-o", "json")), &made); err != nil || made.Owner != "User:alice" || made.Secret == "" {
		t.Fatalf("%v %+v", err, made)
	}
	as(t, "alice", 0, made.ID, "token", "list")
	as(t, "alice", 0, "renew", "token", "renew", made.ID, "--by", "1h")
	as(t, "alice", 1, "token none: there is none that you may see", "token", "renew", "none")
	as(t, "alice", 2, "nobody is there", "token", "expire", made.ID)
	as(t, "alice", 0, "expire", "token", "expire", made.ID, "--yes")
	if out := as(t, "alice", 0, "", "token", "list", "-o", "json"); out != "[]\n" {
		t.Errorf("%s", out)
	}
	as(t, "admin", 0, "1 of 1 are up", "cluster", "health", "--max-disk", "100")
	as(t, "admin", 0, "controllers: 1 vote, 1 leads", "cluster", "describe")
}

func TestWhoMayNotAskIsTold(t *testing.T) {
	startSecured(t)
	t.Setenv("ALICE_PASSWORD", "wonderland")
	asReading(t, "wonderland\n", "admin", 0, "create", "user", "create", "alice")
	const advice = "leat acl check PRINCIPAL OPERATION TYPE:NAME tells what rules say, leat acl add gives a right"
	for _, args := range []string{"topic create a", "topic describe a", "topic delete a --yes", "config describe broker 1", "acl list", "user list", "group reset g --topic a --to-earliest"} {
		as(t, "alice", 1, advice, strings.Fields(args)...)
	}
	if status, _, problems := leat("topic", "describe", "a", "--profile", "alice"); status != 1 || strings.Contains(problems, "leat topic list") {
		t.Errorf("who may not see a topic is sent to the list: status %d, %s", status, problems)
	}
	out := as(t, "alice", 1, "CLUSTER_AUTHORIZATION_FAILED", "cluster", "health")
	for _, line := range []string{"controllers      bad    they cannot be asked                " + mayNot, "disks            bad"} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
	if out := as(t, "alice", 0, "1 ", "cluster", "describe"); strings.Contains(out, "controllers") {
		t.Errorf("alice may not know of controllers:\n%s", out)
	}
}

func TestQuotasAreSetAndUnset(t *testing.T) {
	at := startNode(t)
	if out := does(t, at, "quota", "set", "--user", "alice", "--client-id", "<default>", "producer_byte_rate=1048576", "request_percentage=12.5", "--plan"); !strings.Contains(out, "user alice, client-id <default>  set     producer_byte_rate  -       1048576") {
		t.Error(out)
	}
	does(t, at, "quota", "set", "--user", "alice", "--client-id", "<default>", "producer_byte_rate=1048576", "request_percentage=12.5")
	does(t, at, "quota", "set", "--ip", "10.0.0.1", "connection_creation_rate=5")
	fails(t, at, 1, "", "quota", "set", "--user", "alice", "no_such_rate=5")
	if out := does(t, at, "quota", "list", "--user", "alice", "-o", "template={{.user}} {{.client_id}} {{.values.request_percentage}}"); out != "alice <default> 12.5\n" {
		t.Errorf("%q", out)
	}
	does(t, at, "quota", "unset", "--user", "alice", "--client-id", "<default>", "producer_byte_rate", "request_percentage")
	if out := does(t, at, "quota", "list"); out != "HOLDER       QUOTA                     VALUE\nip 10.0.0.1  connection_creation_rate  5\n" {
		t.Errorf("%q", out)
	}
	for _, args := range []string{"quota set producer_byte_rate=1", "quota set --user a", "quota set --user a producer_byte_rate=x", "quota set --user a --ip 1.2.3.4 x=1", "quota unset x"} {
		if status, _, problems := leat(strings.Fields(args)...); status != 2 || problems == "" {
			t.Errorf("%s: status %d: %s", args, status, problems)
		}
	}
}

func TestProfilesOnTheCommandLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "leat", "profiles.yaml")
	t.Setenv(reach.EnvProfiles, path)
	run := func(want int, says string, args ...string) {
		t.Helper()
		if status, out, problems := leat(append([]string{"profile"}, args...)...); status != want || !strings.Contains(out+problems, says) {
			t.Errorf("%s: status %d: %s %s", strings.Join(args, " "), status, out, problems)
		}
	}
	run(1, "no profile is in use", "show")
	run(2, "others see what is written on a command line", "set", "prod", "bootstrap.servers=p:1", "sasl.password=secret")
	run(2, "security.protocol=SSLX: it is one of", "set", "prod", "security.protocol=SSLX")
	run(0, "set     bootstrap.servers", "set", "prod", "bootstrap.servers=p:1", "--plan")
	run(1, "profile prod: there are none", "use", "prod")
	run(0, "set     bootstrap.servers", "set", "prod", "bootstrap.servers=p:1", "client.id=x", "sasl.password=${env:P}")
	run(0, "use", "use", "prod")
	run(0, "prod     yes     p:1", "list")
	run(0, "${env:P}", "show")
	run(0, "unset   client.id", "set", "prod", "client.id=")
	run(2, "give a profile, or --none", "use")
	run(2, "nobody is there", "delete", "prod")
	run(0, "delete", "delete", "prod", "--yes")
	run(0, "[]", "list", "-o", "json")
	run(1, "profile prod: there are none", "show", "prod")
	if err := os.WriteFile(path, []byte("profiles:\n  old:\n    sasl.password: secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(0, "sasl.password  (hidden)", "show", "old")
}

func TestConfigsAreShownAndChanged(t *testing.T) {
	at := startNode(t)
	does(t, at, "topic", "create", "orders")
	if out := does(t, at, "config", "describe", "topic", "orders", "retention.ms"); out != "CONFIG        VALUE      SET BY   AT RUN TIME\nretention.ms  604800000  default  changes\n" {
		t.Errorf("%q", out)
	}
	fails(t, at, 1, "topic orders: x: there is no such config", "config", "describe", "topic", "orders", "x")
	does(t, at, "config", "set", "topic", "orders", "cleanup.policy=compact", "segment.ms=3600000")
	if out := does(t, at, "config", "diff", "topic", "orders"); !strings.Contains(out, "cleanup.policy  compact  delete   topic") || !strings.Contains(out, "segment.ms") {
		t.Error(out)
	}
	does(t, at, "config", "unset", "topic", "orders", "cleanup.policy")
	does(t, at, "config", "set", "broker", "default", "log.cleaner.threads=2")
	does(t, at, "config", "set", "group", "billing", "consumer.session.timeout.ms=50000")
	does(t, at, "config", "set", "client-metrics", "all", "interval.ms=10000")
	does(t, at, "config", "set", "logger", "1", "root=DEBUG")
	if out := does(t, at, "config", "list"); !strings.Contains(out, "topic           orders") || !strings.Contains(out, "group           billing") || !strings.Contains(out, "client-metrics  all") {
		t.Error(out)
	}
	if out := does(t, at, "config", "diff", "broker", "1", "-o", "template={{.key}}"); !strings.Contains(out, "log.cleaner.threads\n") {
		t.Error(out)
	}
	fails(t, at, 1, "topic none: ", "config", "describe", "topic", "none")
	for _, args := range []string{"config describe x y", "config describe broker x", "config set topic orders x", "config set topic orders", "config unset topic", "config list x", "config diff topic"} {
		if status, _, problems := leat(strings.Fields(args)...); status != 2 || problems == "" {
			t.Errorf("%s: status %d: %s", args, status, problems)
		}
	}
}

func TestNamesAreCompleted(t *testing.T) {
	at := startNode(t)
	does(t, at, "topic", "create", "orders", "offers", "payments")
	for words, want := range map[string]string{
		"topic describe o":          "offers\norders\n",
		"topic delete orders o":     "offers\n",
		"config describe topic p":   "payments\n",
		"config describe ":          "topic\nbroker\n",
		"group reset g --topic pay": "payments\n",
		"user create ":              "",
	} {
		args := strings.Split(words, " ")
		at := slices.Concat([]string{"__complete"}, args[:2], []string{"-b", at}, args[2:])
		_, out, _ := leat(at...)
		if got, _, _ := strings.Cut(out, ":4\n"); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %q, want %q", words, got, want)
		}
	}
}
