package server

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/fs"
	"leat/internal/sim"
)

// Transactions with a real client on virtual time.

// solo runs one node in a bubble, with a machine for clients.
func solo(t *testing.T, set map[string]string, f func(t *testing.T, client *sim.Host, n *bubbleNode)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		n := bubbleStart(t, network.Host("node"), fs.NewMem(), set)
		f(t, network.Host("client"), n)
		n.shutDown(t)
	})
}

// transact runs one transaction that writes a value to partitions of a topic, and ends it.
func transact(ctx context.Context, cl *kgo.Client, topic, value string, commit bool, partitions ...int32) error {
	if err := cl.BeginTransaction(); err != nil {
		return err
	}
	for _, p := range partitions {
		cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: p, Value: []byte(value)}, nil)
	}
	if err := cl.Flush(ctx); err != nil {
		return errors.Join(err, cl.EndTransaction(ctx, kgo.TryAbort))
	}
	return cl.EndTransaction(ctx, kgo.TransactionEndTry(commit))
}

// valuesIn reads a topic's partitions up to their last stable offsets, or with uncommitted to their ends.
func valuesIn(t *testing.T, cl *kgo.Client, topic string, uncommitted bool) (got []string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	adm := kadm.NewClient(cl)
	list := adm.ListCommittedOffsets
	if uncommitted {
		list = adm.ListEndOffsets
	}
	ends, err := list(ctx, topic)
	if err != nil {
		t.Fatal(err)
	}
	at := make(map[int32]int64)
	left := func() bool {
		more := false
		ends.Each(func(o kadm.ListedOffset) { more = more || at[o.Partition] < o.Offset })
		return more
	}
	for left() {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatalf("after %v of %v: %v", at, ends, err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			at[r.Partition] = r.Offset + 1
			if !r.Attrs.IsControl() {
				got = append(got, string(r.Value))
			}
		})
	}
	slices.Sort(got)
	return got
}

func reader(committed bool, topic string) []kgo.Opt {
	level := kgo.ReadUncommitted()
	if committed {
		level = kgo.ReadCommitted()
	}
	return []kgo.Opt{kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(level), kgo.KeepControlRecords()}
}

func producer(id string, opts ...kgo.Opt) []kgo.Opt {
	return append([]kgo.Opt{kgo.TransactionalID(id), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerBatchCompression(kgo.NoCompression())}, opts...)
}

func TestTransactionsCommitAndAbort(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		cl := bubbleClient(t, client, n, producer("mover")...)
		defer cl.Close()
		if _, err := kadm.NewClient(cl).CreateTopic(ctx, 2, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			if err := transact(ctx, cl, "orders", fmt.Sprint("t", i), i%2 == 0, 0, 1); err != nil {
				t.Fatalf("transaction %d: %v", i, err)
			}
		}
		time.Sleep(time.Second)
		committed := bubbleClient(t, client, n, reader(true, "orders")...)
		defer committed.Close()
		if got := valuesIn(t, committed, "orders", true); !slices.Equal(got, []string{"t0", "t0", "t2", "t2", "t4", "t4"}) {
			t.Errorf("committed are %v", got)
		}
		all := bubbleClient(t, client, n, reader(false, "orders")...)
		defer all.Close()
		if got := valuesIn(t, all, "orders", true); len(got) != 12 {
			t.Errorf("%d records in all", len(got))
		}
	})
}

func TestTransactionsAZombieIsFenced(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		zombie := bubbleClient(t, client, n, producer("mover")...)
		defer zombie.Close()
		if _, err := kadm.NewClient(zombie).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		if err := zombie.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := zombie.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("undecided")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		next := bubbleClient(t, client, n, producer("mover")...)
		defer next.Close()
		if err := transact(ctx, next, "orders", "of the next", true, 0); err != nil {
			t.Fatal(err)
		}
		if err := zombie.EndTransaction(ctx, kgo.TryCommit); !errors.Is(err, kerr.ProducerFenced) && !errors.Is(err, kerr.InvalidProducerEpoch) {
			t.Errorf("the zombie committed: %v", err)
		}
		committed := bubbleClient(t, client, n, reader(true, "orders")...)
		defer committed.Close()
		if got := valuesIn(t, committed, "orders", true); !slices.Equal(got, []string{"of the next"}) {
			t.Errorf("committed are %v", got)
		}
	})
}

func TestTransactionsOpenTooLongAreAborted(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		slow := bubbleClient(t, client, n, producer("slow", kgo.TransactionTimeout(10*time.Second))...)
		defer slow.Close()
		if _, err := kadm.NewClient(slow).CreateTopic(ctx, 1, 1, nil, "orders"); err != nil {
			t.Fatal(err)
		}
		if err := slow.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		if err := slow.ProduceSync(ctx, &kgo.Record{Topic: "orders", Value: []byte("slow")}).FirstErr(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		if err := slow.EndTransaction(ctx, kgo.TryCommit); err == nil {
			t.Error("a transaction that timed out was committed")
		}
		committed := bubbleClient(t, client, n, reader(true, "orders")...)
		defer committed.Close()
		if got := valuesIn(t, committed, "orders", true); len(got) != 0 {
			t.Errorf("committed are %v", got)
		}
	})
}

func TestTransactionsCarryOffsetsOfGroups(t *testing.T) {
	solo(t, nil, func(t *testing.T, client *sim.Host, n *bubbleNode) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
		defer cancel()
		plain := bubbleClient(t, client, n)
		defer plain.Close()
		if _, err := kadm.NewClient(plain).CreateTopics(ctx, 1, 1, nil, "in", "out"); err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			if err := plain.ProduceSync(ctx, &kgo.Record{Topic: "in", Value: fmt.Append(nil, i)}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		s, err := kgo.NewGroupTransactSession(kgo.SeedBrokers(n.addr), kgo.Dialer(client.DialContext), kgo.TransactionalID("copier"), kgo.ConsumerGroup("copiers"),
			kgo.ConsumeTopics("in"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()), kgo.FetchIsolationLevel(kgo.ReadCommitted()),
			kgo.ProducerBatchCompression(kgo.NoCompression()))
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for copied, round := 0, 0; copied < 20; round++ {
			fetches := s.PollRecords(ctx, 3)
			if err := fetches.Err(); err != nil {
				t.Fatal(err)
			}
			if err := s.Begin(); err != nil {
				t.Fatal(err)
			}
			fetches.EachRecord(func(r *kgo.Record) { s.Produce(ctx, &kgo.Record{Topic: "out", Value: r.Value}, nil) })
			commit := round%3 != 1
			committed, err := s.End(ctx, kgo.TransactionEndTry(commit))
			if err != nil || committed != commit {
				t.Fatalf("round %d: committed %v: %v", round, committed, err)
			}
			if committed {
				copied += fetches.NumRecords()
			}
		}
		out := bubbleClient(t, client, n, reader(true, "out")...)
		defer out.Close()
		if got := valuesIn(t, out, "out", true); len(got) != 20 || len(slices.Compact(got)) != 20 {
			t.Errorf("copied are %v", got)
		}
		offsets, err := kadm.NewClient(plain).FetchOffsets(ctx, "copiers")
		if o, ok := offsets.Lookup("in", 0); err != nil || !ok || o.At != 20 {
			t.Errorf("committed offset is %v, %v", o, err)
		}
	})
}

// mover runs transactions until told to stop. Each writes its own value to all partitions, and every third is aborted. What became of it is known to the
// client, or not.
type mover struct {
	committed, aborted, unknown []string
}

func (m *mover) run(ctx context.Context, t *testing.T, c *three, name string, stop <-chan struct{}) {
	var cl *kgo.Client
	for i := 0; ; i++ {
		select {
		case <-stop:
			if cl != nil {
				cl.Close()
			}
			return
		default:
		}
		if cl == nil {
			cl = c.cl(producer(name, kgo.TransactionTimeout(20*time.Second))...)
		}
		value, commit := fmt.Sprintf("%s-%d", name, i), i%3 != 2
		try, cancel := context.WithTimeout(ctx, 40*time.Second)
		err := transact(try, cl, "money", value, commit, 0, 1, 2)
		cancel()
		switch {
		case err == nil && commit:
			m.committed = append(m.committed, value)
		case err == nil:
			m.aborted = append(m.aborted, value)
		default: // the next client of this name fences what this one left
			m.unknown = append(m.unknown, value)
			cl.Close()
			cl = nil
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func TestClusterOfThreeTransactionsOutliveTheirCoordinators(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newThree(t, map[string]string{"transaction.state.log.num.partitions": "5", "offsets.topic.num.partitions": "5"})
		c.start(0, 1, 2)
		defer c.stop()
		c.create("money", 3, 3)
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Minute)
		defer cancel()
		movers, stop := make([]mover, 3), make(chan struct{})
		var running sync.WaitGroup
		for i := range movers {
			running.Go(func() { movers[i].run(ctx, t, c, fmt.Sprint("mover", i), stop) })
		}
		time.Sleep(3 * time.Second)
		for _, node := range []int{0, 1, 2, 1} { // coordinators and leaders of partitions, whichever they are
			c.kill(node)
			time.Sleep(20 * time.Second)
			c.start(node)
			c.inSync("money", 3)
			time.Sleep(5 * time.Second)
		}
		close(stop)
		running.Wait()
		time.Sleep(time.Minute) // whatever is left open is aborted
		cl := c.cl(reader(true, "money")...)
		defer cl.Close()
		times := map[string]int{}
		for _, v := range valuesIn(t, cl, "money", true) {
			times[v]++
		}
		done, lost := 0, 0
		for _, m := range movers {
			for _, v := range m.committed {
				if done++; times[v] != 3 {
					t.Errorf("%s was committed and is there %d times", v, times[v])
				}
			}
			for _, v := range m.aborted {
				if times[v] != 0 {
					t.Errorf("%s was aborted and is there %d times", v, times[v])
				}
			}
			for _, v := range m.unknown {
				if lost++; times[v] != 0 && times[v] != 3 {
					t.Errorf("%s is there %d times", v, times[v])
				}
			}
		}
		t.Logf("%d transactions committed, %d of unknown end", done, lost)
		if done < 100 {
			t.Errorf("only %d transactions were committed", done)
		}
	})
}
