package coordinator

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/share"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/sharing"
)

// shareLine is a line to a node that answers, or if it is deaf says nothing until the line is closed.
type shareLine struct {
	deaf   bool
	closed chan struct{}
}

func (l *shareLine) Close() { close(l.closed) }

func (l *shareLine) Do(ctx context.Context, rq kmsg.Request) (kmsg.Response, error) {
	if l.deaf {
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.closed:
			return nil, io.ErrClosedPipe
		}
	}
	asks, resp := sharesAsked(rq), rq.ResponseKind()
	for _, a := range asks {
		addShares(resp, refuseShare(a, 0))
	}
	return resp, nil
}

// shareTopicLedBy is an image in which node 2 or 3 leads the topic of the share coordinator, and who does not is fenced.
func shareTopicLedBy(t *testing.T, leader int32) *metadata.Image {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty)
	records := []metadata.Record{&metadata.TopicRecord{Name: ShareStateTopic, TopicID: record.UUID{7}},
		&metadata.PartitionRecord{TopicID: record.UUID{7}, Replicas: []int32{2, 3}, ISR: []int32{leader}, Leader: leader}}
	for _, id := range []int32{2, 3} {
		records = append(records, &metadata.RegisterBrokerRecord{BrokerID: id, Fenced: id != leader})
	}
	for _, r := range records {
		if err := d.Replay(r); err != nil {
			t.Fatal(err)
		}
	}
	return d.Image(int64(leader), 1, 0)
}

func newShareStates(connect func(int32) Line) *ShareStates {
	return NewShareStates(ShareStatesConfig{Config: Config{Logger: slog.New(slog.DiscardHandler)}, NodeID: 1, Settings: func() Settings { return DefaultSettings },
		Share: func() share.Settings { return share.DefaultSettings }, Connect: connect, MakeTopic: func(context.Context) {}})
}

// TestSharesAreAskedOfTheNextLeaderAtOnce has a node go silent that was asked, and then be fenced.
func TestSharesAreAskedOfTheNextLeaderAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var silent *shareLine
		s := newShareStates(func(id int32) Line {
			l := &shareLine{deaf: id == 2, closed: make(chan struct{})}
			if l.deaf {
				silent = l
			}
			return l
		})
		defer s.Close()
		s.Publish(shareTopicLedBy(t, 2), nil)
		answers := make(chan error, 2)
		begin := time.Now()
		s.Delete(sharing.SharePartition{Group: "g"}, func(err error) { answers <- err })
		synctest.Wait()
		if len(answers) > 0 {
			t.Fatalf("answered by nobody: %v", <-answers)
		}
		s.Publish(shareTopicLedBy(t, 3), nil)
		if err := <-answers; err != nil || time.Since(begin) > time.Second {
			t.Errorf("answer after %v: %v", time.Since(begin), err)
		}
		synctest.Wait()
		select {
		case <-silent.closed:
		default:
			t.Error("the line to the fenced node is still open")
		}
		if len(answers) > 0 {
			t.Error("answered twice")
		}
	})
}

// TestWhoAsksAboutSharesHearsAtOnceThatTheNodeStops stops a node while an ask pauses and another is under way.
func TestWhoAsksAboutSharesHearsAtOnceThatTheNodeStops(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newShareStates(func(int32) Line { return &shareLine{deaf: true, closed: make(chan struct{})} })
		answers := make(chan error, 4)
		done := func(err error) { answers <- err }
		s.Delete(sharing.SharePartition{Group: "g"}, done) // there is no image yet
		time.Sleep(time.Second)
		s.Publish(shareTopicLedBy(t, 2), nil)
		s.Delete(sharing.SharePartition{Group: "h"}, done)
		s.Publish(metadata.Empty, &metadata.Delta{})
		s.Delete(sharing.SharePartition{Group: "i"}, done)
		synctest.Wait()
		if len(answers) > 0 {
			t.Fatalf("answered by nobody: %v", <-answers)
		}
		began := time.Now()
		s.Close()
		if len(answers) != 3 || time.Since(began) > 0 {
			t.Fatalf("%d of 3 answered when the node has stopped, after %v", len(answers), time.Since(began))
		}
		for range 3 {
			if err := <-answers; !errors.Is(err, kerr.CoordinatorNotAvailable) {
				t.Errorf("answer %v", err)
			}
		}
		time.Sleep(time.Hour)
		if len(answers) > 0 {
			t.Error("answered twice")
		}
	})
}
