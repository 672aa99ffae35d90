package uplink

import (
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/metalog"
	"leat/internal/peer"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/sim"
	"leat/internal/wire"
)

// fakeController answers as a test says; nil hangs up.
type fakeController struct {
	mu     sync.Mutex
	answer func(kmsg.Request) kmsg.Response
	asked  []kmsg.Request
}

func (f *fakeController) handle(rq *listener.Request) {
	if rq.Header.Key == 18 {
		resp := kmsg.NewPtrApiVersionsResponse()
		for _, api := range wire.APIs {
			if api.Max >= 0 {
				k := kmsg.NewApiVersionsResponseApiKey()
				k.ApiKey, k.MinVersion, k.MaxVersion = api.Key, api.Min, api.Max
				resp.ApiKeys = append(resp.ApiKeys, k)
			}
		}
		rq.Reply(wire.EncodeResponse(rq.Header, resp))
		return
	}
	body, err := wire.Decode(rq.Header, rq.Body)
	if err != nil {
		rq.Hangup(err.Error())
		return
	}
	f.mu.Lock()
	f.asked = append(f.asked, body)
	resp := f.answer(body)
	f.mu.Unlock()
	if resp == nil {
		rq.Hangup("as the test wants")
		return
	}
	rq.Reply(wire.EncodeResponse(rq.Header, resp))
}

func (f *fakeController) count(key int16) (n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, rq := range f.asked {
		if rq.Key() == key {
			n++
		}
	}
	return n
}

// startFake serves a fake controller, and gives what is needed to find it.
func startFake(t *testing.T, answer func(kmsg.Request) kmsg.Response) (*fakeController, *Controllers) {
	t.Helper()
	network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
	host := network.Host("controller")
	l, err := host.Listen("tcp", "controller:9093")
	if err != nil {
		t.Fatal(err)
	}
	f := &fakeController{answer: answer}
	s := listener.Serve(listener.Config{
		Name: "CONTROLLER", Control: true, Listener: l, Shared: listener.NewShared(), Handler: f.handle, Logger: slog.New(slog.DiscardHandler),
		Limits: func() listener.Limits {
			return listener.Limits{MaxRequestBytes: 1 << 20, MaxConnections: 100, MaxConnectionsPerIP: 100, MaxIdle: time.Hour, MaxInFlight: 10}
		},
	})
	t.Cleanup(s.Close)
	peers := peer.Config{ClientID: "test", Dial: network.Host("broker").DialContext}
	return f, NewControllers([]Address{{NodeID: 1, Host: host.IP().String(), Port: 9093}}, peers, nil)
}

func TestWhatMayHaveBeenDoneIsAskedAgainOnlyIfThatDoesNoHarm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		first := true
		f, c := startFake(t, func(rq kmsg.Request) kmsg.Response {
			if first {
				first = false
				return nil
			}
			return rq.ResponseKind()
		})
		c.told(1, 1, nil)
		line := NewLine(c)
		defer line.Close()
		if _, err := line.Do(t.Context(), security.Anonymous, kmsg.NewPtrAlterPartitionRequest()); err != nil || f.count(56) != 2 {
			t.Errorf("AlterPartition was asked %d times: %v", f.count(56), err)
		}
		f.mu.Lock()
		first = true
		f.mu.Unlock()
		rq := kmsg.NewPtrCreateTopicsRequest()
		rq.Version = 7
		_, err := line.Do(t.Context(), security.Anonymous, rq)
		if !errors.Is(err, kerr.RequestTimedOut) || f.count(58) != 1 {
			t.Errorf("CreateTopics was asked %d times: %v", f.count(58), err)
		}
	})
}

func TestAnotherControllerIsAskedWhenThisOneIsNotActive(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refusals := 3
		f, c := startFake(t, func(rq kmsg.Request) kmsg.Response {
			resp := rq.ResponseKind()
			if e, ok := resp.(*kmsg.EnvelopeResponse); ok {
				if refusals > 0 {
					refusals--
					e.ErrorCode = kerr.NotController.Code
					return e
				}
				inner := kmsg.NewPtrCreateTopicsResponse()
				frame := wire.EncodeResponse(wire.RequestHeader{Key: 19, Version: 7}, inner)
				e.ResponseData = append([]byte(nil), frame.Parts[0].Bytes[4:]...)
			}
			return resp
		})
		c.told(1, 1, nil)
		line := NewLine(c)
		defer line.Close()
		rq := kmsg.NewPtrCreateTopicsRequest()
		rq.Version = 7
		resp, err := line.Do(t.Context(), security.Principal{Type: "User", Name: "alice"}, rq)
		if _, ok := resp.(*kmsg.CreateTopicsResponse); !ok || err != nil || f.count(58) != 4 {
			t.Fatalf("%T after %d tries: %v", resp, f.count(58), err)
		}
		p, err := security.ParsePrincipal(f.asked[0].(*kmsg.EnvelopeRequest).RequestPrincipal)
		if err != nil || p.Name != "alice" {
			t.Errorf("forwarded as %v, %v", p, err)
		}
	})
}

// batch is one record at an offset.
func batch(t *testing.T, offset int64, epoch int32, topic string) []byte {
	t.Helper()
	enc := metalog.Encoder{Level: 33}
	r := &metadata.TopicRecord{Name: topic, TopicID: record.UUID{byte(epoch), byte(offset) + 1}}
	data, err := enc.Batches(nil, metalog.Stamp{Offset: offset, Epoch: epoch, Timestamp: 1}, []metadata.Record{r})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// part answers a fetch.
func part(epoch int32, mark int64, data []byte) *kmsg.FetchResponse {
	resp := kmsg.NewPtrFetchResponse()
	topic := kmsg.NewFetchResponseTopic()
	topic.TopicID = metalog.TopicID
	p := kmsg.NewFetchResponseTopicPartition()
	p.CurrentLeader.LeaderID, p.CurrentLeader.LeaderEpoch = 1, epoch
	p.HighWatermark, p.RecordBatches = mark, data
	topic.Partitions = append(topic.Partitions, p)
	resp.Topics = append(resp.Topics, topic)
	return resp
}

func follow(t *testing.T, c *Controllers, failed func(error)) *Follower {
	t.Helper()
	f, err := Follow(t.Context(), FollowConfig{NodeID: 2, ClusterID: "c", Controllers: c, RequestTimeout: 2 * time.Second, FetchBytes: 1 << 20,
		SnapshotBytes: 1 << 20, Log: metalog.Config{FS: fs.NewMem(), Dir: "/data"}, Failed: failed})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// An observer of Kafka's quorum is sent records before they are committed; a new leader may have others in their place (KIP-595).
func TestUncommittedRecordsAreCutOffAndNeverSeen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		step := 0
		_, c := startFake(t, func(rq kmsg.Request) kmsg.Response {
			ask := rq.(*kmsg.FetchRequest).Topics[0].Partitions[0]
			step++
			switch {
			case step == 1:
				return part(1, 1, append(batch(t, 0, 1, "kept"), append(batch(t, 1, 1, "lost"), batch(t, 2, 1, "lost-too")...)...))
			case step == 2:
				return part(1, 1, nil)
			case ask.FetchOffset == 3:
				resp := part(2, 1, nil)
				resp.Topics[0].Partitions[0].DivergingEpoch.Epoch, resp.Topics[0].Partitions[0].DivergingEpoch.EndOffset = 1, 1
				return resp
			case ask.FetchOffset == 1:
				if ask.LastFetchedEpoch != 1 || ask.CurrentLeaderEpoch != 2 {
					t.Errorf("asked from offset 1 with epoch %d of leader epoch %d", ask.LastFetchedEpoch, ask.CurrentLeaderEpoch)
				}
				return part(2, 2, batch(t, 1, 2, "new"))
			}
			time.Sleep(fetchWait)
			return part(2, 2, nil)
		})
		f := follow(t, c, func(err error) { t.Error(err) })
		var seen []string
		f.Subscribe(func(im *metadata.Image, _ *metadata.Delta) {
			for topic := range im.Topics("") {
				seen = append(seen, topic.Name)
			}
		})
		time.Sleep(5 * time.Second)
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(seen, " "); got != "kept kept new" {
			t.Errorf("images showed %q", got)
		}
	})
}

func TestCommittedRecordsAreNotCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, c := startFake(t, func(rq kmsg.Request) kmsg.Response {
			if rq.(*kmsg.FetchRequest).Topics[0].Partitions[0].FetchOffset == 0 {
				return part(1, 2, append(batch(t, 0, 1, "a"), batch(t, 1, 1, "b")...))
			}
			resp := part(2, 1, nil)
			resp.Topics[0].Partitions[0].DivergingEpoch.Epoch, resp.Topics[0].Partitions[0].DivergingEpoch.EndOffset = 1, 1
			return resp
		})
		failed := make(chan error, 1)
		f := follow(t, c, func(err error) { failed <- err })
		if err := <-failed; !strings.Contains(err.Error(), "the controllers have lost metadata") {
			t.Error(err)
		}
		if f.log.Offsets().LogEnd != 2 {
			t.Errorf("log ends at %d", f.log.Offsets().LogEnd)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
