package coordinator

import (
	"context"
	"slices"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fakeLine is a connection whose requests wait for the test, unless it answers at once.
type fakeLine struct {
	answer func(rq kmsg.Request) (kmsg.Response, error) // nil: requests wait until the line is closed or their time is over

	mu     sync.Mutex
	asked  []kmsg.Request
	closed chan struct{}
	once   sync.Once
}

func newLine(answer func(kmsg.Request) (kmsg.Response, error)) *fakeLine {
	return &fakeLine{answer: answer, closed: make(chan struct{})}
}

func (l *fakeLine) Do(ctx context.Context, rq kmsg.Request) (kmsg.Response, error) {
	l.mu.Lock()
	l.asked = append(l.asked, rq)
	l.mu.Unlock()
	if l.answer != nil {
		return l.answer(rq)
	}
	select {
	case <-ctx.Done():
	case <-l.closed:
	}
	return nil, errStopped
}

// requests are those that were asked so far.
func (l *fakeLine) requests() []kmsg.Request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.asked)
}

func (l *fakeLine) Close() { l.once.Do(func() { close(l.closed) }) }

func TestOutboxSharesRequestsAndEndsWhenNothingIsLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // a goroutine that stays would fail the test
		var mu sync.Mutex
		var sent [][]int
		gate := make(chan struct{})
		o := outbox[int]{max: 2, connect: func(int32) Line { return newLine(nil) }, send: func(_ context.Context, _ int32, _ Line, items []int) {
			mu.Lock()
			sent = append(sent, slices.Clone(items))
			mu.Unlock()
			<-gate
		}}
		o.put(2, 1)
		synctest.Wait()
		for i := 2; i <= 6; i++ {
			o.put(2, i)
		}
		close(gate)
		synctest.Wait()
		want := [][]int{{1}, {2, 3}, {4, 5}, {6}}
		if !slices.EqualFunc(sent, want, slices.Equal) {
			t.Errorf("requests held %v, want %v", sent, want)
		}
		if d := o.nodes[2]; d.sending || d.items != nil {
			t.Errorf("after the last item: %+v", d)
		}
		o.put(2, 7)
		synctest.Wait()
		if len(sent) != 5 {
			t.Errorf("what came later was not sent: %v", sent)
		}
		o.close()
	})
}

func TestOutboxNodesDoNotWaitForEachOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		var reached []int32
		gate := make(chan struct{})
		o := outbox[int]{max: 2, connect: func(int32) Line { return newLine(nil) }, send: func(_ context.Context, nodeID int32, _ Line, _ []int) {
			mu.Lock()
			reached = append(reached, nodeID)
			mu.Unlock()
			if nodeID == 2 {
				<-gate
			}
		}}
		o.put(2, 1)
		synctest.Wait()
		o.put(3, 1)
		synctest.Wait()
		if !slices.Equal(reached, []int32{2, 3}) {
			t.Errorf("reached %v", reached)
		}
		close(gate)
		o.close()
	})
}

func TestOutboxEndsWhatIsUnderWayWhenClosed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		line := newLine(nil)
		dealt := 0
		o := outbox[int]{max: 1, connect: func(int32) Line { return line }, send: func(ctx context.Context, _ int32, l Line, items []int) {
			if l != nil {
				l.Do(ctx, nil)
			}
			dealt += len(items)
		}}
		for i := range 3 {
			o.put(2, i)
		}
		synctest.Wait()
		o.close()
		if dealt != 3 {
			t.Errorf("%d of 3 items were dealt with", dealt)
		}
		if o.put(2, 4) {
			t.Error("a closed outbox takes items")
		}
		unused := outbox[int]{}
		unused.close()
	})
}

// What is under way to a node that is gone fails at once, what is under way to others goes on, and a node that comes back gets a new connection.
func TestOutboxDropsLinesToNodesThatAreGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		lines := map[int32][]*fakeLine{}
		failed := map[int32]int{}
		o := outbox[int]{max: 2, connect: func(nodeID int32) Line {
			mu.Lock()
			defer mu.Unlock()
			lines[nodeID] = append(lines[nodeID], newLine(nil))
			return lines[nodeID][len(lines[nodeID])-1]
		}, send: func(ctx context.Context, nodeID int32, line Line, items []int) {
			if _, err := line.Do(ctx, nil); err != nil {
				mu.Lock()
				failed[nodeID] += len(items)
				mu.Unlock()
			}
		}}
		o.put(2, 1)
		o.put(3, 1)
		synctest.Wait()
		o.drop(func(nodeID int32) bool { return nodeID == 2 })
		synctest.Wait()
		mu.Lock()
		if failed[2] != 1 || failed[3] != 0 {
			t.Errorf("failed by node: %v, want only what went to node 2", failed)
		}
		mu.Unlock()
		o.put(2, 2)
		synctest.Wait()
		mu.Lock()
		if len(lines[2]) != 2 || len(lines[3]) != 1 {
			t.Errorf("%d connections to node 2, want 2; %d to node 3, want 1", len(lines[2]), len(lines[3]))
		}
		mu.Unlock()
		o.close()
		o.drop(func(int32) bool { return true }) // nothing is left to close
	})
}
