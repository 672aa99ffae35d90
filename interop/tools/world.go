package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/fleet"
	"leat/interop/kafkatools"
	"leat/interop/target"
)

// nodes is how many a cluster has.
const nodes = 3

// world is one of the two clusters, and what was done to it.
type world struct {
	ctx     context.Context
	dir     string
	nodes   []*target.Node
	cl      *kgo.Client
	adm     *kadm.Client
	names   map[string]string // what is called something else than on the other side: address to name
	words   map[string]string // name to address, for arguments
	members map[string]*kgo.Client
	txns    map[string]*kgo.Client
	streams map[string]*kafkatools.StreamsMember
}

func newWorld(ctx context.Context, binary, dir string) (*world, error) {
	w := &world{ctx: ctx, dir: dir, members: make(map[string]*kgo.Client), txns: make(map[string]*kgo.Client),
		streams: make(map[string]*kafkatools.StreamsMember), names: make(map[string]string), words: make(map[string]string)}
	var err error
	w.nodes, err = target.NewCluster(target.ClusterConfig{Kind: target.Leat, Binary: binary, Dir: dir, Nodes: nodes, Listeners: map[string]string{"LOGIN": "SASL_PLAINTEXT"}, Settings: map[string]string{
		"sasl.enabled.mechanisms": "PLAIN", "listener.name.login.plain.sasl.jaas.config": logins(), "delegation.token.secret.key": "a secret that all nodes know",
		"group.initial.rebalance.delay.ms": "0", "auto.leader.rebalance.enable": "false", "offsets.topic.num.partitions": "1", "transaction.state.log.num.partitions": "1",
		"share.coordinator.state.topic.num.partitions": "1", "auto.create.topics.enable": "false", "group.consumer.session.timeout.ms": "45000", "group.streams.initial.rebalance.delay.ms": "0",
		// Members of streams groups send no heartbeats while they are looked at.
		"group.streams.session.timeout.ms": "600000", "group.streams.max.session.timeout.ms": "600000",
		"group.share.min.heartbeat.interval.ms": "300", "group.share.heartbeat.interval.ms": "300",
		// Records are of long ago, and each cluster would delete them at another moment: half a minute after it started, and then at every check.
		"log.initial.task.delay.ms": "3600000", "log.retention.check.interval.ms": "3600000",
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS",
	}})
	if err != nil {
		return nil, err
	}
	started := make(chan error, nodes)
	for _, n := range w.nodes {
		go func() {
			_, err := n.Start(ctx)
			started <- err
		}()
	}
	for range w.nodes {
		err = errors.Join(err, <-started)
	}
	if err != nil {
		return w, err
	}
	for i, n := range w.nodes {
		name := "AT" + strconv.Itoa(i+1)
		w.names[n.Bootstrap()], w.words[name] = name, n.Bootstrap()
		w.names[n.Controller()], w.words["CONTROLLER"+strconv.Itoa(i+1)] = "CONTROLLER"+strconv.Itoa(i+1), n.Controller()
	}
	w.words["LOGIN"] = w.nodes[0].Address("LOGIN")
	w.names[w.nodes[0].Address("LOGIN")] = "LOGIN"
	w.words["AT"], w.words["CONTROLLER"], w.words["DIR"] = w.nodes[0].Bootstrap(), w.nodes[0].Controller(), dir
	w.names[dir] = "DIR"
	w.cl, err = kgo.NewClient(kgo.SeedBrokers(w.nodes[0].Bootstrap()), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.MetadataMinAge(50*time.Millisecond))
	if err == nil {
		w.adm = kadm.NewClient(w.cl)
	}
	return w, err
}

func (w *world) close() {
	for _, m := range w.members {
		m.CloseAllowingRebalance()
	}
	for _, cl := range w.txns {
		cl.Close()
	}
	if w.cl != nil {
		w.cl.Close()
	}
	for _, n := range w.nodes {
		n.Kill()
	}
}

// expand puts addresses and directories in place of their names.
func (w *world) expand(args []string) []string {
	all := make([]string, len(args))
	for i, arg := range args {
		if at, ok := w.words[arg]; ok {
			arg = at
		}
		all[i] = strings.ReplaceAll(arg, "DIR/", w.dir+"/")
	}
	return all
}

// do does what a line of a story says.
func (w *world) do(words []string) error {
	ctx, cancel := context.WithTimeout(w.ctx, fleet.Patience)
	defer cancel()
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	number := func(i int) int64 {
		n, _ := strconv.ParseInt(arg(i), 10, 64) // a story without the number is seen to fail
		return n
	}
	switch words[0] {
	case "topic": // name, brokers of each partition as 1:2,2:3
		return w.topic(ctx, arg(1), arg(2))
	case "produce": // topic, records
		return kafkatools.Produce(ctx, w.cl, arg(1), int(number(2)))
	case "file": // name, text
		return os.WriteFile(filepath.Join(w.dir, arg(1)), []byte(strings.ReplaceAll(strings.ReplaceAll(arg(2), `\n`, "\n"), "DIR/", w.dir+"/")), 0o600)
	case "commit": // group, topic, partition, offset
		var o kadm.Offsets
		o.AddOffset(arg(2), int32(number(3)), number(4), -1)
		return w.adm.CommitAllOffsets(ctx, arg(1), o)
	case "join": // group, topic
		return w.join(ctx, arg(1), arg(2))
	case "leave": // group
		w.members[arg(1)].Close()
		delete(w.members, arg(1))
		return nil
	case "begin": // transactional id, topic
		return w.begin(ctx, arg(1), arg(2))
	case "end": // transactional id
		return w.txns[arg(1)].EndTransaction(ctx, kgo.TryCommit)
	case "consume": // group, topic: a member of a consumer group of the new protocol
		return w.consume(ctx, arg(1), arg(2))
	case "hang": // topic
		return w.hang(ctx, arg(1))
	case "settle": // until every partition of a topic has its replicas in sync and no other
		return w.settle(ctx, arg(1))
	}
	return w.doGroup(ctx, words)
}

// topic makes a topic whose replicas are where the story says, and waits until every node knows it.
func (w *world) topic(ctx context.Context, name, assignment string) error {
	if err := w.create(ctx, name, assignment); err != nil {
		return err
	}
	return w.settle(ctx, name)
}

// join makes a member of a classic group that reads a topic, and waits until it has read everything.
func (w *world) join(ctx context.Context, group, topic string) error {
	want, err := w.records(ctx, topic)
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.nodes[0].Bootstrap()), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic), kgo.ClientID("reader"), kgo.Balancers(kgo.RangeBalancer()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	if err != nil {
		return err
	}
	w.members[group] = cl
	for got := int64(0); got < want; {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			return fmt.Errorf("%s: %d of %d records", group, got, want)
		}
		got += int64(fetches.NumRecords())
	}
	return cl.CommitUncommittedOffsets(ctx)
}

func (w *world) begin(ctx context.Context, id, topic string) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(w.nodes[0].Bootstrap()), kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.TransactionTimeout(10*time.Minute)) // longer than it takes to look at it
	if err != nil {
		return err
	}
	w.txns[id] = cl
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	return cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: []byte("open")}).FirstErr()
}
