package server

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"leat/internal/audit"
	"leat/internal/broker"
)

// auditedSettings are those of a node that asks who clients are and tells what they do.
func auditedSettings(file string) map[string]string {
	return map[string]string{
		"listeners":                      "SASL_PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0",
		"listener.security.protocol.map": "SASL_PLAINTEXT:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT", "inter.broker.listener.name": "SASL_PLAINTEXT",
		"sasl.enabled.mechanisms": "PLAIN", "sasl.mechanism.inter.broker.protocol": "PLAIN",
		"listener.name.sasl_plaintext.plain.sasl.jaas.config": `org.apache.kafka.common.security.plain.PlainLoginModule required username="node" password="node-secret" user_node="node-secret" user_alice="alice-secret" user_root="root-secret";`,
		"connection.failed.authentication.delay.ms":           "1",
		"authorizer.class.name":                               "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:root;User:node;User:ANONYMOUS",
		"leat.audit.enable": "true", "leat.audit.file": file, "leat.audit.data.rules": "write topic:payments*;read group:*", "leat.audit.summary.interval.ms": "200",
	}
}

func as(name, password string) kgo.Opt {
	return kgo.SASL(plain.Auth{User: name, Pass: password}.AsMechanism())
}

// event finds an event; it waits for it.
func event(t *testing.T, events func() []audit.Event, what string, is func(e *audit.Event) bool) audit.Event {
	t.Helper()
	for until := time.Now().Add(30 * time.Second); ; {
		all := events()
		for i := range all {
			if is(&all[i]) {
				return all[i]
			}
		}
		if time.Now().After(until) {
			text, _ := json.MarshalIndent(all, "", " ")
			t.Fatalf("no event %s among %s", what, text)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// fileEvents are the events in a file, whole lines only.
func fileEvents(t *testing.T, file string) func() []audit.Event {
	return func() (all []audit.Event) {
		text, _ := os.ReadFile(file)
		for _, line := range strings.SplitAfter(string(text), "\n") {
			var e audit.Event
			if !strings.HasSuffix(line, "\n") {
				continue
			}
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			all = append(all, e)
		}
		return all
	}
}

// topicEvents are the events in the audit topic, as a client reads them.
func topicEvents(t *testing.T, cl *kgo.Client) func() []audit.Event {
	var all []audit.Event
	return func() []audit.Event {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		cl.PollFetches(ctx).EachRecord(func(r *kgo.Record) {
			var e audit.Event
			if err := json.Unmarshal(r.Value, &e); err != nil {
				t.Fatalf("%q: %v", r.Value, err)
			}
			all = append(all, e)
		})
		return all
	}
}

func about(e *audit.Event, kind, name string) bool {
	for _, r := range e.Resources {
		if r.Type == kind && r.Name == name {
			return true
		}
	}
	return false
}

func TestAnAuditedNodeTellsWhoDidWhatWithWhichOutcome(t *testing.T) {
	file := filepath.Join(t.TempDir(), "audit", "log")
	n := start(t, t.TempDir(), auditedSettings(file))
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	if err := ask(t, n.Bootstrap, as("alice", "canary-password")); err == nil {
		t.Fatal("a wrong password gets in")
	}
	rootClient := securedClient(t, n.Bootstrap, as("root", "root-secret"), kgo.ClientID("tool"), kgo.DefaultProduceTopic("payments-eu"), kgo.RequiredAcks(kgo.AllISRAcks()))
	root := kadm.NewClient(rootClient)
	if _, err := root.CreateTopic(ctx, 1, 1, nil, "payments-eu"); err != nil {
		t.Fatal(err)
	}
	if _, err := root.CreateTopic(ctx, 1, 1, nil, "payments-eu"); !errors.Is(err, kerr.TopicAlreadyExists) {
		t.Fatal(err)
	}
	value := "canary-value"
	if _, err := root.AlterBrokerConfigs(ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "listener.name.sasl_plaintext.ssl.keystore.password", Value: &value}}, 1); err != nil {
		t.Fatal(err)
	}
	if r, err := root.AlterUserSCRAMs(ctx, nil, []kadm.UpsertSCRAM{{User: "carol", Mechanism: kadm.ScramSha256, Iterations: 4096, Password: "canary-scram"}}); err != nil || r.Error() != nil {
		t.Fatal(err, r.Error())
	}
	for range 5 {
		if err := rootClient.ProduceSync(ctx, kgo.StringRecord("v")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	alice := kadm.NewClient(securedClient(t, n.Bootstrap, as("alice", "alice-secret")))
	if r, err := alice.DeleteTopic(ctx, "payments-eu"); err == nil && r.Err == nil {
		t.Fatal("alice deletes a topic")
	}

	reader := securedClient(t, n.Bootstrap, as("root", "root-secret"), kgo.ConsumeTopics(broker.AuditTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(100*time.Millisecond))
	for place, events := range map[string]func() []audit.Event{"file": fileEvents(t, file), "topic": topicEvents(t, reader)} {
		find := func(what string, is func(e *audit.Event) bool) audit.Event {
			return event(t, events, place+": "+what, is)
		}
		e := find("of a failed authentication", func(e *audit.Event) bool { return e.Kind == audit.Authentication && e.Outcome == audit.Failure })
		if e.Mechanism != "PLAIN" || !strings.Contains(e.Reason, `"alice"`) || e.Client != "127.0.0.1" || e.Listener != "SASL_PLAINTEXT" || e.Node != 1 || e.Principal != "" {
			t.Errorf("%s: %+v", place, e)
		}
		find("of an authentication", func(e *audit.Event) bool {
			return e.Kind == audit.Authentication && e.Outcome == audit.Success && e.Principal == "User:root"
		})
		created := func(o audit.Outcome) func(e *audit.Event) bool {
			return func(e *audit.Event) bool {
				return e.API == "CreateTopics" && e.Outcome == o && about(e, "topic", "payments-eu")
			}
		}
		e = find("of a topic made", created(audit.Success))
		if e.ClientID != "tool" || e.Principal != "User:root" || e.Correlation == nil || e.Version == nil || !strings.Contains(string(e.Asked), `"numPartitions":1`) {
			t.Errorf("%s: %+v %s", place, e, e.Asked)
		}
		if e = find("of a topic not made", created(audit.Failure)); len(e.Errors) != 1 || e.Errors[0].Error != "TOPIC_ALREADY_EXISTS" {
			t.Errorf("%s: %+v", place, e)
		}
		e = find("of a config", func(e *audit.Event) bool { return e.API == "IncrementalAlterConfigs" && about(e, "broker", "1") })
		if !strings.Contains(string(e.Asked), `"value":"[hidden]"`) {
			t.Errorf("%s: %s", place, e.Asked)
		}
		find("of a password", func(e *audit.Event) bool { return about(e, "user", "carol") })
		e = find("of a refusal", func(e *audit.Event) bool { return e.Kind == audit.Authorization })
		if e.Principal != "User:alice" || e.Operation != "DESCRIBE" || !about(&e, "topic", "payments-eu") || e.Outcome != audit.Denied {
			t.Errorf("%s: %+v", place, e)
		}
		find("of a request refused", func(e *audit.Event) bool {
			return e.API == "DeleteTopics" && e.Kind == audit.Request && e.Outcome == audit.Denied
		})
		find("of the first record", func(e *audit.Event) bool {
			return e.Kind == audit.Access && e.Operation == "WRITE" && about(e, "topic", "payments-eu") && e.Count == 0
		})
		// Two of the next records may come within one interval, however slow the node is; only then there is something to sum up.
		event(t, func() []audit.Event {
			for range 2 {
				rootClient.Produce(ctx, kgo.StringRecord("v"), nil)
			}
			return events()
		}, place+": of other records", func(e *audit.Event) bool {
			return e.Kind == audit.Access && e.Operation == "WRITE" && about(e, "topic", "payments-eu") && e.Count >= 1
		})
	}
	if text, _ := os.ReadFile(file); strings.Contains(string(text), "canary") {
		t.Errorf("secrets are told: %s", text)
	}
}

func TestClientsReadTheAuditTopicOnlyIfTheyMayAndNeverWriteToIt(t *testing.T) {
	set := auditedSettings("")
	n := start(t, t.TempDir(), set)
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	root := securedClient(t, n.Bootstrap, as("root", "root-secret"), kgo.ConsumeTopics(broker.AuditTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	event(t, topicEvents(t, root), "of an authentication", func(e *audit.Event) bool { return e.Kind == audit.Authentication })
	topics, err := kadm.NewClient(root).ListTopicsWithInternal(ctx)
	if err != nil || !topics.Has(broker.AuditTopic) || !topics[broker.AuditTopic].IsInternal {
		t.Errorf("%v, %v", topics.Names(), err)
	}
	for _, id := range []string{"tool", "__admin_client"} {
		writer := securedClient(t, n.Bootstrap, as("root", "root-secret"), kgo.ClientID(id), kgo.RecordRetries(1))
		if err := writer.ProduceSync(ctx, &kgo.Record{Topic: broker.AuditTopic, Value: []byte("{}")}).FirstErr(); !errors.Is(err, kerr.InvalidTopicException) {
			t.Errorf("as %s: %v", id, err)
		}
	}
	alice := securedClient(t, n.Bootstrap, as("alice", "alice-secret"), kgo.ClientID("leat-7"), kgo.RecordRetries(1), kgo.UnknownTopicRetries(1))
	if err := alice.ProduceSync(ctx, &kgo.Record{Topic: broker.AuditTopic, Value: []byte("{}")}).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("as a node's client id: %v", err)
	}
	if _, err := kadm.NewClient(alice).ListTopicsWithInternal(ctx, broker.AuditTopic); !errors.Is(err, kerr.TopicAuthorizationFailed) {
		t.Errorf("alice is told of it: %v", err)
	}
}

func TestAnAuditLogCanBeTurnedOnWhileTheNodeRuns(t *testing.T) {
	set := auditedSettings("")
	delete(set, "leat.audit.enable")
	n := start(t, t.TempDir(), set)
	cl := securedClient(t, n.Bootstrap, as("root", "root-secret"), kgo.ConsumeTopics(broker.AuditTopic), kgo.MetadataMinAge(10*time.Millisecond), kgo.MetadataMaxAge(200*time.Millisecond))
	root := kadm.NewClient(cl)
	topics, err := root.ListTopicsWithInternal(t.Context())
	if err != nil || topics.Has(broker.AuditTopic) {
		t.Fatalf("%v, %v", topics.Names(), err)
	}
	on := "true"
	if _, err := root.AlterBrokerConfigs(t.Context(), []kadm.AlterConfig{{Op: kadm.SetConfig, Name: "leat.audit.enable", Value: &on}}); err != nil {
		t.Fatal(err)
	}
	events := topicEvents(t, cl)
	event(t, func() []audit.Event {
		_ = ask(t, n.Bootstrap, as("alice", "alice-secret"))
		return events()
	}, "of an authentication", func(e *audit.Event) bool { return e.Kind == audit.Authentication && e.Principal == "User:alice" })
}
