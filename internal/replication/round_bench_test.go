package replication

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/wire"
)

// shortcut is a connection to a leader in the same process. Requests and answers go through their bytes.
type shortcut struct {
	leader *Node
	frame  []byte
	body   []byte
}

func (s *shortcut) Begin(_ context.Context, rq kmsg.Request) (peer.Pending, error) {
	r, err := s.answer(rq)
	return peer.Answered(r), err
}

func (s *shortcut) answer(rq kmsg.Request) (peer.Response, error) {
	rq.SetVersion(rq.MaxVersion())
	s.frame = wire.AppendRequest(s.frame[:0], 1, "leat", rq)
	h, body, err := wire.ParseHeader(s.frame[4:])
	if err != nil {
		return peer.Response{}, err
	}
	theirs, err := wire.Decode(h, body)
	if err != nil {
		return peer.Response{}, err
	}
	f, _ := ReadReplicaFetch(theirs.(*kmsg.FetchRequest))
	s.leader.FetchReplica(f, func(a *ReplicaAnswer) {
		frame := a.Encode(h, testCode, nil)
		s.body = s.body[:0]
		for _, p := range frame.Parts {
			s.body = append(s.body, p.Bytes...)
		}
		frame.Release()
	})
	rest, err := wire.AfterTags(s.body[8:])
	return peer.Response{Body: rest}, err
}

func (s *shortcut) Do(context.Context, kmsg.Request) (kmsg.Response, error) { return nil, ErrNotLeader }
func (s *shortcut) Close()                                                  {}

// benchNode is a node with partitions that node 1 leads and node 2 follows.
func benchNode(b testing.TB, id int32, partitions int, c *Cluster) *Node {
	store, err := storage.Open(b.Context(), storage.StoreConfig{
		FS: fs.NewMem(), Dirs: []string{"/data"}, NodeID: id, ClusterID: "test-cluster-000000000", Settings: testSettings,
		LogConfig: func(string) storage.LogConfig { return testLogConfig(nil) }, Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		b.Fatal(err)
	}
	n := New(Config{
		NodeID: id, Store: store, Cluster: c, Logger: slog.New(slog.DiscardHandler),
		LogConfig: func(_ string, overrides map[string]string) storage.LogConfig { return testLogConfig(overrides) },
		MinISR:    func(string, map[string]string) int { return 1 },
	})
	n.fetchers.closed = true // the benchmark makes the rounds
	b.Cleanup(func() {
		n.Close()
		_ = store.Close()
	})
	delta := metadata.NewDelta(metadata.Empty)
	for _, r := range append(topic("orders", 1, partitions, 1, 2), &metadata.RegisterBrokerRecord{BrokerID: 2, BrokerEpoch: 7}) {
		if err := delta.Replay(r); err != nil {
			b.Fatal(err)
		}
	}
	if err := n.Publish(delta.Image(0, 1, 0), nil); err != nil {
		b.Fatal(err)
	}
	return n
}

// benchRounds returns a leader, and a fetcher that has its session with it.
func benchRounds(b testing.TB, partitions int) (*Node, *fetcher) {
	leader := benchNode(b, 1, partitions, nil)
	follower := benchNode(b, 2, partitions, &Cluster{
		Connect:     func(int32) Source { return &shortcut{leader: leader} },
		BrokerEpoch: func() int64 { return 7 },
		Settings: func() Settings {
			return Settings{LagTimeMax: time.Hour, SocketTimeout: time.Minute, FetchMinBytes: 1, FetchMaxBytes: 1 << 20, ResponseMaxBytes: 10 << 20, Fetchers: 1}
		},
	})
	f := newFetcher(follower, fetcherKey{source: 1})
	for p := range follower.Partitions() {
		f.order(order{p, true, 0})
	}
	f.obey()
	for range 3 {
		if err := f.round(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
	return leader, f
}

// BenchmarkRound is one fetch round of a follower, with the leader's part in it but without a network: how much it costs must depend on
// the partitions to which something happened, and not on how many are followed.
func BenchmarkRound(b *testing.B) {
	for _, partitions := range []int{1, 1000, 50000} {
		for _, active := range []int{0, 10} {
			b.Run(fmt.Sprintf("%d partitions, %d active", partitions, active), func(b *testing.B) {
				leader, f := benchRounds(b, partitions)
				records := batch(1)
				scratch := make([]byte, len(records))
				b.ReportAllocs()
				for b.Loop() {
					for i := range min(active, partitions) {
						p, err := leader.Leader(record.TopicPartition{Topic: "orders", Partition: int32(i)}, -1)
						if err != nil {
							b.Fatal(err)
						}
						copy(scratch, records) // which an append changes
						if _, err := p.Append(scratch, -1, storage.FromClient, true); err != nil {
							b.Fatal(err)
						}
					}
					if err := f.round(b.Context()); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func TestARoundCostsWhatHappenedAndNotWhatIsFollowed(t *testing.T) {
	leader, f := benchRounds(t, 300)
	if f.session == 0 || len(f.changed) != 0 {
		t.Fatalf("session %d, %d partitions to be named", f.session, len(f.changed))
	}
	if err := f.round(t.Context()); err != nil || len(f.rq.Topics) != 0 {
		t.Fatalf("%v, an idle round names %d topics", err, len(f.rq.Topics))
	}
	p, err := leader.Leader(record.TopicPartition{Topic: "orders", Partition: 250}, -1)
	if err != nil {
		t.Fatal(err)
	}
	for want := int64(1); want <= 2; want++ {
		if _, err := p.Append(batch(1), -1, storage.FromClient, true); err != nil {
			t.Fatal(err)
		}
		if err := f.round(t.Context()); err != nil { // brings it
			t.Fatal(err)
		}
		if err := f.round(t.Context()); err != nil { // tells that it is there
			t.Fatal(err)
		}
		if named := f.rq.Topics; len(named) != 1 || len(named[0].Partitions) != 1 || named[0].Partitions[0].Partition != 250 {
			t.Errorf("named %+v", named)
		}
		if hw := p.Log().Offsets().HighWatermark; hw != want {
			t.Errorf("high watermark %d, want %d", hw, want)
		}
	}
	if named := f.rq.Topics; len(named) != 1 {
		t.Errorf("named %+v", named)
	}
	f.drop(partKey{p.topicID, 250}, f.parts[partKey{p.topicID, 250}])
	if err := f.round(t.Context()); err != nil || len(f.rq.Forgotten) != 1 || len(p.watchers) != 0 {
		t.Errorf("%v, forgotten %+v, %d watch", err, f.rq.Forgotten, len(p.watchers))
	}
	if budget := testing.AllocsPerRun(100, func() { _ = f.round(t.Context()) }); budget > 25 {
		t.Errorf("an idle round takes %v allocations", budget)
	}
}
