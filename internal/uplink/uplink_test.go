package uplink

import (
	"context"
	"fmt"
	"math/rand"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/controller"
	"leat/internal/fs"
	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
	"leat/internal/security"
)

const clusterID = "AAAAAAAAQACAAAAAAAAAAQ"

func openQuorum(t testing.TB, fsys fs.FS, dir string) *quorum.Quorum {
	t.Helper()
	v, _, err := config.ParseBroker(map[string]string{
		"node.id": "1", "process.roles": "broker,controller", "controller.quorum.voters": "1@127.0.0.1:9093",
		"listeners": "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093", "controller.listener.names": "CONTROLLER",
	})
	if err != nil {
		t.Fatal(err)
	}
	q, err := quorum.Open(context.Background(), quorum.Config{
		FS: fsys, Dir: dir, NodeID: 1,
		Bootstrap: func(found []metadata.Record) []metadata.Record { return controller.Bootstrap(found, "1") },
		Lead: func(l quorum.Leadership) quorum.Leader {
			return controller.Run(controller.New(controller.Config{NodeID: 1, ClusterID: clusterID, Broker: v, Image: l.Image,
				NextOffset: l.NextOffset, Now: l.Now, Rand: rand.New(rand.NewSource(1))}), l.Log, l.Failed, nil)
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	return q
}

func newUplink(c Controller, cluster string, previous int64) *Uplink {
	return New(Config{
		NodeID: 1, ClusterID: cluster, Endpoints: []metadata.Endpoint{{Name: "PLAINTEXT", Host: "h", Port: 9092}},
		DirIDs: []record.UUID{{42}}, PreviousBrokerEpoch: previous, HeartbeatInterval: 2 * time.Second, RegistrationTimeout: time.Minute,
		Controller: c,
	})
}

// TestJoinsAndLeaves goes from an empty directory to a broker that serves and to its orderly end.
func TestJoinsAndLeaves(t *testing.T) {
	for name, fsys := range map[string]fs.FS{"in memory": fs.NewMem(), "on disk": fs.OS} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "data")
			begin := time.Now()
			q := openQuorum(t, fsys, dir)
			opened := time.Since(begin)
			u := newUplink(q, clusterID, -1)
			q.Subscribe(func(im *metadata.Image, _ *metadata.Delta) { u.Publish(im) })
			if err := u.Join(context.Background()); err != nil {
				t.Fatal(err)
			}
			t.Logf("open %v, ready after %v", opened, time.Since(begin))
			b, ok := q.Image().Broker(1)
			if !ok || b.Fenced || b.Epoch != u.Epoch() || !u.Ready() {
				t.Errorf("broker %+v, epoch %d, ready %v", b, u.Epoch(), u.Ready())
			}
			createTopic(t, q)
			if err := u.Leave(context.Background()); err != nil {
				t.Fatal(err)
			}
			topic, _ := q.Image().Topic("orders")
			if p := topic.Partitions[0]; p.Leader != -1 {
				t.Errorf("orders-0 is led by %d after the broker left, want none", p.Leader)
			}
			if u.LastHeard().Before(begin) {
				t.Errorf("the controller was last heard of at %v", u.LastHeard())
			}
			u.Close()
			if err := q.Close(); err != nil {
				t.Fatal(err)
			}
			rejoin(t, fsys, dir, b.Epoch)
		})
	}
}

func TestABrokerThatWasUnregisteredLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := openQuorum(t, fs.NewMem(), "/data")
		defer q.Close()
		u := newUplink(q, clusterID, -1)
		defer u.Close()
		q.Subscribe(func(im *metadata.Image, _ *metadata.Delta) { u.Publish(im) })
		if err := u.Join(t.Context()); err != nil {
			t.Fatal(err)
		}
		r := kmsg.NewPtrUnregisterBrokerRequest()
		r.BrokerID = 1
		if _, err := q.Do(t.Context(), security.Anonymous, r); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Second) // heartbeats fail meanwhile
		began := time.Now()
		if err := u.Leave(t.Context()); err != nil || time.Since(began) > time.Second {
			t.Errorf("left after %v: %v", time.Since(began), err)
		}
	})
}

// rejoin starts the node again: what it led it leads again.
func rejoin(t *testing.T, fsys fs.FS, dir string, previous int64) {
	t.Helper()
	q := openQuorum(t, fsys, dir)
	defer q.Close()
	u := newUplink(q, clusterID, previous)
	defer u.Close()
	q.Subscribe(func(im *metadata.Image, _ *metadata.Delta) { u.Publish(im) })
	if err := u.Join(context.Background()); err != nil {
		t.Fatal(err)
	}
	topic, _ := q.Image().Topic("orders")
	p := topic.Partitions[0]
	if p.Leader != 1 || p.LeaderRecovering || fmt.Sprint(p.ISR, p.ELR, p.LastKnownELR) != "[1] [] []" {
		t.Errorf("orders-0 after the broker came back: %+v", p)
	}
}

func createTopic(t *testing.T, q *quorum.Quorum) {
	t.Helper()
	r := kmsg.NewPtrCreateTopicsRequest()
	topic := kmsg.NewCreateTopicsRequestTopic()
	topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", 1, 1
	r.Topics = append(r.Topics, topic)
	if _, err := q.Do(context.Background(), security.Anonymous, r); err != nil {
		t.Fatal(err)
	}
}

func TestForeignClusterIsRefusedAtOnce(t *testing.T) {
	q := openQuorum(t, fs.NewMem(), "/data")
	defer q.Close()
	u := newUplink(q, "ZZZZZZZZQACAAAAAAAAAAQ", -1)
	defer u.Close()
	err := u.Join(context.Background())
	if err == nil || !strings.Contains(err.Error(), "belong to another cluster") {
		t.Fatalf("got %v", err)
	}
}

// scripted is a controller that answers from a list and keeps what it was asked.
type scripted struct {
	mu    sync.Mutex
	asked []kmsg.Request
	reply func(n int, r kmsg.Request) (kmsg.Response, error)
}

func (s *scripted) Do(_ context.Context, _ security.Principal, r kmsg.Request) (kmsg.Response, error) {
	s.mu.Lock()
	n := len(s.asked)
	s.asked = append(s.asked, r)
	s.mu.Unlock()
	return s.reply(n, r)
}

func (s *scripted) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.asked)
}

func TestRegistrationIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.reply = func(n int, r kmsg.Request) (kmsg.Response, error) {
			resp := r.ResponseKind()
			if reg, ok := resp.(*kmsg.BrokerRegistrationResponse); ok {
				reg.ErrorCode = kerr.DuplicateBrokerRegistration.Code
			}
			return resp, nil
		}
		u := newUplink(s, clusterID, -1)
		defer u.Close()
		begin := time.Now()
		if err := u.Join(context.Background()); err == nil {
			t.Fatal("joined")
		}
		if took := time.Since(begin); took != time.Minute {
			t.Errorf("gave up after %v, want a minute", took)
		}
		if n := s.count(); n < 100 {
			t.Errorf("tried %d times", n)
		}
	})
}

func TestHeartbeatsGoOnWhenTheControllerIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &scripted{}
		s.reply = func(n int, r kmsg.Request) (kmsg.Response, error) {
			if _, ok := r.(*kmsg.BrokerHeartbeatRequest); ok && n < 10 {
				return nil, context.DeadlineExceeded
			}
			return r.ResponseKind(), nil
		}
		u := newUplink(s, clusterID, -1)
		defer u.Close()
		ctx, cancel := context.WithTimeout(context.Background(), 21*time.Second)
		defer cancel()
		if err := u.Join(ctx); err != context.DeadlineExceeded {
			t.Fatalf("join: %v", err)
		}
		// One registration, one heartbeat at once, and one every two seconds.
		if n := s.count(); n != 12 {
			t.Errorf("%d requests in 21 s, want 12", n)
		}
	})
}
