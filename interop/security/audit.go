package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"leat/interop/target"
)

// audited is a cluster of three nodes that keeps an audit log.
type audited struct {
	r     *run
	nodes []*target.Node
	box   *toolbox
	files map[string]string
}

// auditQueue is how many events may wait: few, so that soon some have to be dropped.
const auditQueue = 200

// audit lets clients do what an audit log must tell of, and reads it with Kafka's console consumer.
func (r *run) audit() error {
	a := &audited{r: r, files: map[string]string{}}
	if err := a.start(); err != nil {
		return err
	}
	defer func() {
		for _, n := range a.nodes {
			n.Kill()
		}
	}()
	var err error
	if a.box, err = r.newToolbox(); err != nil {
		return err
	}
	defer a.box.Close()
	if err := a.act(); err != nil {
		return err
	}
	if err := a.told(); err != nil {
		return err
	}
	return a.overflow()
}

func (a *audited) start() error {
	login := modules + `plain.PlainLoginModule required user_admin="admin-secret" user_alice="alice-secret" user_bob="bob-secret";`
	var err error
	a.nodes, err = target.NewCluster(target.ClusterConfig{Kind: target.Leat, Binary: a.r.binary, Dir: a.r.files.path("audited"), Nodes: 3, Operations: true, Listeners: map[string]string{"LOGIN": "SASL_PLAINTEXT"},
		Settings: map[string]string{
			"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS;User:admin",
			"sasl.enabled.mechanisms": "PLAIN", "listener.name.login.plain.sasl.jaas.config": login, "connection.failed.authentication.delay.ms": "10",
			"listener.name.login.plain.connections.max.reauth.ms": "600000",
			"leat.audit.enable": "true", "leat.audit.data.rules": "read,write topic:payments; read group:*", "leat.audit.summary.interval.ms": "500", "leat.audit.queue.max": strconv.Itoa(auditQueue),
		}})
	if err != nil {
		return err
	}
	for _, user := range []string{"admin", "alice", "bob"} {
		a.files[user] = a.r.files.path("audit-" + user + ".properties")
		text := fmt.Sprintf("security.protocol=SASL_PLAINTEXT\nsasl.mechanism=PLAIN\nsasl.jaas.config=%splain.PlainLoginModule required username=%q password=%q;\n", modules, user, user+"-secret")
		if err := os.WriteFile(a.files[user], []byte(text), 0o600); err != nil {
			return err
		}
	}
	errs := make([]error, len(a.nodes))
	var wg sync.WaitGroup
	for i, n := range a.nodes {
		wg.Go(func() { _, errs[i] = n.Start(a.r.ctx) })
	}
	wg.Wait()
	return errors.Join(errs...)
}

// tool runs one of Kafka's tools as somebody.
func (a *audited) tool(user, line string) (string, error) {
	words := strings.Fields(line)
	config := "--command-config"
	if strings.Contains(words[0], "consumer") && strings.Contains(words[0], "console") {
		config = "--consumer.config"
		if strings.Contains(words[0], "share") {
			config = "--command-config"
		}
	}
	said, err := a.box.run(words[0], append([]string{"--bootstrap-server", a.nodes[0].Address("LOGIN"), config, a.files[user]}, words[1:]...)...)
	if a.r.verbose {
		fmt.Printf("$ %s: %s\n%s\n", user, line, said)
	}
	return said, err
}

func (a *audited) client(user, password string, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(a.nodes[1].Address("LOGIN")), kgo.ClientID("till"), kgo.DefaultProduceTopic("payments"), kgo.RequestRetries(0),
		kgo.SASL(plain.Auth{User: user, Pass: password}.AsMechanism())}, more...)...)
}

// act is what happens.
func (a *audited) act() error {
	ctx, cancel := context.WithTimeout(a.r.ctx, 2*time.Minute)
	defer cancel()
	for _, c := range []struct{ user, line, says string }{
		{"admin", "kafka-topics --create --topic payments --partitions 1 --replication-factor 3", "Created topic payments"},
		{"bob", "kafka-acls --list", "ClusterAuthorizationException"},
		{"bob", "kafka-topics --delete --topic payments", "(?i)authoriz|does not exist"},
		{"admin", "kafka-acls --add --allow-principal User:alice --operation All --topic payments --group *", "Adding ACLs"},
		{"admin", "kafka-configs --alter --entity-type users --entity-name carol --add-config SCRAM-SHA-256=[password=canary-password]", "Completed"},
		{"admin", "kafka-configs --alter --entity-type groups --entity-name sharers --add-config share.auto.offset.reset=earliest", "Completed"},
	} {
		said, err := a.tool(c.user, c.line)
		if err == nil && !regexp.MustCompile(c.says).MatchString(said) {
			err = fmt.Errorf("it says %q", short(said))
		}
		a.r.check("  audit: "+c.user+": "+c.line, err)
	}
	wrong, err := a.client("alice", "guess")
	if err != nil {
		return err
	}
	defer wrong.Close()
	if err := wrong.Ping(ctx); classify(err) != authentication {
		return fmt.Errorf("a wrong password: %w", err)
	}
	alice, err := a.client("alice", "alice-secret")
	if err != nil {
		return err
	}
	defer alice.Close()
	if err := alice.ProduceSync(ctx, kgo.StringRecord("one"), kgo.StringRecord("two")).FirstErr(); err != nil {
		return err
	}
	for _, line := range []string{
		"kafka-console-consumer --topic payments --group tellers --from-beginning --max-messages 2 --timeout-ms 20000",
		"kafka-console-share-consumer --topic payments --group sharers --max-messages 2 --timeout-ms 20000",
	} {
		said, err := a.tool("alice", line)
		if err == nil && !strings.Contains(said, "Processed a total of 2 messages") {
			err = fmt.Errorf("it says %q", short(said))
		}
		a.r.check("  audit: alice: "+line, err)
	}
	return a.another()
}

// another authenticates again as somebody else on the same connection, which is refused.
func (a *audited) another() error {
	nc, err := net.Dial("tcp", a.nodes[0].Address("LOGIN"))
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	for i, user := range []string{"alice", "bob"} {
		hello, step := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest()
		hello.Version, hello.Mechanism, step.Version, step.SASLAuthBytes = 1, "PLAIN", 1, []byte("\x00"+user+"\x00"+user+"-secret")
		if err := ask(nc, hello, hello.ResponseKind()); err != nil {
			return err
		}
		resp := kmsg.NewPtrSASLAuthenticateResponse()
		if err := ask(nc, step, resp); err != nil {
			return err
		}
		if (resp.ErrorCode != 0) != (i > 0) {
			return fmt.Errorf("%s is answered with error %d", user, resp.ErrorCode)
		}
	}
	return nil
}

func ask(nc net.Conn, rq kmsg.Request, resp kmsg.Response) error {
	if _, err := nc.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("turncoat")).AppendRequest(nil, rq, 1)); err != nil {
		return err
	}
	var size [4]byte
	if _, err := io.ReadFull(nc, size[:]); err != nil {
		return err
	}
	body := make([]byte, min(binary.BigEndian.Uint32(size[:]), 1<<20))
	if _, err := io.ReadFull(nc, body); err != nil {
		return err
	}
	resp.SetVersion(rq.GetVersion())
	return resp.ReadFrom(body[4:])
}

// told reads the log until everything is there that must be.
func (a *audited) told() error {
	want := map[string]string{
		"a topic made":           `"kind":"request","outcome":"success","principal":"User:admin".*"api":"CreateTopics".*"name":"payments"`,
		"a list refused":         `"kind":"request","outcome":"(failure|denied)","principal":"User:bob".*"api":"DescribeAcls"`,
		"an operation refused":   `"kind":"authorization","outcome":"denied","principal":"User:bob"`,
		"a rule made":            `"kind":"request","outcome":"success","principal":"User:admin".*"api":"CreateAcls"`,
		"a password set":         `"kind":"request","outcome":"success","principal":"User:admin".*"api":"AlterUserScramCredentials"`,
		"a wrong password":       `"kind":"authentication","outcome":"failure".*"mechanism":"PLAIN".*"listener":"LOGIN".*alice`,
		"somebody else":          `"kind":"authentication","outcome":"failure","principal":"User:alice".*Cannot change principals during re-authentication from User.alice: User.bob`,
		"records written":        `"kind":"access","outcome":"success","principal":"User:alice".*"client_id":"till".*"api":"Produce".*"name":"payments"`,
		"records read":           `"kind":"access","outcome":"success","principal":"User:alice".*"api":"Fetch".*"name":"payments"`,
		"a group":                `"kind":"access","outcome":"success","principal":"User:alice".*"name":"tellers"`,
		"records shared":         `"kind":"access","outcome":"success","principal":"User:alice".*"api":"ShareFetch".*"name":"payments"`,
		"records acknowledged":   `"kind":"access","outcome":"success","principal":"User:alice".*"api":"ShareAcknowledge".*"name":"payments"`,
		"the group that shares":  `"kind":"access","outcome":"success","principal":"User:alice".*"name":"sharers"`,
		"events of another node": `"node":2,`,
	}
	said := ""
	for until := time.Now().Add(60 * time.Second); len(want) > 0; {
		var err error
		if said, err = a.tool("admin", "kafka-console-consumer --topic __leat_audit --from-beginning --timeout-ms 3000"); err != nil {
			return err
		}
		for what, pattern := range want {
			if regexp.MustCompile("(?m)^.*" + pattern + ".*$").MatchString(said) {
				a.r.check("  audit tells of: "+what, nil)
				delete(want, what)
			}
		}
		if time.Now().After(until) {
			break
		}
	}
	for what, pattern := range want {
		a.r.check("  audit tells of: "+what, errors.New("no event is like "+pattern))
	}
	events := 0
	for line := range strings.Lines(said) {
		var e map[string]any
		if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &e) == nil {
			events++
		}
	}
	var problem error
	for _, secret := range []string{"canary-password", "alice-secret", "guess"} {
		if strings.Contains(said, secret) {
			problem = errors.Join(problem, fmt.Errorf("a secret stands in the log: %s", secret))
		}
	}
	a.r.check(fmt.Sprintf("  audit: %d events without secrets", events), problem)
	if len(want) > 0 && a.r.verbose {
		fmt.Println(said)
	}
	return nil
}

// overflow takes the audit topic its majority: requests go on, what does not fit is counted, and told when there is room again.
func (a *audited) overflow() error {
	for _, n := range a.nodes[1:] {
		n.Kill()
	}
	ctx, cancel := context.WithTimeout(a.r.ctx, 2*time.Minute)
	defer cancel()
	longest, tries := time.Duration(0), 3*auditQueue
	for range tries {
		began := time.Now()
		if err := a.refused(ctx); err != nil {
			return fmt.Errorf("while the topic cannot be written: %w", err)
		}
		longest = max(longest, time.Since(began))
	}
	dropped, err := a.dropped()
	if err == nil && (dropped == 0 || longest > 10*time.Second) {
		err = fmt.Errorf("%d of %d events were dropped, the longest request took %s", dropped, tries, longest)
	}
	a.r.check(fmt.Sprintf("  audit: no request waits: %d logins, %d events dropped, longest %d ms", tries, dropped, longest.Milliseconds()), err)
	fmt.Printf("%s    audit without its topic: %d logins, %d events dropped and counted, the longest login took %d ms\n", target.Leat, tries, dropped, longest.Milliseconds())
	errs := make([]error, 2)
	var wg sync.WaitGroup
	for i, n := range a.nodes[1:] {
		wg.Go(func() { _, errs[i] = n.Start(a.r.ctx) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	for until := time.Now().Add(90 * time.Second); ; {
		said, err := a.tool("admin", "kafka-console-consumer --topic __leat_audit --from-beginning --timeout-ms 3000")
		if err != nil {
			return err
		}
		if regexp.MustCompile(`"kind":"lost".*"count":\d+`).MatchString(said) {
			return nil
		}
		if time.Now().After(until) {
			return errors.New("no event tells of those that were lost")
		}
	}
}

// refused is a login with a wrong password at the node that is left.
func (a *audited) refused(ctx context.Context) error {
	nc, err := new(net.Dialer).DialContext(ctx, "tcp", a.nodes[0].Address("LOGIN"))
	if err != nil {
		return err
	}
	defer nc.Close()
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	hello, step, resp := kmsg.NewPtrSASLHandshakeRequest(), kmsg.NewPtrSASLAuthenticateRequest(), kmsg.NewPtrSASLAuthenticateResponse()
	hello.Version, hello.Mechanism, step.Version, step.SASLAuthBytes = 1, "PLAIN", 1, []byte("\x00bob\x00guess")
	if err := ask(nc, hello, hello.ResponseKind()); err != nil {
		return err
	}
	if err := ask(nc, step, resp); err != nil {
		return err
	}
	if resp.ErrorCode == 0 {
		return errors.New("a wrong password gets in")
	}
	return nil
}

var droppedEvents = regexp.MustCompile(`(?m)^leat_audit_dropped_events_total(?:\{[^}]*\})? (\d+)`)

// dropped is how many events the node that is left has counted as dropped.
func (a *audited) dropped() (int, error) {
	resp, err := http.Get("http://" + a.nodes[0].Operations() + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err
	}
	sum := 0
	for _, found := range droppedEvents.FindAllStringSubmatch(string(text), -1) {
		n, _ := strconv.Atoi(found[1])
		sum += n
	}
	return sum, nil
}
