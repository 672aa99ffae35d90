package server

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/sim"
)

// rejectAll has a member of a share group reject so many records.
func rejectAll(ctx context.Context, t *testing.T, cl *kgo.Client, count int) {
	t.Helper()
	for count > 0 {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d records are still to be rejected: %v", count, fetches.Errors())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			r.Ack(kgo.AckReject)
			count--
		})
	}
	if err := cl.FlushAcks(ctx); err != nil {
		t.Fatal(err)
	}
}

// letters reads dead letters until there are so many, each as text.
func letters(ctx context.Context, t *testing.T, cl *kgo.Client, count int) map[string]int {
	t.Helper()
	got := make(map[string]int)
	for len(got) < count {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			t.Fatalf("%d of %d dead letters: %v: %v", len(got), count, got, fetches.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			text := fmt.Sprintf("%s=%s", r.Key, r.Value)
			for _, h := range r.Headers {
				text += fmt.Sprintf(" %s:%s", h.Key, h.Value)
			}
			got[text]++
		})
	}
	return got
}

// letter is the text of the dead letter of a record that was rejected at its first delivery.
func letter(key, value string, offset int) string {
	return fmt.Sprintf("%s=%s __dlq.errors.topic:jobs __dlq.errors.partition:0 __dlq.errors.offset:%d __dlq.errors.group:workers __dlq.errors.delivery.count:1 __dlq.errors.message:Offset rejected by client.",
		key, value, offset)
}

// The topic of dead letters is made when the first one comes, if the cluster says so, and the key and value of a record come with it if the group says so.
func TestShareDeadLetterTopicIsMade(t *testing.T) {
	solo(t, map[string]string{"errors.deadletterqueue.auto.create.topics.enable": "true", "errors.deadletterqueue.topic.name.prefix": "lost.", "num.partitions": "2"},
		func(t *testing.T, client *sim.Host, n *bubbleNode) {
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
			defer cancel()
			cl := bubbleClient(t, client, n, kgo.ProducerBatchCompression(kgo.NoCompression()))
			defer cl.Close()
			adm := kadm.NewClient(cl)
			if _, err := adm.CreateTopic(ctx, 1, 1, nil, "jobs"); err != nil {
				t.Fatal(err)
			}
			configureGroup(t, cl, "workers", "share.auto.offset.reset", "earliest", "errors.deadletterqueue.topic.name", "lost.jobs", "errors.deadletterqueue.copy.record.enable", "true")
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "jobs", Key: []byte("k"), Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
			member := bubbleClient(t, client, n, kgo.ShareGroup("workers"), kgo.ConsumeTopics("jobs"))
			defer member.Close()
			rejectAll(ctx, t, member, 1)
			var configs kadm.ResourceConfigs
			for range 100 {
				var err error
				if configs, err = adm.DescribeTopicConfigs(ctx, "lost.jobs"); err == nil && configs[0].Err == nil {
					break
				}
				time.Sleep(100 * time.Millisecond)
			}
			enabled := ""
			for _, c := range configs[0].Configs {
				if c.Key == "errors.deadletterqueue.group.enable" {
					enabled = c.MaybeValue()
				}
			}
			if enabled != "true" {
				t.Errorf("the topic that was made has errors.deadletterqueue.group.enable=%q", enabled)
			}
			reader := bubbleClient(t, client, n, kgo.ConsumeTopics("lost.jobs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
			defer reader.Close()
			if got := letters(ctx, t, reader, 1); got[letter("k", "v", 0)] != 1 {
				t.Errorf("the dead letters are %v", got)
			}
			if start, lag := shareStart(t, cl, "workers", "jobs"); start != 1 || lag != 0 {
				t.Errorf("the group stands at %d with a lag of %d", start, lag)
			}
		})
}

// foreignGroup is a share group that another node coordinates than the active controller.
func (c *three) foreignGroup(cl *kgo.Client) string {
	c.t.Helper()
	active := c.active()
	for i := range 100 {
		group := fmt.Sprint("workers-", i)
		rq := kmsg.NewPtrFindCoordinatorRequest()
		rq.CoordinatorKeys = []string{group}
		for range 100 {
			if resp, err := rq.RequestWith(c.t.Context(), cl); err == nil && len(resp.Coordinators) == 1 && resp.Coordinators[0].ErrorCode == 0 {
				if int(resp.Coordinators[0].NodeID)-1 != active {
					return group
				}
				break
			}
			time.Sleep(100 * time.Millisecond)
		}
	}
	c.t.Fatal("the active controller coordinates all groups")
	return ""
}

// What share groups need is made by whichever node needs it: the topic of the share coordinator, and that of dead letters. None of these nodes is the active controller.
func TestClusterShareGroupsHaveTheirTopicsMadeByOtherNodes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"errors.deadletterqueue.auto.create.topics.enable": "true"})
		c.start(0, 1, 2)
		defer c.stop()
		c.create("jobs", 3, 3)
		cl := c.cl(kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer cl.Close()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		topics, err := kadm.NewClient(cl).ListTopics(ctx, "jobs")
		if err != nil {
			t.Fatal(err)
		}
		active, partition := c.active(), int32(0)
		for int(topics["jobs"].Partitions[partition].Leader)-1 == active {
			partition++
		}
		group := c.foreignGroup(cl)
		configureGroup(t, cl, group, "share.auto.offset.reset", "earliest", "errors.deadletterqueue.topic.name", "dlq.jobs")
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "jobs", Partition: partition, Value: []byte("v")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		member := c.cl(kgo.ShareGroup(group), kgo.ConsumeTopics("jobs"))
		defer member.Close()
		rejectAll(ctx, t, member, 1)
		reader := c.cl(kgo.ConsumeTopics("dlq.jobs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		defer reader.Close()
		if got := letters(ctx, t, reader, 1); len(got) != 1 {
			t.Errorf("the dead letters are %v", got)
		}
	})
}

// Dead letters go to the node that leads their topic, and to the next one when that is lost.
func TestClusterShareDeadLettersGoToAnotherNode(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, nil)
		c.start(0, 1, 2)
		defer c.stop()
		c.create("jobs", 1, 3)
		cl := c.cl()
		defer cl.Close()
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		topics, err := kadm.NewClient(cl).ListTopics(ctx, "jobs")
		if err != nil {
			t.Fatal(err)
		}
		leader := topics["jobs"].Partitions[0].Leader
		others := []int32{leader%3 + 1, (leader+1)%3 + 1}
		create, topic := kmsg.NewPtrCreateTopicsRequest(), kmsg.NewCreateTopicsRequestTopic()
		topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "dlq.jobs", -1, -1
		topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: others}}
		topic.Configs = []kmsg.CreateTopicsRequestTopicConfig{{Name: "errors.deadletterqueue.group.enable", Value: new("true")}, {Name: "min.insync.replicas", Value: new("1")}}
		create.Topics, create.TimeoutMillis = append(create.Topics, topic), 30_000
		if resp, err := create.RequestWith(ctx, cl); err != nil || resp.Topics[0].ErrorCode != 0 {
			t.Fatalf("%+v: %v", resp, err)
		}
		configureGroup(t, cl, "workers", "share.auto.offset.reset", "earliest", "errors.deadletterqueue.topic.name", "dlq.jobs")
		say := func(value string) {
			if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "jobs", Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		say("first")
		member := c.cl(kgo.ShareGroup("workers"), kgo.ConsumeTopics("jobs"))
		rejectAll(ctx, t, member, 1)
		reader := c.cl(kgo.ConsumeTopics("dlq.jobs"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		defer reader.Close()
		if got := letters(ctx, t, reader, 1); got[letter("", "", 0)] != 1 {
			t.Errorf("the dead letters are %v", got)
		}
		member.Close()
		c.inSync("dlq.jobs", 2)
		c.inSync("__share_group_state", 3)
		c.inSync("__consumer_offsets", 3)
		c.inSync("jobs", 3)
		c.kill(int(others[0]) - 1)
		say("second")
		member = c.cl(kgo.ShareGroup("workers"), kgo.ConsumeTopics("jobs"))
		defer member.Close()
		rejectAll(ctx, t, member, 1)
		if got := letters(ctx, t, reader, 1); got[letter("", "", 1)] != 1 {
			t.Errorf("the dead letters after the loss are %v", got)
		}
	})
}
