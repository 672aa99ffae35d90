package coordinator

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/txn"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
)

// ledImage is an image in which the partitions of topics have these leaders.
func ledImage(t testing.TB, leaders map[string][]int32) *metadata.Image {
	t.Helper()
	d := metadata.NewDelta(metadata.Empty)
	for name, of := range leaders {
		id := record.UUID{}
		copy(id[:], name)
		if err := d.Replay(&metadata.TopicRecord{Name: name, TopicID: id}); err != nil {
			t.Fatal(err)
		}
		for p, leader := range of {
			if err := d.Replay(&metadata.PartitionRecord{PartitionID: int32(p), TopicID: id, Replicas: []int32{1, 2, 3}, ISR: []int32{1}, Leader: leader}); err != nil {
				t.Fatal(err)
			}
		}
	}
	return d.Image(0, 0, 0)
}

// post is node 1's markers, and what became of them.
type post struct {
	*markers
	t     *testing.T
	mu    sync.Mutex
	image *metadata.Image
	lines map[int32]*fakeLine
	local []string // markers written here
	fails map[record.TopicPartition]error
	told  []txn.MarkersWritten
	deaf  error // what the machine answers
}

func newPost(t *testing.T, image *metadata.Image) *post {
	p := &post{t: t, image: image, lines: make(map[int32]*fakeLine), fails: make(map[record.TopicPartition]error)}
	p.markers = newMarkers(1, func(nodeID int32) Line {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.lines[nodeID] == nil {
			p.lines[nodeID] = newLine(writesAll)
		}
		return p.lines[nodeID]
	}, slog.New(slog.DiscardHandler))
	p.markers.image = func() *metadata.Image {
		p.mu.Lock()
		defer p.mu.Unlock()
		return p.image
	}
	p.markers.local = func(tp record.TopicPartition, c machine.Control, done func(error)) {
		p.mu.Lock()
		err := p.fails[tp]
		if err == nil {
			p.local = append(p.local, fmt.Sprintf("%s %d/%d commit=%t", tp, c.ID, c.Epoch, c.Marker == machine.CommitMarker))
		}
		p.mu.Unlock()
		done(err)
	}
	p.markers.written = func(_ Led, w txn.MarkersWritten, done func(error)) {
		p.mu.Lock()
		deaf := p.deaf
		if deaf == nil {
			p.told = append(p.told, w)
		}
		p.mu.Unlock()
		done(deaf)
	}
	p.leading(0, 4, true)
	return p
}

// writesAll answers that every marker is written.
func writesAll(rq kmsg.Request) (kmsg.Response, error) { return marked(rq, 0), nil }

// marked answers all markers of a request with one code.
func marked(rq kmsg.Request, code int16) kmsg.Response {
	resp := kmsg.NewPtrWriteTxnMarkersResponse()
	for _, m := range rq.(*kmsg.WriteTxnMarkersRequest).Markers {
		rm := kmsg.NewWriteTxnMarkersResponseMarker()
		rm.ProducerID = m.ProducerID
		for _, t := range m.Topics {
			rt := kmsg.NewWriteTxnMarkersResponseMarkerTopic()
			rt.Topic = t.Topic
			for _, p := range t.Partitions {
				rt.Partitions = append(rt.Partitions, kmsg.WriteTxnMarkersResponseMarkerTopicPartition{Partition: p, ErrorCode: code})
			}
			rm.Topics = append(rm.Topics, rt)
		}
		resp.Markers = append(resp.Markers, rm)
	}
	return resp
}

func at(topic string, partition int32) record.TopicPartition {
	return record.TopicPartition{Topic: topic, Partition: partition}
}

// order is the end of a transaction of producer 7 and up.
func order(id string, token uint64, tps ...record.TopicPartition) txn.WriteMarkers {
	return txn.WriteMarkers{TransactionalID: id, Token: token, ProducerID: 7, ProducerEpoch: 1, CoordinatorEpoch: 4, Commit: true, TransactionVersion: 2, Partitions: tps}
}

func (p *post) set(image *metadata.Image) {
	p.show(image)
	p.published(image, nil)
}

func (p *post) show(image *metadata.Image) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.image = image
}

// hears sets what the machine answers; nil: it takes what it is told.
func (p *post) hears(deaf error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = deaf
}

func (p *post) fail(tp record.TopicPartition, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fails[tp] = err
}

func (p *post) connect(nodeID int32, line *fakeLine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lines[nodeID] = line
}

func (p *post) connected() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.lines) > 0
}

func (p *post) asked(nodeID int32) []kmsg.Request {
	p.mu.Lock()
	line := p.lines[nodeID]
	p.mu.Unlock()
	return line.requests()
}

// heard is what the machine was told so far.
func (p *post) heard() []txn.MarkersWritten {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.told)
}

func (p *post) wrote() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.local)
}

// left is how many transactions still have markers to be written.
func (p *post) left() int {
	p.markers.mu.Lock()
	defer p.markers.mu.Unlock()
	return len(p.pending)
}

// wantTold compares what the machine heard, and nothing may be left.
func (p *post) wantTold(want ...txn.MarkersWritten) {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if diff := cmp.Diff(want, p.told); diff != "" {
		p.t.Errorf("the machine heard (-want +got)\n%s", diff)
	}
	p.markers.mu.Lock()
	defer p.markers.mu.Unlock()
	if len(p.pending) > 0 || len(p.again) > 0 || p.waits.count > 0 || len(p.waits.of) > 0 {
		p.t.Errorf("left are %d transactions, %d markers, %d that wait", len(p.pending), len(p.again), p.waits.count)
	}
}

var led0 = Led{Partition: 0, LeaderEpoch: 4}

// pass lets time pass, and what is due then happen.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func posted(t *testing.T, leaders map[string][]int32, f func(p *post)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		p := newPost(t, ledImage(t, leaders))
		f(p)
		p.close()
	})
}

func TestMarkersGoToEveryLeaderAndTheMachineHearsOnce(t *testing.T) {
	posted(t, map[string][]int32{"a": {1, 2, 2}, "b": {3}}, func(p *post) {
		p.end(led0, order("x", 1, at("a", 0), at("a", 1), at("a", 2), at("b", 0)))
		synctest.Wait()
		if diff := cmp.Diff([]string{"a-0 7/1 commit=true"}, p.wrote()); diff != "" {
			p.t.Error(diff)
		}
		if n := len(p.asked(2)[0].(*kmsg.WriteTxnMarkersRequest).Markers); n != 1 {
			p.t.Errorf("%d markers in one request for one transaction", n)
		}
		if len(p.heard()) != 1 || len(p.heard()[0].Partitions) != 4 {
			p.t.Fatalf("the machine heard %v", p.heard())
		}
		p.wantTold(p.heard()...)
	})
}

func TestMarkersWaitForALeader(t *testing.T) {
	posted(t, map[string][]int32{"a": {-1}}, func(p *post) {
		p.end(led0, order("x", 1, at("a", 0)))
		pass(3 * time.Hour)
		if len(p.heard()) > 0 {
			p.t.Fatalf("the machine heard %v", p.heard())
		}
		p.set(ledImage(p.t, map[string][]int32{"a": {2}}))
		pass(2 * markerRetry)
		p.wantTold(txn.MarkersWritten{TransactionalID: "x", Token: 1, Partitions: []record.TopicPartition{at("a", 0)}})
	})
}

// What waits for one partition is not looked at because of another, and an image that comes while a marker is on its way is not missed.
func TestMarkersThatWaitAreWokenByTheirPartitionOnly(t *testing.T) {
	leaders := map[string][]int32{"a": make([]int32, 300), "b": {-1}}
	var all []record.TopicPartition
	for i := range leaders["a"] {
		leaders["a"][i] = -1
		all = append(all, at("a", int32(i)))
	}
	posted(t, leaders, func(p *post) {
		p.end(led0, order("x", 1, append(all, at("b", 0))...))
		looks := 0
		image := p.markers.image
		p.markers.image = func() *metadata.Image { looks++; return image() }
		pass(time.Hour)
		if n, _ := p.queues(); n != 301 || looks > 0 {
			p.t.Errorf("%d markers wait, images were looked at %d times", n, looks)
		}
		leaders["b"][0] = 2
		p.set(ledImage(p.t, leaders))
		synctest.Wait()
		if n, _ := p.queues(); n != 300 || len(p.asked(2)) != 1 {
			p.t.Errorf("%d markers wait, node 2 was asked %d times", n, len(p.asked(2)))
		}
		leaders["a"][7] = 1
		p.show(ledImage(p.t, leaders)) // not told of
		p.end(led0, order("y", 2, at("a", 7)))
		for i := range leaders["a"] {
			leaders["a"][i] = 1
		}
		p.set(ledImage(p.t, leaders))
		pass(time.Second)
		if len(p.heard()) != 2 {
			p.t.Fatalf("the machine heard %d times", len(p.heard()))
		}
		p.wantTold(p.heard()...)
	})
}

func TestMarkersEndWithTheLeaderEpochTheyWereDecidedUnder(t *testing.T) {
	posted(t, map[string][]int32{"a": {-1}}, func(p *post) {
		for i := range 3000 {
			p.end(led0, order(fmt.Sprint("x", i), 1, at("a", 0)))
		}
		if n, _ := p.queues(); n != 3000 || len(p.again) > 0 {
			p.t.Fatalf("%d markers wait, %d are to be tried again", n, len(p.again))
		}
		p.leading(0, 4, false)
		p.set(ledImage(p.t, map[string][]int32{"a": {2}}))
		pass(2 * markerRetry)
		if p.connected() {
			p.t.Error("markers were sent that nobody wants any more")
		}
		p.end(led0, order("late", 1, at("a", 0))) // decided before the leadership was lost
		p.leading(0, 6, true)
		p.end(led0, order("later", 1, at("a", 0)))
		synctest.Wait()
		p.wantTold()
	})
}

func TestMarkersThatWaitBehindAHungNodeFollowTheLeader(t *testing.T) {
	posted(t, map[string][]int32{"a": {2, 2}, "b": {2}}, func(p *post) {
		hung := newLine(nil)
		p.connect(2, hung)
		p.end(led0, order("x", 1, at("a", 0)))
		synctest.Wait()
		p.end(led0, order("y", 2, at("a", 1)))
		p.set(ledImage(p.t, map[string][]int32{"a": {3, 3}, "b": {2}}))
		hung.Close() // the request that hangs fails at last
		pass(2 * markerRetry)
		if n := len(hung.requests()); n != 1 {
			p.t.Errorf("the hung node was asked %d times", n)
		}
		if len(p.heard()) != 2 {
			p.t.Errorf("the machine heard %v", p.heard())
		}
		p.wantTold(p.heard()...)
	})
}

func TestMarkersOfPartitionsThatDoNotExistAreGivenUp(t *testing.T) {
	posted(t, map[string][]int32{"a": {1}}, func(p *post) {
		p.end(led0, order("x", 1, at("a", 0), at("gone", 0)))
		synctest.Wait()
		if len(p.heard()) != 1 || !cmp.Equal(p.heard()[0].Partitions, []record.TopicPartition{at("a", 0)}) {
			p.t.Fatalf("the machine heard %v", p.heard())
		}
		pass(unknownMax + time.Second)
		p.wantTold(p.heard()[0], txn.MarkersWritten{TransactionalID: "x", Token: 1, Partitions: []record.TopicPartition{at("gone", 0)}})
	})
}

func TestMarkersAreToldUntilTheMachineHears(t *testing.T) {
	posted(t, map[string][]int32{"a": {1}}, func(p *post) {
		p.hears(fmt.Errorf("too few replicas: %w", machine.ErrRefused))
		p.end(led0, order("x", 1, at("a", 0)))
		pass(time.Minute)
		p.hears(nil)
		pass(2 * markerRetry)
		p.wantTold(txn.MarkersWritten{TransactionalID: "x", Token: 1, Partitions: []record.TopicPartition{at("a", 0)}})
		p.hears(machine.ErrUnloaded) // the next machine asks for the markers itself
		p.end(led0, order("y", 2, at("a", 0)))
		pass(time.Second)
		p.wantTold(p.heard()...)
	})
}

func TestMarkersByWhatPartitionsAnswer(t *testing.T) {
	for _, tc := range []struct {
		err  error
		told bool
		left int
	}{
		{storage.ErrProducerFenced, true, 0},
		{kerr.InvalidProducerEpoch, true, 0},
		{kerr.UnsupportedForMessageFormat, true, 0},
		{storage.ErrStaleCoordinator, false, 0},
		{kerr.TransactionCoordinatorFenced, false, 0},
		{kerr.NotLeaderForPartition, false, 1},
		{kerr.NotEnoughReplicas, false, 1},
		{kerr.UnknownServerError, false, 1},
		{errors.New("connection reset"), false, 1},
	} {
		t.Run(tc.err.Error(), func(t *testing.T) {
			posted(t, map[string][]int32{"a": {1}}, func(p *post) {
				p.fail(at("a", 0), tc.err)
				p.end(led0, order("x", 1, at("a", 0)))
				synctest.Wait()
				if got := len(p.heard()) == 1; got != tc.told || p.left() != tc.left {
					p.t.Errorf("told %t, left %d", got, p.left())
				}
			})
		})
	}
}

func TestMarkersOfOneProducerAreInRequestsOfTheirOwn(t *testing.T) {
	posted(t, map[string][]int32{"a": {2, 2}}, func(p *post) {
		slow := newLine(nil)
		p.connect(2, slow)
		p.end(led0, order("first", 1, at("a", 0)))
		synctest.Wait()
		p.end(led0, order("x", 2, at("a", 0)))
		p.end(led0, order("y", 3, at("a", 1))) // the same producer: its answers could not be told apart
		slow.answer = writesAll
		slow.Close()
		pass(2 * markerRetry)
		for i, rq := range slow.requests() {
			if n := len(rq.(*kmsg.WriteTxnMarkersRequest).Markers); n != 1 {
				p.t.Errorf("request %d holds %d markers", i, n)
			}
		}
		if len(p.heard()) != 3 {
			p.t.Errorf("the machine heard %v", p.heard())
		}
		p.wantTold(p.heard()...)
	})
}

func TestMarkersEndWhenTheNodeStops(t *testing.T) {
	posted(t, map[string][]int32{"a": {2, -1}}, func(p *post) {
		p.connect(2, newLine(nil))
		p.end(led0, order("x", 1, at("a", 0), at("a", 1)))
		synctest.Wait()
		p.close()
		pass(time.Minute)
		if len(p.heard()) > 0 || len(p.asked(2)) != 1 {
			p.t.Errorf("after the end: told %v, %d requests", p.heard(), len(p.asked(2)))
		}
	})
}
