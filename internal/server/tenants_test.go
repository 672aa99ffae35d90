package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
	"leat/internal/sim"
)

// tenancy is a node that two tenants share, each by a listener of its own, and the operator by another. No word of a text ends like the names of the tenants.
type tenancy struct {
	t    *testing.T
	node *bubbleNode
	from *sim.Host
}

// The listeners of a tenancy.
const (
	atOperator = "9092"
	atRed      = "9094"
	atBlue     = "9095"
)

func newTenancy(t *testing.T, set map[string]string, f func(*tenancy)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		host := network.Host("node")
		all := map[string]string{
			"listeners":                      fmt.Sprintf("PLAINTEXT://%[1]s:9092,CONTROLLER://%[1]s:9093,RED://%[1]s:9094,BLUE://%[1]s:9095", host.IP()),
			"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,RED:PLAINTEXT,BLUE:PLAINTEXT",
			"listener.name.red.leat.tenant":  "zred",
			"listener.name.blue.leat.tenant": "zblue",
			"num.partitions":                 "2",
		}
		maps.Copy(all, set)
		n := bubbleStart(t, host, fs.NewMem(), all)
		f(&tenancy{t, n, network.Host("client")})
		n.shutDown(t)
	})
}

// client connects by a listener.
func (y *tenancy) client(port string, opts ...kgo.Opt) *kgo.Client {
	y.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(net.JoinHostPort(y.node.host.IP().String(), port)),
		kgo.Dialer(y.from.DialContext),
		kgo.ProducerBatchCompression(kgo.NoCompression()), kgo.AllowAutoTopicCreation(), kgo.UnknownTopicRetries(-1)}, opts...)...)
	if err != nil {
		y.t.Fatal(err)
	}
	return cl
}

func (y *tenancy) ctx() context.Context {
	ctx, cancel := context.WithTimeout(y.t.Context(), time.Minute)
	y.t.Cleanup(cancel)
	return ctx
}

// read takes n records of a group's topic.
func (y *tenancy) read(port string, n int, opts ...kgo.Opt) (values []string) {
	y.t.Helper()
	cl := y.client(port, opts...)
	defer cl.Close()
	ctx := y.ctx()
	for len(values) < n {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			y.t.Fatal(err)
		}
		for _, r := range fetches.Records() {
			values = append(values, r.Topic+"="+string(r.Value))
		}
	}
	if err := cl.CommitUncommittedOffsets(ctx); err != nil {
		y.t.Error(err)
	}
	slices.Sort(values)
	return values
}

func TestTenantsHaveEqualNames(t *testing.T) {
	newTenancy(t, nil, func(y *tenancy) {
		ctx := y.ctx()
		for port, value := range map[string]string{atRed: "red one", atBlue: "blue one"} {
			cl := y.client(port)
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte(value)}, &kgo.Record{Topic: "orders", Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			cl.Close()
			if got := y.read(port, 2, kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())); !slices.Equal(got,
				[]string{"orders=" + value, "orders=" + value}) {
				t.Errorf("at %s the group read %q", port, got)
			}
		}
		operator := kadm.NewClient(y.client(atOperator))
		defer operator.Close()
		topics, err := operator.ListTopics(ctx)
		if names := topics.Names(); err != nil || !slices.Equal(names, []string{"zblue.orders", "zred.orders"}) {
			t.Errorf("the operator sees the topics %q: %v", names, err)
		}
		groups, err := operator.ListGroups(ctx)
		if names := groups.Groups(); err != nil || !slices.Equal(names, []string{"zblue.workers", "zred.workers"}) {
			t.Errorf("the operator sees the groups %q: %v", names, err)
		}
		red := kadm.NewClient(y.client(atRed))
		defer red.Close()
		topics, err = red.ListTopicsWithInternal(ctx)
		if names := topics.Names(); err != nil || !slices.Equal(names, []string{"orders"}) {
			t.Errorf("red sees the topics %q: %v", names, err)
		}
		lag, err := red.Lag(ctx, "workers")
		if l := lag["workers"]; err != nil || l.State != "Empty" || l.Lag.Total() != 0 || l.Lag["orders"] == nil {
			t.Errorf("red sees the lag %+v: %v", l, err)
		}
		groups, err = red.ListGroups(ctx)
		if names := groups.Groups(); err != nil || !slices.Equal(names, []string{"workers"}) {
			t.Errorf("red sees the groups %q: %v", names, err)
		}
	})
}

// limit sets limits of red while the node runs.
func (y *tenancy) limit(set map[string]string) {
	y.t.Helper()
	cl := y.client(atOperator)
	defer cl.Close()
	var configs []kadm.AlterConfig
	for name, value := range set {
		configs = append(configs, kadm.AlterConfig{Name: "leat.tenant.zred." + name, Value: &value})
	}
	answers, err := kadm.NewClient(cl).AlterBrokerConfigs(y.ctx(), configs)
	if err != nil || len(answers) != 1 || answers[0].Err != nil {
		y.t.Fatalf("limits %v: %+v, %v", set, answers, err)
	}
}

func TestTenantsHaveLimits(t *testing.T) {
	newTenancy(t, nil, func(y *tenancy) {
		ctx := y.ctx()
		red := y.client(atRed)
		defer red.Close()
		y.limit(map[string]string{"max.partitions": "3"})
		adm := kadm.NewClient(red)
		if _, err := adm.CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		answer, err := adm.CreateTopic(ctx, 2, 1, nil, "more")
		if !errors.Is(err, kerr.PolicyViolation) || !strings.Contains(answer.ErrMessage, "may have 1 more of the 3") || strings.Contains(answer.ErrMessage, "zred.more") {
			t.Errorf("four partitions of three: %v, %q", err, answer.ErrMessage)
		}
		if _, err := adm.CreateTopic(ctx, 1, 1, nil, "more"); err != nil {
			t.Errorf("the third partition: %v", err)
		}
		record := func() *kgo.Record { return &kgo.Record{Topic: "orders", Partition: 0, Value: make([]byte, 100_000)} }
		began := time.Now()
		for range 5 {
			if err := red.ProduceSync(ctx, record()).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took > time.Second {
			t.Errorf("without a limit it took %v", took)
		}
		y.limit(map[string]string{"produce.rate": "100000"})
		began = time.Now()
		for range 5 {
			if err := red.ProduceSync(ctx, record()).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 2*time.Second || took > 6*time.Second {
			t.Errorf("five seconds' worth took %v", took)
		}
		y.limit(map[string]string{"produce.rate": "-1", "max.stored.bytes": "1000000"})
		time.Sleep(10 * time.Second) // the rest that the rate asked for; simulated
		if err := red.ProduceSync(ctx, record()).FirstErr(); !errors.Is(err, kerr.PolicyViolation) {
			t.Errorf("more than may be stored: %v", err)
		}
		y.limit(map[string]string{"max.stored.bytes": "-1", "max.connections": "0"})
		more := y.client(atRed, kgo.RequestRetries(0), kgo.RetryTimeout(time.Second))
		defer more.Close()
		if _, err := kadm.NewClient(more).ListTopics(ctx); err == nil {
			t.Error("a connection beyond the limit is served")
		}
		blue := y.client(atBlue)
		defer blue.Close()
		if _, err := kadm.NewClient(blue).ListTopics(ctx); err != nil {
			t.Errorf("blue: %v", err)
		}
	})
}
