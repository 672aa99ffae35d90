// Command kerberos lets real clients log in at leat with tickets of a real KDC, MIT's from Debian: Kafka's Java client, and kcat, which is librdkafka with
// MIT's library; with right keys, wrong keys, a wrong name of the service and keys that were renewed. What leat logs must name the cause.
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	keep := flag.Bool("keep", false, "keep the directory")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	if err := run(ctx, *binary, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "kerberos:", err)
		os.Exit(1)
	}
}

// suite is one run.
type suite struct {
	kdc     *kdc
	node    *target.Node
	address string // localhost:port
	failed  int
	passed  int
}

func run(ctx context.Context, binary string, keep bool) error {
	began := time.Now()
	dir, err := os.MkdirTemp("", "leat-kerberos-")
	if err != nil {
		return err
	}
	if keep {
		fmt.Println("kept:", dir)
	} else {
		defer os.RemoveAll(dir)
	}
	s := &suite{}
	if s.kdc, err = startKDC(ctx, filepath.Join(dir, "kdc")); err != nil {
		return err
	}
	defer s.kdc.stop()
	for principal, keytab := range map[string]string{"kafka/localhost": "kafka.keytab", "queue/localhost": "queue.keytab", "alice": "alice.keytab", "bob/admin": "bob.keytab"} {
		if err := s.kdc.principal(ctx, principal, keytab); err != nil {
			return err
		}
	}
	if s.node, err = target.New(target.Config{Kind: target.Leat, Dir: filepath.Join(dir, "leat"), Binary: binary, Listeners: map[string]string{"TICKETS": "SASL_PLAINTEXT"},
		Settings: s.settings()}); err != nil {
		return err
	}
	if _, err := s.node.Start(ctx); err != nil {
		return err
	}
	defer func() { _ = s.node.Stop() }()
	_, port, err := net.SplitHostPort(s.node.Address("TICKETS"))
	if err != nil {
		return err
	}
	s.address = "localhost:" + port
	s.stories(ctx)
	fmt.Printf("kerberos      %d of %d passed in %.0f s\n", s.passed, s.passed+s.failed, time.Since(began).Seconds())
	if s.failed > 0 || s.passed == 0 {
		return errors.New("not all passed")
	}
	return nil
}

func (s *suite) settings() map[string]string {
	return map[string]string{
		"listener.name.tickets.sasl.enabled.mechanisms": "GSSAPI",
		"listener.name.tickets.gssapi.sasl.jaas.config": `com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="` + s.kdc.path("kafka.keytab") +
			`" principal="kafka/localhost@` + realm + `";`,
		"sasl.kerberos.service.name":                "kafka",
		"sasl.kerberos.principal.to.local.rules":    "RULE:[2:$1-$2](bob-.*)s/-admin//,DEFAULT",
		"authorizer.class.name":                     "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
		"super.users":                               "User:ANONYMOUS;User:alice;User:bob",
		"connection.failed.authentication.delay.ms": "10",
	}
}

func (s *suite) stories(ctx context.Context) {
	s.client(ctx, "alice's keytab", "alice", "alice.keytab", "kafka", "")
	s.client(ctx, "a principal that a rule shortens", "bob/admin", "bob.keytab", "kafka", "")
	s.client(ctx, "a service of another name", "alice", "alice.keytab", "queue", "has a ticket for")
	if err := s.kdc.run(ctx, "kadmin.local", "-r", realm, "-q", "cpw -randkey kafka/localhost"); err != nil {
		s.told("the service's key changes", err)
		return
	}
	s.client(ctx, "a key that the keytab lacks", "alice", "alice.keytab", "kafka", "export the keytab again")
	if err := s.kdc.export(ctx, "kafka/localhost", "kafka.keytab"); err != nil {
		s.told("the keytab is exported again", err)
		return
	}
	s.client(ctx, "the keytab read again", "alice", "alice.keytab", "kafka", "")
}

// client tries each client; cause is what leat must log, or "" where it must let in.
func (s *suite) client(ctx context.Context, what, principal, keytab, service, cause string) {
	for name, try := range map[string]func(context.Context, string, string, string) error{"java": s.java, "kcat": s.kcat} {
		before := s.logged()
		err := try(ctx, principal, keytab, service)
		switch {
		case cause == "":
		case err == nil:
			err = errors.New("it got in")
		case !strings.Contains(s.logged()[len(before):], cause):
			err = fmt.Errorf("leat's log does not say %q: %s", cause, s.logged()[len(before):])
		default:
			err = nil
		}
		s.told(what+", "+name, err)
	}
}

func (s *suite) logged() string {
	data, _ := os.ReadFile(s.node.LogFile())
	return string(data)
}

func (s *suite) told(what string, err error) {
	if err != nil {
		s.failed++
		fmt.Printf("FAILED  %s: %v\n", what, err)
		return
	}
	s.passed++
	fmt.Println("passed ", what)
}

// java lists topics with Kafka's own tool, which logs in by Java's Kerberos.
func (s *suite) java(ctx context.Context, principal, keytab, service string) error {
	file := s.kdc.path("client.properties")
	text := "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\nsasl.kerberos.service.name=" + service + "\ndefault.api.timeout.ms=15000\nrequest.timeout.ms=10000\n" +
		`sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="` + s.kdc.path(keytab) + `" principal="` + principal + "@" + realm + `";` + "\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return err
	}
	cmd, err := target.Tool("kafka-topics", "--bootstrap-server", s.address, "--command-config", file, "--list")
	if err != nil {
		return err
	}
	cmd.Env = append(s.kdc.environment(), "JAVA_TOOL_OPTIONS=-Djava.security.krb5.conf="+s.kdc.path("krb5.conf"))
	return s.finish(ctx, cmd)
}

// kcat asks for metadata with librdkafka, which runs kinit and logs in by MIT's library.
func (s *suite) kcat(ctx context.Context, principal, keytab, service string) error {
	cache := "FILE:" + s.kdc.path("cache-"+strings.ReplaceAll(principal, "/", "-"))
	cmd := exec.CommandContext(ctx, "kcat", "-L", "-m", "10", "-b", s.address, "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=GSSAPI", "-X", "sasl.kerberos.service.name="+service,
		"-X", "sasl.kerberos.keytab="+s.kdc.path(keytab), "-X", "sasl.kerberos.principal="+principal+"@"+realm,
		"-X", "sasl.kerberos.kinit.cmd=kinit -c "+cache+" -k -t "+s.kdc.path(keytab)+" "+principal+"@"+realm)
	cmd.Env = append(s.kdc.environment(), "KRB5CCNAME="+cache)
	return s.finish(ctx, cmd)
}

func (s *suite) finish(ctx context.Context, cmd *exec.Cmd) error {
	timer := time.AfterFunc(60*time.Second, func() {
		if cmd.Process != nil {
			_ = cmd.Process.Kill()
		}
	})
	defer timer.Stop()
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w: %s", errors.Join(err, ctx.Err()), tail(out))
	}
	return nil
}

func tail(out []byte) []byte { return bytes.TrimSpace(out[max(0, len(out)-600):]) }
