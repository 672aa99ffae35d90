package server

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// shareRound has a new member of a share group read until it has seen all records that are left, each with at least the delivery count that it must have by now. It accepts what is to be
// accepted, which is then not left any more, and gives the others back for the next round. It says so of every record before it polls again: the client takes silence for acceptance.
func (c *three) shareRound(group, topic string, left map[string]int32, accept func(value string) bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), 3*time.Minute)
	defer cancel()
	cl := c.cl(kgo.ShareGroup(group), kgo.ConsumeTopics(topic))
	defer cl.Close()
	seen := make(map[string]bool)
	for len(seen) < len(left) {
		fetches := cl.PollFetches(ctx)
		if ctx.Err() != nil {
			c.t.Fatalf("after %d of %d records: %v", len(seen), len(left), fetches.Err())
		}
		fetches.EachRecord(func(r *kgo.Record) {
			value := string(r.Value)
			least, ok := left[value]
			switch {
			case !ok || seen[value] && accept(value):
				c.t.Fatalf("%s is delivered though it was accepted before", value)
			case r.DeliveryCount() < least:
				c.t.Fatalf("%s is delivered for time %d, and this is time %d at least", value, r.DeliveryCount(), least)
			}
			left[value], seen[value] = r.DeliveryCount()+1, true
			if accept(value) {
				r.Ack(kgo.AckAccept)
			} else {
				r.Ack(kgo.AckRelease)
			}
		})
	}
	if err := cl.FlushAcks(ctx); err != nil {
		c.t.Fatalf("acknowledgements: %v", err)
	}
	for value := range left {
		if accept(value) {
			delete(left, value)
		}
	}
}

// shareCoordinator is the node that coordinates a share partition; the topic of the share coordinator is made if need be.
func (c *three) shareCoordinator(cl *kgo.Client, group string, topic kadm.TopicDetail, partition int32) int {
	c.t.Helper()
	var last string
	for range 100 {
		rq := kmsg.NewPtrFindCoordinatorRequest()
		rq.CoordinatorType, rq.CoordinatorKeys = 2, []string{fmt.Sprintf("%s:%s:%d", group, record.UUID(topic.ID), partition)}
		resp, err := rq.RequestWith(c.t.Context(), cl)
		if err == nil && len(resp.Coordinators) == 1 && resp.Coordinators[0].ErrorCode == 0 {
			return int(resp.Coordinators[0].NodeID) - 1
		}
		last = fmt.Sprintf("%+v: %v", resp, err)
		time.Sleep(100 * time.Millisecond)
	}
	c.t.Fatalf("no share coordinator: %s", last)
	return -1
}

// Partitions led by different nodes are read by a share group. The coordinator of one of them, which another node leads, is lost, and then the leader.
func TestClusterShareGroupsOutliveTheirCoordinatorAndTheLeader(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"share.coordinator.state.topic.num.partitions": "6", "group.share.delivery.count.limit": "10"})
		c.start(0, 1, 2)
		defer c.stop()
		c.create("jobs", 3, 3)
		cl := c.cl(kgo.RecordPartitioner(kgo.ManualPartitioner()))
		defer cl.Close()
		adm := kadm.NewClient(cl)
		left := make(map[string]int32)
		for i := range 30 {
			value := fmt.Sprint("job ", i)
			left[value] = 1
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "jobs", Partition: int32(i % 3), Value: []byte(value)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		topics, err := adm.ListTopics(t.Context(), "jobs")
		if err != nil {
			t.Fatal(err)
		}
		leads := func(p int32) int { return int(topics["jobs"].Partitions[p].Leader) - 1 }
		group, watched, coordinator := "", int32(0), 0
		for i := 0; group == "" || coordinator == leads(watched); i++ {
			group, watched = fmt.Sprint("workers-", i), int32(i%3)
			coordinator = c.shareCoordinator(cl, group, topics["jobs"], watched)
		}
		alter, set := kmsg.NewPtrIncrementalAlterConfigsRequest(), kmsg.NewIncrementalAlterConfigsRequestResource()
		set.ResourceType, set.ResourceName = kmsg.ConfigResourceTypeGroupConfig, group
		set.Configs = []kmsg.IncrementalAlterConfigsRequestResourceConfig{
			{Name: "share.auto.offset.reset", Value: new("earliest")},
			{Name: "leat.share.retry.backoff.ms", Value: new("5000")}, // what is given back waits for the next round
			{Name: "leat.share.retry.backoff.max.ms", Value: new("5000")},
		}
		alter.Resources = append(alter.Resources, set)
		if resp, err := alter.RequestWith(t.Context(), cl); err != nil || resp.Resources[0].ErrorCode != 0 {
			t.Fatalf("%+v: %v", resp, err)
		}
		c.inSync("__share_group_state", 3)

		c.shareRound(group, "jobs", left, func(value string) bool { return strings.HasSuffix(value, "0") || strings.HasSuffix(value, "5") })
		if len(left) != 24 {
			t.Fatalf("%d records are left", len(left))
		}
		lost := coordinator
		c.kill(lost)
		c.shareRound(group, "jobs", left, func(value string) bool { return strings.HasSuffix(value, "1") || strings.HasSuffix(value, "4") })
		if got := c.shareCoordinator(cl, group, topics["jobs"], watched); got == lost {
			t.Errorf("node %d, which is lost, is still the coordinator", got+1)
		}
		c.start(lost)
		c.inSync("jobs", 3)
		c.inSync("__share_group_state", 3)
		c.inSync("__consumer_offsets", 3)

		if topics, err = adm.ListTopics(t.Context(), "jobs"); err != nil {
			t.Fatal(err)
		}
		c.kill(leads(watched))
		c.shareRound(group, "jobs", left, func(string) bool { return true })
		if len(left) != 0 {
			t.Errorf("%d records are left in the end", len(left))
		}
	})
}
