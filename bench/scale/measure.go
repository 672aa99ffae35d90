package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// measured is what a run has found.
type measured struct {
	Machine    string `json:"machine"`
	Partitions int    `json:"partitions"`

	IdleBroker float64 `json:"idle_broker_bytes"` // memory of a broker that knows no partition
	Image      float64 `json:"image_bytes"`       // memory of a node for each partition of the cluster that it does not hold
	Log        float64 `json:"log_bytes"`         // and what it takes more for one that it holds
	MetaLog    float64 `json:"metadata_log_bytes"`
	Snapshot   float64 `json:"snapshot_bytes"`
	Files      float64 `json:"files"`
	Room       float64 `json:"room_bytes"` // on the disk, for a replica without records
	Create     float64 `json:"create_seconds"`

	Idle []idle `json:"idle"`
}

// idle is a cluster at rest.
type idle struct {
	Brokers    int     `json:"brokers"`
	Pairs      int     `json:"pairs"`      // of a follower and a leader
	Controller float64 `json:"controller"` // share of a processor
	Broker     float64 `json:"broker"`     // the same, of each broker
	Wire       float64 `json:"wire"`       // bytes a second of all together
}

const rest = 10 * time.Second

func measure(ctx context.Context, binary string, partitions int) (measured, error) {
	m := measured{Partitions: partitions, Machine: fmt.Sprintf("%d processors, %s", runtime.NumCPU(), runtime.Version())}
	dir, err := os.MkdirTemp("", "leat-scale-")
	if err != nil {
		return m, err
	}
	defer os.RemoveAll(dir)
	for _, brokers := range []int{3, 10, 20} {
		rows, err := atRest(ctx, binary, filepath.Join(dir, fmt.Sprint(brokers)), brokers)
		if err != nil {
			return m, err
		}
		m.Idle = append(m.Idle, rows...)
	}
	return m, m.many(ctx, binary, filepath.Join(dir, "many"))
}

// atRest looks at brokers without topics, and again with a topic in which every broker follows most others.
func atRest(ctx context.Context, binary, dir string, brokers int) ([]idle, error) {
	nodes, err := cluster(binary, dir, brokers)
	if err != nil {
		return nil, err
	}
	defer stopAll(nodes)
	bare, err := observe(ctx, nodes)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", brokerPort(2))))
	if err != nil {
		return nil, err
	}
	defer client.Close()
	var led [][]int32
	for a := range brokers {
		for b := range brokers {
			if a != b {
				led = append(led, []int32{int32(a + 2), int32(b + 2)})
			}
		}
	}
	if err := create(ctx, client, "pairs", led); err != nil {
		return nil, err
	}
	client.Close()
	follow, err := observe(ctx, nodes)
	follow.Pairs = len(led)
	return []idle{bare, follow}, err
}

// cluster starts a controller, node 1, and brokers beside it.
func cluster(binary, dir string, brokers int, sets ...string) ([]*node, error) {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	var nodes []*node
	for id := 1; id <= brokers+1; id++ {
		roles := "broker"
		if id == 1 {
			roles = "controller"
		}
		n, err := start(binary, dir, id, roles, sets...)
		if err != nil {
			stopAll(nodes)
			return nil, err
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func observe(ctx context.Context, nodes []*node) (idle, error) {
	brokers := float64(len(nodes) - 1)
	if err := wait(ctx, 3*time.Second); err != nil {
		return idle{}, err
	}
	began := time.Now()
	cpu := make([]float64, len(nodes))
	for i, n := range nodes {
		cpu[i] = n.cpu()
	}
	wire := loopback()
	if err := wait(ctx, rest); err != nil {
		return idle{}, err
	}
	took := time.Since(began).Seconds()
	o := idle{Brokers: len(nodes) - 1, Wire: (loopback() - wire) / took}
	for i, n := range nodes {
		share := (n.cpu() - cpu[i]) / took
		if i == 0 {
			o.Controller = share
		} else {
			o.Broker += share / brokers
		}
	}
	return o, nil
}

func wait(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// create makes a topic whose partitions have these replicas.
func create(ctx context.Context, client *kgo.Client, name string, replicas [][]int32) error {
	req := kmsg.NewPtrCreateTopicsRequest()
	req.TimeoutMillis = 60_000
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = name, -1, -1
	for i, on := range replicas {
		topic.ReplicaAssignment = append(topic.ReplicaAssignment, kmsg.CreateTopicsRequestTopicReplicaAssignment{Partition: int32(i), Replicas: on})
	}
	req.Topics = append(req.Topics, topic)
	resp, err := req.RequestWith(ctx, client)
	if err != nil {
		return err
	}
	if t := resp.Topics[0]; t.ErrorCode != 0 {
		return fmt.Errorf("topic %s: error %d", name, t.ErrorCode)
	}
	return nil
}

// many makes very many partitions on one of two brokers: the other one knows of them, and has none.
func (m *measured) many(ctx context.Context, binary, dir string) error {
	const between = "metadata.log.max.record.bytes.between.snapshots=1000000"
	nodes, err := cluster(binary, dir, 2, between)
	if err != nil {
		return err
	}
	defer func() { stopAll(nodes) }()
	if err := wait(ctx, 2*time.Second); err != nil {
		return err
	}
	m.IdleBroker = (nodes[1].resident() + nodes[2].resident()) / 2
	metadata := filepath.Join(nodes[2].dir, "__cluster_metadata-0")
	before, err := largest(metadata, ".log")
	if err != nil {
		return err
	}
	files, room, err := lies(nodes[1].dir)
	if err != nil {
		return err
	}
	if err := m.fill(ctx); err != nil {
		return err
	}
	after, err := largest(metadata, ".log")
	if err != nil {
		return err
	}
	count := float64(m.Partitions)
	m.MetaLog = (after - before) / count
	// Memory is that after a restart: what creation left behind is not counted.
	stopAll(nodes)
	if nodes, err = cluster(binary, dir, 2, between); err != nil {
		return err
	}
	if err := wait(ctx, 8*time.Second); err != nil {
		return err
	}
	knows, has := nodes[2].resident(), nodes[1].resident()
	m.Image, m.Log = (knows-m.IdleBroker)/count, (has-knows)/count
	snapshot, err := largest(metadata, ".checkpoint")
	if err != nil {
		return err
	}
	m.Snapshot = snapshot / count
	moreFiles, moreRoom, err := lies(nodes[1].dir)
	if err != nil {
		return err
	}
	m.Files, m.Room = float64(moreFiles-files)/count, (moreRoom-room-(after-before)-snapshot)/count
	return nil
}

// fill makes topics of 1,000 partitions on broker 2, and waits until all are led.
func (m *measured) fill(ctx context.Context) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(fmt.Sprintf("127.0.0.1:%d", brokerPort(2))))
	if err != nil {
		return err
	}
	defer client.Close()
	began := time.Now()
	replicas := make([][]int32, 1000)
	for i := range replicas {
		replicas[i] = []int32{2}
	}
	topics := m.Partitions / len(replicas)
	for i := range topics {
		if err := create(ctx, client, fmt.Sprintf("topic-%04d", i), replicas); err != nil {
			return err
		}
	}
	for {
		// The last topic is the last that the broker takes up.
		ends, err := kadm.NewClient(client).ListEndOffsets(ctx, fmt.Sprintf("topic-%04d", topics-1))
		if err == nil && ends.Error() == nil {
			m.Create = time.Since(began).Seconds() / float64(m.Partitions)
			return nil
		}
		if err := wait(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// largest is the size of the largest file with this ending.
func largest(dir, ending string) (float64, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0, err
	}
	most := int64(-1)
	for _, e := range entries {
		if info, err := e.Info(); err == nil && strings.HasSuffix(e.Name(), ending) {
			most = max(most, info.Size())
		}
	}
	if most < 0 {
		return 0, fmt.Errorf("%s: no file that ends with %s", dir, ending)
	}
	return float64(most), nil
}
