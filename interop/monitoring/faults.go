package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// silence wants no alert while all is well.
func (r *run) silence() error {
	firing, err := r.prometheus.firing(r.ctx)
	if err == nil && len(firing) > 0 {
		err = fmt.Errorf("alerts fire although all is well: %v", names(firing))
	}
	return err
}

func names(of map[string]bool) []string { return slices.Sorted(maps.Keys(of)) }

// faults brings about one thing after the other. What has been broken stays broken, so that alerts of before may go on firing.
func (r *run) faults() error {
	before := map[string]bool{}
	for _, f := range []struct {
		name   string
		do     func() error
		alerts []string
	}{
		{"a group is behind", r.leaveBehind, []string{"LeatConsumerLag"}},
		{"a client over its quota", r.overQuota, []string{"LeatClientsThrottled"}},
		{"a certificate at its end", func() error { return writeCertificate(r.pem, 5*24*time.Hour) }, []string{"LeatCertificateExpires"}},
		{"a disk almost full", func() error { return r.fill("leat.disk.soft.free.bytes") }, []string{"LeatDiskAlmostFull"}},
		{"a node killed", func() error { r.nodes[2].Kill(); return nil },
			[]string{"LeatNodeDown", "LeatBrokersFenced", "LeatUnderReplicated", "LeatUnderMinIsr", "LeatOfflinePartitions"}},
		{"queries about faults", func() error { return r.ask(strimziRows("after a fault"), "strimzi, after a fault,") }, nil},
		{"a majority killed", func() error { r.nodes[1].Kill(); return nil }, []string{"LeatNoActiveController"}},
	} {
		began := time.Now()
		if err := f.do(); err != nil {
			return fmt.Errorf("%s: %w", f.name, err)
		}
		if err := r.eventually(f.name, func() error { return r.fire(f.alerts, before) }); err != nil {
			return err
		}
		for _, a := range f.alerts {
			before[a] = true
		}
		fmt.Printf("monitoring  %-26s -> %v  %.1f s\n", f.name, f.alerts, time.Since(began).Seconds())
	}
	return nil
}

// fire wants some alerts to fire, and none beside them but those of before.
func (r *run) fire(wanted []string, before map[string]bool) error {
	firing, err := r.prometheus.firing(r.ctx)
	if err != nil {
		return err
	}
	for _, name := range wanted {
		if !firing[name] {
			return fmt.Errorf("%s does not fire, only %v", name, names(firing))
		}
	}
	for name := range firing {
		if !before[name] && !slices.Contains(wanted, name) {
			return fmt.Errorf("%s fires, too", name)
		}
	}
	return nil
}

// leaveBehind writes records of an hour ago that nobody reads.
func (r *run) leaveBehind() error {
	c, err := r.load.client(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	for range 100 {
		record := &kgo.Record{Topic: strict, Partition: 0, Value: []byte("late"), Timestamp: time.Now().Add(-time.Hour)}
		if err := c.ProduceSync(r.ctx, record).FirstErr(); err != nil {
			return err
		}
	}
	return nil
}

// overQuota has a client write more than it may.
func (r *run) overQuota() error {
	id := "greedy"
	altered, err := r.load.admin.AlterClientQuotas(r.ctx, []kadm.AlterClientQuotaEntry{{
		Entity: kadm.ClientQuotaEntity{{Type: "client-id", Name: &id}}, Ops: []kadm.AlterClientQuotaOp{{Key: "producer_byte_rate", Value: 2000}},
	}})
	if err != nil || altered[0].Err != nil {
		return errors.Join(err, altered[0].Err)
	}
	c, err := kgo.NewClient(kgo.SeedBrokers(r.load.seeds...), kgo.ClientID(id), kgo.DefaultProduceTopic(ordinary), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	ctx := r.load.ctx
	go func() {
		for ctx.Err() == nil {
			record := &kgo.Record{Value: make([]byte, 5000)}
			if err := c.ProduceSync(ctx, record).FirstErr(); err != nil {
				return // the load ends, or the cluster is gone
			}
		}
	}()
	return nil
}

// fill has the nodes hold their disks for nearly full.
func (r *run) fill(key string) error {
	mark := "4611686018427387904"
	results, err := r.load.admin.AlterBrokerConfigs(r.ctx, []kadm.AlterConfig{{Op: kadm.SetConfig, Name: key, Value: &mark}})
	for _, one := range results {
		err = errors.Join(err, one.Err)
	}
	return err
}

// placeOn makes a topic with one partition and one replica on a broker.
func placeOn(ctx context.Context, c *kgo.Client, topic string, broker int32) error {
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = topic, -1, -1
	a := kmsg.NewCreateTopicsRequestTopicReplicaAssignment()
	a.Partition, a.Replicas = 0, []int32{broker}
	t.ReplicaAssignment = append(t.ReplicaAssignment, a)
	one := kmsg.NewCreateTopicsRequestTopicConfig()
	one.Name, one.Value = "min.insync.replicas", kadm.StringPtr("1")
	t.Configs = append(t.Configs, one)
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.Topics, rq.TimeoutMillis = append(rq.Topics, t), 10_000
	resp, err := rq.RequestWith(ctx, c)
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(resp.Topics[0].ErrorCode)
}
