package server

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// arrival is a delayed record as a reader of three nodes saw it.
type arrival struct{ due, appended, seen time.Time }

// arrivals reads a topic whose records have the time of their append, and whose values are the times at which they are due.
type arrivals struct {
	mu   sync.Mutex
	all  map[string][]arrival // by key
	next map[int32]int64      // by partition
	t    *testing.T
	done chan struct{}
}

func readArrivals(ctx context.Context, t *testing.T, cl *kgo.Client) *arrivals {
	t.Helper()
	a := &arrivals{all: make(map[string][]arrival), next: make(map[int32]int64), t: t, done: make(chan struct{})}
	go func() {
		defer close(a.done)
		for ctx.Err() == nil {
			cl.PollFetches(ctx).EachRecord(a.take)
		}
	}()
	return a
}

func (a *arrivals) take(r *kgo.Record) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r.Offset != a.next[r.Partition] {
		a.t.Errorf("partition %d: offset %d follows %d", r.Partition, r.Offset, a.next[r.Partition]-1)
	}
	a.next[r.Partition] = r.Offset + 1
	due, err := strconv.ParseInt(string(r.Value), 10, 64)
	if err != nil {
		a.t.Error(err)
	}
	a.all[string(r.Key)] = append(a.all[string(r.Key)], arrival{time.UnixMilli(due), r.Timestamp, time.Now()})
}

// worst is by how much records were appended late, and seen late. Those due while a partition had no leader count from when it had one.
func (a *arrivals) worst(from, to time.Time) (appended, seen time.Duration) {
	for key, all := range a.all {
		at := all[0]
		if len(all) != 1 {
			a.t.Errorf("%s is seen %d times", key, len(all))
		}
		if at.appended.Before(at.due) {
			a.t.Errorf("%s is appended %v before it is due", key, at.due.Sub(at.appended))
		}
		due := at.due
		if due.After(from) && due.Before(to) {
			due = to
		}
		appended, seen = max(appended, at.appended.Sub(due)), max(seen, at.seen.Sub(due))
	}
	return appended, seen
}

// awaitLeaders waits until no partition of the topics is led by a node.
func (c *three) awaitLeaders(ctx context.Context, cl *kgo.Client, lost int32, topics ...string) {
	c.t.Helper()
	for {
		all, err := kadm.NewClient(cl).ListTopics(ctx, topics...)
		if err != nil {
			c.t.Fatal(err)
		}
		without := 0
		all.EachPartition(func(p kadm.PartitionDetail) {
			if p.Leader < 0 || p.Leader == lost {
				without++
			}
		})
		if without == 0 {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// moveLeaders has every partition led by the next of its replicas, in order.
func (c *three) moveLeaders(ctx context.Context, cl *kgo.Client, topics ...string) {
	c.t.Helper()
	adm := kadm.NewClient(cl)
	all, err := adm.ListTopics(ctx, topics...)
	if err != nil {
		c.t.Fatal(err)
	}
	var move kadm.AlterPartitionAssignmentsReq
	elect := make(kadm.TopicsSet)
	all.EachPartition(func(p kadm.PartitionDetail) {
		move.Assign(p.Topic, p.Partition, append(p.Replicas[1:len(p.Replicas):len(p.Replicas)], p.Replicas[0]))
		elect.Add(p.Topic, p.Partition)
	})
	if resp, err := adm.AlterPartitionAssignments(ctx, move); err != nil || resp.Error() != nil {
		c.t.Fatal(err, resp.Error())
	}
	time.Sleep(time.Second)
	if _, err := adm.ElectLeaders(ctx, kadm.ElectPreferredReplica, elect); err != nil {
		c.t.Fatal(err)
	}
}

// leaders counts the leader changes that the partitions of a topic have had.
func (c *three) leaderEpochs(ctx context.Context, cl *kgo.Client, topic string) (sum int) {
	c.t.Helper()
	rq := kmsg.NewPtrMetadataRequest()
	rq.Topics = []kmsg.MetadataRequestTopic{{Topic: &topic}}
	resp, err := rq.RequestWith(ctx, cl)
	if err != nil {
		c.t.Fatal(err)
	}
	for _, p := range resp.Topics[0].Partitions {
		sum += int(p.LeaderEpoch)
	}
	return sum
}

// sendDelayed sends records whose times lie evenly in the time to come, some by the time, some by the delay.
func (c *three) sendDelayed(ctx context.Context, cl *kgo.Client, records int, within time.Duration) {
	c.t.Helper()
	begin := time.Now().Add(2 * time.Second)
	for i := range records {
		due := begin.Add(time.Duration((i*7919)%records) * within / time.Duration(records))
		r := &kgo.Record{Topic: "later", Key: []byte(strconv.Itoa(i)), Headers: []kgo.RecordHeader{header("leat-deliver-at", due.UnixMilli())}}
		if i%2 == 1 {
			due = due.Truncate(time.Millisecond)
			r.Headers = []kgo.RecordHeader{header("leat-deliver-after", time.Until(due).Milliseconds())}
		}
		r.Value = []byte(strconv.FormatInt(due.UnixMilli(), 10))
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				c.t.Errorf("%s: %v", r.Key, err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		c.t.Error(err)
	}
}

// Each delayed record is appended at most 100 ms late and read at most 100 ms late while leaders of the topic and of the timer log move, one
// after the other and together; the loss of a node costs the time until another one leads and nothing after that.
func TestClusterDelayedRecordsAreOnTimeWhileLeadersChange(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"leat.delay.topic.num.partitions": "3"})
		c.start(0, 1, 2)
		defer c.stop()
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		admin := c.cl()
		defer admin.Close()
		configs := map[string]*string{"leat.delay.enable": new("true"), "min.insync.replicas": new("2"), "message.timestamp.type": new("LogAppendTime")}
		if _, err := kadm.NewClient(admin).CreateTopic(ctx, 3, 3, configs, "later"); err != nil {
			t.Fatal(err)
		}
		soon := 10 * time.Millisecond // what counts is when a record can be seen, not how long the client rests when a leader has moved
		cl := c.cl(kgo.ConsumeTopics("later"), kgo.FetchMaxWait(soon), kgo.MetadataMinAge(soon), kgo.RetryBackoffFn(func(int) time.Duration { return soon }))
		defer cl.Close()
		a := readArrivals(ctx, t, cl)
		const records = 12000
		now := []byte(strconv.FormatInt(time.Now().UnixMilli(), 10)) // the client gets its producer id, for which it waits with a mutex held
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "later", Key: []byte("first"), Value: now}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		c.sendDelayed(ctx, cl, records, 4*time.Minute)
		time.Sleep(20 * time.Second)
		c.moveLeaders(ctx, admin, "later")
		time.Sleep(20 * time.Second)
		c.moveLeaders(ctx, admin, "__leat_timers")
		time.Sleep(20 * time.Second)
		c.moveLeaders(ctx, admin, "later", "__leat_timers")
		for _, topic := range []string{"later", "__leat_timers"} {
			if n := c.leaderEpochs(ctx, admin, topic); n < 6 {
				t.Errorf("%s had %d changes of leaders", topic, n)
			}
		}
		time.Sleep(20 * time.Second)
		crashed := time.Now()
		c.crash(1)
		c.awaitLeaders(ctx, admin, 2, "later", "__leat_timers")
		elected := time.Now()
		time.Sleep(40 * time.Second)
		c.start(1)
		time.Sleep(3 * time.Minute)
		cancel()
		<-a.done
		if len(a.all) != records+1 {
			t.Errorf("%d records are seen", len(a.all))
		}
		appended, seen := a.worst(crashed.Add(-time.Second), elected) // what was appended and not replicated waits, too
		t.Logf("appended at most %v late, seen at most %v late; leaders were elected after %v", appended, seen, elected.Sub(crashed))
		if without := elected.Sub(crashed); without > time.Second {
			t.Errorf("leaders were elected %v after the crash", without)
		}
		if limit := 100 * time.Millisecond; appended > limit || seen > limit {
			t.Errorf("records are appended %v and seen %v after they are due", appended, seen)
		}
	})
}
