package broker

import (
	"context"
	"fmt"
	"net"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"leat/internal/record"
)

// plain takes batches as they are. franz-go's own decompressor makes a zstd decoder which it leaves to the garbage collector, and that must
// not close what was made in a bubble.
type plain struct{}

func (plain) Decompress(src []byte, _ kgo.CompressionCodecType) ([]byte, error) { return src, nil }

// franz makes a franz-go client that reaches the node in memory.
func (n *groupNode) franz(opts ...kgo.Opt) *kgo.Client {
	n.t.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers("one:9092"),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.WithDecompressor(plain{}),
		kgo.Dialer(func(context.Context, string, string) (net.Conn, error) {
			ours, theirs := net.Pipe()
			select {
			case n.accept.conns <- theirs:
				return ours, nil
			case <-n.accept.closed:
				return nil, net.ErrClosed
			}
		}),
	}, opts...)...)
	if err != nil {
		n.t.Fatal(err)
	}
	return cl
}

func (n *groupNode) member(opts ...kgo.Opt) *kgo.Client {
	return n.franz(append([]kgo.Opt{kgo.ConsumerGroup("readers"), kgo.ConsumeTopics("orders"), kgo.DisableAutoCommit(),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart())}, opts...)...)
}

// produceNumbers writes records whose values are the numbers from first on.
func (n *groupNode) produceNumbers(first, count int) {
	n.t.Helper()
	cl := n.franz(kgo.DefaultProduceTopic("orders"), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))
	defer cl.Close()
	for i := first; i < first+count; i++ {
		if err := cl.ProduceSync(context.Background(), kgo.StringRecord(fmt.Sprint(i))).FirstErr(); err != nil {
			n.t.Fatal(err)
		}
	}
}

// read collects the values that clients get within a while, and how often.
func read(t *testing.T, while time.Duration, clients ...*kgo.Client) map[string]int {
	t.Helper()
	seen := make(map[string]int)
	deadline := time.Now().Add(while)
	for time.Now().Before(deadline) {
		for _, cl := range clients {
			ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
			fetches := cl.PollFetches(ctx)
			cancel()
			fetches.EachRecord(func(r *kgo.Record) { seen[string(r.Value)]++ })
		}
	}
	return seen
}

// expectOnce checks that the numbers were seen, each once.
func expectOnce(t *testing.T, seen map[string]int, first, count int) {
	t.Helper()
	if len(seen) != count {
		t.Errorf("%d records, want %d", len(seen), count)
	}
	for i := first; i < first+count; i++ {
		if seen[fmt.Sprint(i)] != 1 {
			t.Errorf("record %d was seen %d times", i, seen[fmt.Sprint(i)])
		}
	}
}

func TestAGroupOfFranzGoClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newGroupNode(t)
		defer n.stop()
		n.makeTopic("orders", 4)
		n.produceNumbers(0, 40)

		first := n.member()
		expectOnce(t, read(t, 10*time.Second, first), 0, 40)
		if err := first.CommitUncommittedOffsets(context.Background()); err != nil {
			t.Fatal(err)
		}
		// A second member takes over half of the partitions, at the committed offsets.
		second := n.member()
		if seen := read(t, 10*time.Second, first, second); len(seen) != 0 {
			t.Errorf("read again: %v", seen)
		}
		n.produceNumbers(40, 40)
		expectOnce(t, read(t, 5*time.Second, first, second), 40, 40)
		for _, cl := range []*kgo.Client{first, second} {
			if err := cl.CommitUncommittedOffsets(context.Background()); err != nil {
				t.Fatal(err)
			}
		}
		second.Close()
		n.produceNumbers(80, 20)
		expectOnce(t, read(t, 10*time.Second, first), 80, 20)
		if err := first.CommitUncommittedOffsets(context.Background()); err != nil {
			t.Fatal(err)
		}

		// The coordinator moves away and comes back: the member goes on.
		lead := func(epoch int32, leads bool) {
			for p := range int32(50) {
				n.groups.Leading(record.TopicPartition{Topic: offsetsTopic, Partition: p}, epoch, leads)
			}
		}
		lead(0, false)
		time.Sleep(5 * time.Second)
		lead(0, true)
		n.produceNumbers(100, 20)
		expectOnce(t, read(t, 20*time.Second, first), 100, 20)
		if err := first.CommitUncommittedOffsets(context.Background()); err != nil {
			t.Fatal(err)
		}
		first.Close()

		static := n.member(kgo.InstanceID("only"))
		n.produceNumbers(120, 8)
		expectOnce(t, read(t, 10*time.Second, static), 120, 8)
		static.Close()
	})
}
