package server

import (
	"context"
	"encoding/binary"
	"flag"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	delayedRecords = flag.Int("delayed", 0, "how many delayed records TestClusterDelayedRecordsOverADay sends; 0: it is left out")
	delayedWithin  = flag.Duration("delayed-within", 24*time.Hour, "virtual time over which TestClusterDelayedRecordsOverADay spreads them")
)

// day is what a reader saw of delayed records whose keys are numbers and whose values are the times at which they are due.
type day struct {
	t     *testing.T
	times []uint8 // how often each was seen
	seen  int
	late  []arrival // by more than 100 ms
	worst time.Duration
	done  chan struct{}
}

func (d *day) take(r *kgo.Record) {
	i := int(binary.BigEndian.Uint32(r.Key))
	due := time.UnixMilli(int64(binary.BigEndian.Uint64(r.Value)))
	if d.times[i]++; d.times[i] > 1 {
		d.t.Errorf("record %d is seen again", i)
	}
	d.seen++
	a := arrival{due, r.Timestamp, time.Now()}
	if a.appended.Before(due) {
		d.t.Errorf("record %d is appended %v before it is due", i, due.Sub(a.appended))
	}
	if by := a.seen.Sub(due); by > 100*time.Millisecond {
		d.late = append(d.late, a)
	} else {
		d.worst = max(d.worst, by)
	}
}

// read takes what comes until the context ends.
func (d *day) read(ctx context.Context, cl *kgo.Client) {
	defer close(d.done)
	for ctx.Err() == nil {
		cl.PollFetches(ctx).EachRecord(d.take)
	}
}

// send has the records wait: due in any order, at whole seconds after all are sent.
func (d *day) send(ctx context.Context, cl *kgo.Client, begin time.Time, within time.Duration) {
	records := len(d.times)
	for i := range records {
		due := begin.Add((time.Duration((i*7919)%records) * (within / time.Duration(records))).Truncate(time.Second))
		r := &kgo.Record{Topic: "later", Key: binary.BigEndian.AppendUint32(nil, uint32(i)), Value: binary.BigEndian.AppendUint64(nil, uint64(due.UnixMilli())),
			Headers: []kgo.RecordHeader{header("leat-deliver-at", due.UnixMilli())}}
		cl.Produce(ctx, r, func(_ *kgo.Record, err error) {
			if err != nil {
				d.t.Errorf("record %d: %v", i, err)
			}
		})
	}
	if err := cl.Flush(ctx); err != nil {
		d.t.Error(err)
	}
	if sent := time.Now(); sent.After(begin) {
		d.t.Errorf("all are sent at %v, and the first was due at %v", sent, begin)
	}
}

// A million delayed records over a virtual day on three nodes: each is seen once, at most 100 ms late, while leaders of the topic and of the timer log
// move; the loss of a node costs the time until another one leads. -delayed 1000000 asks for it, which takes minutes.
func TestClusterDelayedRecordsOverADay(t *testing.T) {
	if *delayedRecords == 0 {
		t.Skip("-delayed is not given")
	}
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"leat.delay.topic.num.partitions": "3"})
		c.start(0, 1, 2)
		defer c.stop()
		ctx, cancel := context.WithTimeout(t.Context(), *delayedWithin+time.Hour)
		defer cancel()
		admin := c.cl()
		defer admin.Close()
		configs := map[string]*string{"leat.delay.enable": new("true"), "min.insync.replicas": new("2"), "message.timestamp.type": new("LogAppendTime")}
		if _, err := kadm.NewClient(admin).CreateTopic(ctx, 3, 3, configs, "later"); err != nil {
			t.Fatal(err)
		}
		soon := 10 * time.Millisecond
		cl := c.cl(kgo.ConsumeTopics("later"), kgo.MetadataMinAge(soon), kgo.RetryBackoffFn(func(int) time.Duration { return soon }))
		defer cl.Close()
		d := &day{t: t, times: make([]uint8, *delayedRecords), done: make(chan struct{})}
		now := binary.BigEndian.AppendUint64(nil, uint64(time.Now().UnixMilli())) // the client gets its producer id, for which it waits with a mutex held
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: "later", Key: make([]byte, 4), Value: now}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		first := cl.PollFetches(ctx)
		if n := first.NumRecords(); n != 1 {
			t.Fatalf("%d records before any is delayed", n)
		}
		go d.read(ctx, cl)
		begin := time.Now().Add(10 * time.Minute)
		d.send(ctx, cl, begin, *delayedWithin)
		quarter := *delayedWithin / 4
		time.Sleep(time.Until(begin.Add(quarter)))
		c.moveLeaders(ctx, admin, "later")
		time.Sleep(quarter)
		c.moveLeaders(ctx, admin, "__leat_timers")
		time.Sleep(quarter)
		crashed := time.Now()
		c.crash(1)
		c.awaitLeaders(ctx, admin, 2, "later", "__leat_timers")
		elected := time.Now()
		time.Sleep(time.Minute)
		c.start(1)
		time.Sleep(time.Until(begin.Add(*delayedWithin + time.Minute)))
		cancel()
		<-d.done
		if d.seen != *delayedRecords {
			t.Errorf("%d of %d records are seen", d.seen, *delayedRecords)
		}
		for _, a := range d.late {
			due := a.due
			if due.After(crashed.Add(-time.Second)) && due.Before(elected) {
				due = elected
			}
			if by := a.seen.Sub(due); by > 100*time.Millisecond {
				t.Errorf("a record due at %v is seen %v late", a.due, by)
			}
		}
		t.Logf("%d records, at most %v late but for %d when a node was lost; leaders were elected after %v", d.seen, d.worst, len(d.late), elected.Sub(crashed))
	})
}
