package server

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/oauth"
)

// ruled are settings of a tenancy whose clients log in and need rules. Of red ann is the administrator, of blue boss.
func ruled() map[string]string {
	const login = `org.apache.kafka.common.security.plain.PlainLoginModule required username="node" password="n" user_node="n" user_ann="a" user_app="p" user_boss="b";`
	return map[string]string{
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,RED:SASL_PLAINTEXT,BLUE:SASL_PLAINTEXT",
		"inter.broker.listener.name":     "PLAINTEXT",
		"authorizer.class.name":          "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
		"leat.tenant.zred.administrators": "User:ann", "leat.tenant.zblue.administrators": "User:boss", "sasl.enabled.mechanisms": "PLAIN",
		"listener.name.red.plain.sasl.jaas.config": login, "listener.name.blue.plain.sasl.jaas.config": login,
	}
}

// rules are what somebody sees of all ACLs.
func rules(ctx context.Context, t *testing.T, adm *kadm.Client) (all []string) {
	t.Helper()
	found, err := adm.DescribeACLs(ctx, kadm.NewACLs().AnyResource().ResourcePatternType(kadm.ACLPatternAny).Operations().Allow().AllowHosts().Deny().DenyHosts())
	if err != nil {
		t.Fatal(err)
	}
	for _, result := range found {
		if result.Err != nil {
			all = append(all, result.Err.Error())
		}
		for _, d := range result.Described {
			all = append(all, fmt.Sprintf("%s %s %s %s", d.Principal, d.Operation, d.Type, d.Name))
		}
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func allow(ctx context.Context, t *testing.T, adm *kadm.Client, who, topic, group string) {
	t.Helper()
	made, err := adm.CreateACLs(ctx, kadm.NewACLs().Allow(who).AllowHosts("*").Topics(topic).Groups(group).Operations(kadm.OpRead).ResourcePatternType(kadm.ACLPatternLiteral))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range made {
		if m.Err != nil {
			t.Fatalf("rule for %s: %v, %s", who, m.Err, m.ErrMessage)
		}
	}
}

func TestTenantsHaveRulesOfTheirOwn(t *testing.T) {
	newTenancy(t, ruled(), func(y *tenancy) {
		t := y.t // of the bubble
		ctx := y.ctx()
		ann, boss := kadm.NewClient(y.client(atRed, as("ann", "a"))), kadm.NewClient(y.client(atBlue, as("boss", "b")))
		defer ann.Close()
		defer boss.Close()
		for _, adm := range []*kadm.Client{ann, boss} {
			if _, err := adm.CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
				t.Fatal(err)
			}
		}
		app := y.client(atRed, as("app", "p"))
		defer app.Close()
		if err := app.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr(); !errors.Is(err, kerr.TopicAuthorizationFailed) {
			t.Errorf("without a rule it writes: %v", err)
		}
		allow(ctx, t, ann, "User:app", "orders", "workers")
		allow(ctx, t, boss, "User:other", "orders", "*")
		if got := rules(ctx, t, ann); !slices.Equal(got, []string{"User:app READ GROUP workers", "User:app READ TOPIC orders"}) {
			t.Errorf("ann sees the rules %q", got)
		}
		if got := rules(ctx, t, boss); !slices.Equal(got, []string{"User:other READ GROUP *", "User:other READ TOPIC orders"}) {
			t.Errorf("boss sees the rules %q", got)
		}
		if got := rules(ctx, t, kadm.NewClient(app)); !slices.Equal(got, []string{kerr.ClusterAuthorizationFailed.Error()}) {
			t.Errorf("app sees the rules %q", got)
		}
		// Who administers one tenant is nobody in the other, under the same name.
		stranger := kadm.NewClient(y.client(atBlue, as("ann", "a")))
		defer stranger.Close()
		if got := rules(ctx, t, stranger); !slices.Equal(got, []string{kerr.ClusterAuthorizationFailed.Error()}) {
			t.Errorf("ann sees the rules %q of blue", got)
		}
		writer := y.client(atRed, as("ann", "a"))
		defer writer.Close()
		if err := writer.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		if got := y.read(atRed, 1, as("app", "p"), kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())); !slices.Equal(got, []string{"orders=v"}) {
			t.Errorf("by its rule app reads %q", got)
		}
		gone, err := ann.DeleteACLs(ctx, kadm.NewACLs().AnyResource().ResourcePatternType(kadm.ACLPatternAny).Operations().Allow().AllowHosts().Deny().DenyHosts())
		if err != nil || len(gone) == 0 {
			t.Fatalf("%+v: %v", gone, err)
		}
		if got := rules(ctx, t, ann); len(got) != 0 {
			t.Errorf("after all were deleted ann sees the rules %q", got)
		}
		if got := rules(ctx, t, boss); len(got) != 2 {
			t.Errorf("after red's were deleted boss sees the rules %q", got)
		}
	})
}

// A token's group and a certificate's name say whose tenant a client is.
func TestTenantsAreBoundByTokensAndCertificates(t *testing.T) {
	set, _ := secure(t)
	key, cert := certificate(t, "blue-app")
	set["leat.tenant.principals"] = "zred=Group:team-red;zblue=User:CN=blue-*"
	set["leat.sasl.oauthbearer.groups.claim"] = "teams"
	set["listener.name.ssl.ssl.client.auth"] = "required"
	set["listener.name.ssl.ssl.truststore.type"], set["listener.name.ssl.ssl.truststore.certificates"] = "PEM", cert
	n := start(t, t.TempDir(), set)
	addresses := strings.Split(n.Bootstrap, ",")
	token := func(claims string) kgo.Opt {
		return kgo.SASL(oauth.Auth{Token: unsigned(claims)}.AsMechanism())
	}
	soon := time.Now().Add(time.Hour).Unix()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	for _, c := range []struct {
		name, address string
		opts          []kgo.Opt
	}{
		{"red", addresses[2], []kgo.Opt{token(fmt.Sprintf(`{"sub":"ann","exp":%d,"teams":["all","team-red"]}`, soon))}},
		{"blue", addresses[1], []kgo.Opt{withCertificate(t, key, cert)}},
		{"none", addresses[2], []kgo.Opt{token(fmt.Sprintf(`{"sub":"ann","exp":%d,"teams":["team-green"]}`, soon))}},
	} {
		if _, err := kadm.NewClient(securedClient(t, c.address, c.opts...)).CreateTopic(ctx, 1, 1, nil, "of-"+c.name); err != nil {
			t.Fatalf("%s: %v", c.name, err)
		}
	}
	topics, err := kadm.NewClient(securedClient(t, addresses[0])).ListTopics(ctx)
	if names := topics.Names(); err != nil || !slices.Equal(names, []string{"of-none", "zblue.of-blue", "zred.of-red"}) {
		t.Errorf("the cluster has the topics %q: %v", names, err)
	}
}

// withCertificate shows a certificate to whoever asks.
func withCertificate(t *testing.T, key, cert string) kgo.Opt {
	t.Helper()
	pair, err := tls.X509KeyPair([]byte(cert), []byte(key))
	if err != nil {
		t.Fatal(err)
	}
	return kgo.DialTLSConfig(&tls.Config{InsecureSkipVerify: true, Certificates: []tls.Certificate{pair}})
}

// What a tenant reads is held to its rate, and so is the time that its requests take.
func TestTenantsReadAtTheirRate(t *testing.T) {
	newTenancy(t, nil, func(y *tenancy) {
		ctx := y.ctx()
		red := y.client(atRed, kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer red.Close()
		for range 5 {
			if err := red.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: make([]byte, 100_000)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		read := func() time.Duration {
			began := time.Now()
			y.read(atRed, 5, kgo.ConsumerGroup(fmt.Sprint("g", began.UnixNano())), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			return time.Since(began)
		}
		free := read()
		y.limit(map[string]string{"consume.rate": "100000"})
		if took := read() - free; took < 2*time.Second || took > 8*time.Second {
			t.Errorf("five seconds' worth took %v longer than %v", took, free)
		}
	})
}

// Members of share groups and of streams groups are served under plain names, and dead letters go to the tenant's own topic.
func TestTenantsHaveGroupsOfAllKinds(t *testing.T) {
	newTenancy(t, map[string]string{"errors.deadletterqueue.auto.create.topics.enable": "true"}, func(y *tenancy) {
		t := y.t // of the bubble
		for _, port := range []string{atRed, atBlue} {
			ctx := y.ctx()
			cl := y.client(port)
			defer cl.Close()
			if _, err := kadm.NewClient(cl).CreateTopic(ctx, 1, 1, nil, "jobs"); err != nil {
				t.Fatal(err)
			}
			configureGroup(t, cl, "workers", "share.auto.offset.reset", "earliest", "errors.deadletterqueue.topic.name", "dlq.jobs", "errors.deadletterqueue.copy.record.enable", "true")
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "jobs", Key: []byte("k"), Value: []byte("at " + port)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			member := y.client(port, kgo.ShareGroup("workers"), kgo.ConsumeTopics("jobs"))
			defer member.Close()
			rejectAll(ctx, t, member, 1)
			reader := y.client(port, kgo.ConsumeTopics("dlq.jobs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			defer reader.Close()
			if got := letters(ctx, t, reader, 1); len(got) != 1 {
				t.Errorf("at %s the dead letters are %v", port, got)
			}
			y.streams(port)
		}
		operator := kadm.NewClient(y.client(atOperator))
		defer operator.Close()
		topics, err := operator.ListTopics(y.ctx())
		want := []string{"zblue.dlq.jobs", "zblue.jobs", "zblue.words-counts-changelog", "zblue.words-words-repartition", "zred.dlq.jobs", "zred.jobs", "zred.words-counts-changelog", "zred.words-words-repartition"}
		if names := topics.Names(); err != nil || !slices.Equal(names, want) {
			t.Errorf("the operator sees the topics %q: %v", names, err)
		}
	})
}

// streams joins a streams group until it has tasks, for which topics are made.
func (y *tenancy) streams(port string) {
	y.t.Helper()
	rq := kmsg.NewPtrStreamsGroupHeartbeatRequest()
	rq.Group, rq.MemberID = "words", "member-1"
	rq.ActiveTasks, rq.StandbyTasks, rq.WarmupTasks = []kmsg.TaskIDs{}, []kmsg.TaskIDs{}, []kmsg.TaskIDs{}
	split, count := kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology(), kmsg.NewStreamsGroupHeartbeatRequestTopologySubtopology()
	split.SubtopologyID, split.SourceTopics, split.RepartitionSinkTopics = "0", []string{"jobs"}, []string{"words-words-repartition"}
	count.SubtopologyID, count.RepartitionSourceTopics = "1", []kmsg.TopicInfo{{Topic: "words-words-repartition"}}
	count.StateChangelogTopics = []kmsg.TopicInfo{{Topic: "words-counts-changelog", Configs: []kmsg.TopicInfoConfig{{Key: "cleanup.policy", Value: "compact"}}}}
	topology := kmsg.NewStreamsGroupHeartbeatRequestTopology()
	topology.Subtopologies = []kmsg.StreamsGroupHeartbeatRequestTopologySubtopology{split, count}
	rq.RebalanceTimeoutMillis, rq.ProcessID, rq.Topology = 10000, new("p"), &topology
	for range 100 {
		const header = 5 // correlation id, no tags
		resp, body := rq.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse), y.answer(port, rq)
		if len(body) < header {
			y.t.Errorf("at %s there is no answer", port)
			return
		}
		if err := resp.ReadFrom(body[header:]); err != nil || resp.ErrorCode != 0 {
			y.t.Errorf("at %s: %+v: %v", port, resp, err)
			return
		}
		if len(resp.ActiveTasks) == 2 {
			return
		}
		rq.MemberEpoch, rq.Topology, rq.ProcessID, rq.RebalanceTimeoutMillis = resp.MemberEpoch, nil, nil, -1
		time.Sleep(time.Second)
	}
	y.t.Errorf("at %s the member of a streams group has no tasks", port)
}
