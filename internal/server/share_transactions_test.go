package server

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/sim"
)

// configureGroup sets configs of a group.
func configureGroup(t *testing.T, cl *kgo.Client, group string, configs ...string) {
	t.Helper()
	alter, set := kmsg.NewPtrIncrementalAlterConfigsRequest(), kmsg.NewIncrementalAlterConfigsRequestResource()
	set.ResourceType, set.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
	for i := 0; i < len(configs); i += 2 {
		set.Configs = append(set.Configs, kmsg.IncrementalAlterConfigsRequestResourceConfig{Name: configs[i], Value: &configs[i+1]})
	}
	alter.Resources = append(alter.Resources, set)
	resp, err := alter.RequestWith(t.Context(), cl)
	if err != nil || resp.Resources[0].ErrorCode != 0 {
		t.Fatalf("configs of group %s: %+v: %v", group, resp, err)
	}
}

// shared reads as a member of a share group and accepts everything, until nothing has come for so long.
func shared(t *testing.T, cl *kgo.Client, quiet time.Duration) (got []string) {
	t.Helper()
	for {
		ctx, cancel := context.WithTimeout(t.Context(), quiet)
		fetches := cl.PollFetches(ctx)
		late := ctx.Err() != nil
		cancel()
		fetches.EachRecord(func(r *kgo.Record) {
			if r.DeliveryCount() != 1 {
				t.Errorf("%s is delivered for time %d", r.Value, r.DeliveryCount())
			}
			got = append(got, string(r.Value))
			r.Ack(kgo.AckAccept)
		})
		if late {
			if err := cl.FlushAcks(t.Context()); err != nil {
				t.Fatal(err)
			}
			return got
		}
	}
}

// shareStart is where a share group stands in partition 0 of a topic, and its lag.
func shareStart(t *testing.T, cl *kgo.Client, group, topic string) (start, lag int64) {
	t.Helper()
	rq := kmsg.NewPtrDescribeShareGroupOffsetsRequest()
	rq.Groups = []kmsg.DescribeShareGroupOffsetsRequestGroup{{GroupID: group, Topics: []kmsg.DescribeShareGroupOffsetsRequestGroupTopic{{Topic: topic, Partitions: []int32{0}}}}}
	resp, err := rq.RequestWith(t.Context(), cl)
	if err != nil || len(resp.Groups) != 1 || len(resp.Groups[0].Topics) != 1 || resp.Groups[0].Topics[0].Partitions[0].ErrorCode != 0 {
		t.Fatalf("%+v: %v", resp, err)
	}
	p := resp.Groups[0].Topics[0].Partitions[0]
	return p.StartOffset, p.Lag
}

// A group that reads committed records gets nothing of aborted transactions, and nothing past the first open one until that has ended; another group gets everything at once.
func TestShareGroupsReadCommittedRecordsOnly(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		mover := bubbleClient(t, client, n, producer("mover")...)
		defer mover.Close()
		if _, err := kadm.NewClient(mover).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		for _, group := range []string{"careful", "hasty"} {
			configureGroup(t, mover, group, "share.auto.offset.reset", "earliest", "share.isolation.level", map[string]string{"careful": "read_committed", "hasty": "read_uncommitted"}[group])
		}
		plain := bubbleClient(t, client, n, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer plain.Close()
		say := func(cl *kgo.Client, value string) {
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		if err := transact(ctx, mover, "orders", "committed", true, 0); err != nil {
			t.Fatal(err)
		}
		if err := transact(ctx, mover, "orders", "aborted", false, 0); err != nil {
			t.Fatal(err)
		}
		say(plain, "plain")
		open := bubbleClient(t, client, n, producer("open")...)
		defer open.Close()
		if err := open.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		say(open, "open")
		say(plain, "behind it")

		careful := bubbleClient(t, client, n, kgo.ShareGroup("careful"), kgo.ConsumeTopics("orders"))
		defer careful.Close()
		hasty := bubbleClient(t, client, n, kgo.ShareGroup("hasty"), kgo.ConsumeTopics("orders"))
		defer hasty.Close()
		if got := shared(t, hasty, 10*time.Second); !slices.Equal(got, []string{"committed", "aborted", "plain", "open", "behind it"}) {
			t.Errorf("who reads everything gets %q", got)
		}
		if got := shared(t, careful, 10*time.Second); !slices.Equal(got, []string{"committed", "plain"}) {
			t.Errorf("who reads committed records gets %q", got)
		}
		if start, lag := shareStart(t, plain, "careful", "orders"); start != 5 || lag != 2 {
			t.Errorf("before the transaction ends the group stands at %d with a lag of %d", start, lag)
		}
		if err := open.EndTransaction(ctx, kgo.TryAbort); err != nil {
			t.Fatal(err)
		}
		if got := shared(t, careful, 10*time.Second); !slices.Equal(got, []string{"behind it"}) {
			t.Errorf("after the open transaction was aborted come %q", got)
		}
		if err := transact(ctx, mover, "orders", "later", true, 0); err != nil {
			t.Fatal(err)
		}
		if got := shared(t, careful, 10*time.Second); !slices.Equal(got, []string{"later"}) {
			t.Errorf("in the end comes %q", got)
		}
	})
}
