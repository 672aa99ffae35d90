package leatest_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/leatest"
)

func TestOneNodeServesClientsOnLoopback(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 3))
	host, _, err := net.SplitHostPort(c.BootstrapServers())
	if err != nil || host != "127.0.0.1" {
		t.Fatalf("bootstrap servers %q", c.BootstrapServers())
	}
	write(t, c, "orders", 0, 10)
	read(t, c, "orders", 10)
}

// write produces numbered records, one after the other, each acknowledged by all in-sync replicas.
func write(t *testing.T, c *leatest.Cluster, topic string, from, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.Client()
	for i := from; i < from+count; i++ {
		if err := cl.ProduceSync(ctx, &kgo.Record{Topic: topic, Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatalf("record %d: %v", i, err)
		}
	}
}

// read expects the records 0 to count-1, each once.
func read(t *testing.T, c *leatest.Cluster, topic string, count int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cl := c.Client(kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	seen := map[string]int{}
	for len(seen) < count {
		fetches := cl.PollFetches(ctx)
		if err := ctx.Err(); err != nil {
			t.Fatalf("%d of %d records: %v", len(seen), count, err)
		}
		fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
	}
	for i := range count {
		if n := seen[fmt.Sprint(i)]; n != 1 {
			t.Errorf("record %d was read %d times", i, n)
		}
	}
}

var three = []leatest.Option{leatest.Nodes(3), leatest.TopicWith("orders", 1, map[string]string{"min.insync.replicas": "2"})}

func TestNodesGoAndComeBack(t *testing.T) {
	for _, bubble := range []bool{false, true} {
		t.Run(map[bool]string{false: "on real time", true: "on virtual time"}[bubble], func(t *testing.T) {
			in(t, bubble, func(t *testing.T) {
				c := leatest.Start(t, three...)
				write(t, c, "orders", 0, 10)
				for i, away := range []func(n *leatest.Node){(*leatest.Node).Stop, (*leatest.Node).Kill, (*leatest.Node).Crash} {
					n := c.Node(i + 1)
					away(n)
					if n.Running() || len(c.Addresses()) != 2 {
						t.Fatalf("node %d is away, and there are %v", n.ID(), c.Addresses())
					}
					write(t, c, "orders", 10*(i+1), 10)
					at := n.Address()
					n.Restart()
					if n.Address() != at {
						t.Errorf("node %d was at %s and is at %s", n.ID(), at, n.Address())
					}
				}
				read(t, c, "orders", 40)
			})
		})
	}
}

// in runs a test in a bubble, or not.
func in(t *testing.T, bubble bool, test func(t *testing.T)) {
	t.Helper()
	if bubble {
		synctest.Test(t, test)
		return
	}
	test(t)
}

func TestFaultsStopWhatTheySayAndHeal(t *testing.T) {
	for _, bubble := range []bool{false, true} {
		for name, f := range map[string]struct{ strike, heal func(n *leatest.Node) }{
			"isolated":           {(*leatest.Node).Isolate, (*leatest.Node).Rejoin},
			"cut from clients":   {(*leatest.Node).CutClients, (*leatest.Node).Rejoin},
			"with its disk full": {(*leatest.Node).FillDisk, (*leatest.Node).FreeDisk},
		} {
			t.Run(fmt.Sprintf("%s, virtual time %v", name, bubble), func(t *testing.T) {
				in(t, bubble, func(t *testing.T) {
					c := leatest.Start(t, leatest.Topic("orders", 1))
					write(t, c, "orders", 0, 1)
					f.strike(c.Node(1))
					var done atomic.Bool
					written := make(chan struct{})
					cl := c.Client(kgo.RecordDeliveryTimeout(2 * time.Minute))
					large := []kgo.RecordHeader{{Key: "large", Value: make([]byte, 8<<10)}} // what is left of a page is no room for it
					cl.Produce(t.Context(), &kgo.Record{Topic: "orders", Value: []byte("1"), Headers: large}, func(_ *kgo.Record, err error) {
						if err != nil {
							t.Errorf("record 1: %v", err)
						}
						done.Store(true)
						close(written)
					})
					if bubble { // what nothing stops is done at once
						time.Sleep(500 * time.Millisecond)
						if done.Load() {
							t.Error("a record was written although nothing should pass")
						}
					}
					f.heal(c.Node(1))
					<-written
					read(t, c, "orders", 2)
				})
			})
		}
	}
}

func TestMisfortuneLosesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := leatest.Start(t, three...)
		end := c.Misfortune(leatest.Misfortune{Seed: 7, Kill: true, Stop: true, Isolate: true, Drop: true, Delay: 50 * time.Millisecond})
		cl := c.Client(kgo.RecordDeliveryTimeout(5 * time.Minute))
		for i := range 300 {
			if err := cl.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
				t.Fatalf("record %d: %v", i, err)
			}
			time.Sleep(200 * time.Millisecond)
		}
		end()
		read(t, c, "orders", 300)
	})
}

func TestTenMinutesOfAGroupOnVirtualTime(t *testing.T) {
	begin := time.Now()
	synctest.Test(t, groupLife)
	t.Logf("ten minutes took %s", time.Since(begin))
}

// groupLife is ten minutes of a consumer group: heartbeats, a record a second, and a commit for each.
func groupLife(t *testing.T) {
	c := leatest.Start(t, leatest.Topic("orders", 4))
	began := time.Now()
	producer := c.Client()
	consumer := c.Client(kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.DisableAutoCommit())
	for i := range 600 {
		if err := producer.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		fetches := consumer.PollRecords(t.Context(), 1)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		if err := consumer.CommitRecords(t.Context(), fetches.Records()...); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Until(began.Add(time.Duration(i+1) * time.Second)))
	}
	if passed := time.Since(began); passed < 10*time.Minute {
		t.Errorf("%s passed", passed)
	}
}

func BenchmarkStart(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			for b.Loop() {
				t := &brief{TB: b}
				leatest.Start(t, leatest.Nodes(nodes))
				b.StopTimer()
				t.end()
				b.StartTimer()
			}
		})
	}
}

// brief is a test that ends before the benchmark does.
type brief struct {
	testing.TB
	cleanups []func()
}

func (t *brief) Cleanup(f func()) { t.cleanups = append(t.cleanups, f) }

func (t *brief) end() {
	for _, f := range slices.Backward(t.cleanups) {
		f()
	}
}
