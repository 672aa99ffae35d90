// Command kerberos lets real clients log in at leat with tickets of a real KDC, MIT's from Debian: Kafka's Java client, kcat, which is librdkafka with
// MIT's library, franz-go, and leat's own commands; with right keys, wrong keys, a wrong name of the service, keys that were renewed, a ticket whose time is
// over, and clocks that differ: of the KDC and of clients, by libfaketime. What leat logs must name the cause. Then three nodes log in at each other by tickets.
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
	"sync"
	"time"

	"leat/interop/target"
)

func main() {
	binary := flag.String("binary", "leat", "leat's program")
	keep := flag.Bool("keep", false, "keep the directory")
	flag.Parse()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Minute)
	defer cancel()
	if err := run(ctx, *binary, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "kerberos:", err)
		os.Exit(1)
	}
}

// suite is one run.
type suite struct {
	binary  string
	cache   string
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
	s := &suite{binary: binary}
	if s.cache, err = target.Cache(); err != nil {
		return err
	}
	if s.kdc, err = startKDC(ctx, filepath.Join(dir, "kdc")); err != nil {
		return err
	}
	defer s.kdc.stop()
	for principal, keytab := range map[string]string{"kafka/localhost": "kafka.keytab", "kafka/127.0.0.1": "nodes.keytab", "carol": "carol.keytab", "queue/localhost": "queue.keytab", "alice": "alice.keytab", "bob/admin": "bob.keytab"} {
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
	s.client(ctx, "a client with a key that is not its own any more", "carol", s.stale(ctx, "carol"), "kafka", outside)
	s.byHand()
	s.clocks(ctx)
	s.nodes(ctx)
}

// outside is the cause of who does not get as far as leat, because the KDC gives him no ticket.
const outside = "-"

// stale gives a principal another key than its keytab has.
func (s *suite) stale(ctx context.Context, principal string) string {
	if err := s.kdc.run(ctx, "kadmin.local", "-r", realm, "-q", "cpw -randkey -e aes256-cts-hmac-sha1-96:normal "+principal); err != nil {
		s.told("the key of "+principal+" changes", err)
	}
	return principal + ".keytab"
}

// client tries all clients at once; cause is what leat must log for each, or "" where it must let in.
func (s *suite) client(ctx context.Context, what, principal, keytab, service, cause string) {
	all := map[string]func(context.Context, string, string, string) error{"java": s.java, "kcat": s.kcat, "franz-go": s.franz, "leat": s.own}
	before := s.logged()
	errs := map[string]error{}
	var mu sync.Mutex // guards errs
	var wg sync.WaitGroup
	for name, try := range all {
		wg.Go(func() {
			err := try(ctx, principal, keytab, service)
			mu.Lock()
			defer mu.Unlock()
			errs[name] = err
		})
	}
	wg.Wait()
	for name, err := range errs {
		switch {
		case cause == "":
		case err == nil:
			err = errors.New("it got in")
		case name == "leat" && cause == outside && !strings.Contains(err.Error(), "has another key of "+principal):
			err = fmt.Errorf("it does not say why: %w", err)
		default:
			err = nil
		}
		s.told(what+", "+name, err)
	}
	switch cause {
	case "":
	case outside:
		if more := s.logged()[len(before):]; strings.Contains(more, "SASL GSSAPI failed") {
			s.told(what+", log", fmt.Errorf("somebody came as far as leat: %s", more))
		}
	default:
		if err := s.await(before, cause, len(all)); err != nil {
			s.told(what+", log", err)
		}
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
	text := s.properties(principal, keytab, service) + "default.api.timeout.ms=120000\nrequest.timeout.ms=60000\n"
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
	return s.kcatWith(ctx, strings.ReplaceAll(principal, "/", "-"), principal, keytab, service)
}

// kcatWith is kcat with a cache of tickets of its own.
func (s *suite) kcatWith(ctx context.Context, tickets string, principal, keytab, service string) error {
	cache := "FILE:" + s.kdc.path("cache-"+tickets)
	cmd := exec.CommandContext(ctx, "kcat", "-L", "-m", "60", "-b", s.address, "-X", "security.protocol=SASL_PLAINTEXT", "-X", "sasl.mechanism=GSSAPI", "-X", "sasl.kerberos.service.name="+service,
		"-X", "sasl.kerberos.keytab="+s.kdc.path(keytab), "-X", "sasl.kerberos.principal="+principal+"@"+realm,
		"-X", "sasl.kerberos.kinit.cmd=kinit -c "+cache+" -k -t "+s.kdc.path(keytab)+" "+principal+"@"+realm)
	cmd.Env = append(s.kdc.environment(), "KRB5CCNAME="+cache)
	said := &telling{cmd: cmd}
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%w: %s", errors.Join(err, ctx.Err()), tail(said.text.Bytes()))
	}
	return nil
}

// telling keeps what kcat says. It is stopped a little after it has said what is wrong, which it would try again until its time is over.
type telling struct {
	cmd    *exec.Cmd
	text   bytes.Buffer
	failed bool
}

func (t *telling) Write(p []byte) (int, error) {
	n, err := t.text.Write(p)
	if !t.failed && bytes.Contains(t.text.Bytes(), []byte("|FAIL|")) {
		t.failed = true
		time.AfterFunc(5*time.Second, func() { _ = t.cmd.Process.Kill() })
	}
	return n, err
}

// franz lists topics with franz-go.
func (s *suite) franz(ctx context.Context, principal, keytab, service string) error {
	cmd := exec.CommandContext(ctx, filepath.Join(s.cache, "bin", "ticket"), s.address, service, principal+"@"+realm, s.kdc.path(keytab))
	cmd.Env = s.kdc.environment()
	return s.finish(ctx, cmd)
}

// own asks with one of leat's own commands.
func (s *suite) own(ctx context.Context, principal, keytab, service string) error {
	file := s.kdc.path("own.properties")
	if err := os.WriteFile(file, []byte(s.properties(principal, keytab, service)), 0o600); err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, s.binary, "cluster", "id", "--bootstrap-server", s.address, "--command-config", file, "--timeout", "60s")
	cmd.Env = s.kdc.environment()
	return s.finish(ctx, cmd)
}

func (s *suite) properties(principal, keytab, service string) string {
	return "security.protocol=SASL_PLAINTEXT\nsasl.mechanism=GSSAPI\nsasl.kerberos.service.name=" + service + "\n" +
		`sasl.jaas.config=com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true storeKey=true keyTab="` + s.kdc.path(keytab) + `" principal="` + principal + "@" + realm + `";` + "\n"
}

func (s *suite) finish(ctx context.Context, cmd *exec.Cmd) error {
	timer := time.AfterFunc(2*patience, func() {
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
