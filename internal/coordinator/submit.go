package coordinator

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
)

// Call is one request to the group coordinator about one group, with what the machine must know of the caller.
type Call struct {
	Group      string
	Request    kmsg.Request // see group.Event
	ClientID   string
	ClientHost string // Kafka's form: "/127.0.0.1"
}

// Submit hands a call to the machine of the group's partition. done is called exactly once with a response of the request's kind, its
// error code decided; perhaps before Submit returns, and on a goroutine that must not wait.
func (g *Groups) Submit(call Call, done func(kmsg.Response)) {
	runner, err := g.find(call.Group)
	if err != nil {
		done(Refuse(call.Request, err))
		return
	}
	finish := func(resp any, err error) {
		if err != nil {
			done(Refuse(call.Request, err))
			return
		}
		done(resp.(kmsg.Response))
	}
	if bounded(call.Request) {
		finish = withTimeout(g.cfg.Settings().CommitTimeout, finish)
	}
	runner.Submit(func(t machine.Ticket) group.Event {
		return group.Event{Ticket: t, Request: call.Request, ClientID: call.ClientID, ClientHost: call.ClientHost}
	}, finish)
}

// find returns the runner that a group belongs to.
func (g *Groups) find(id string) (*machine.Runner[group.Event, group.Record], error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed {
		return nil, ErrNotAvailable
	}
	if g.count == 0 { // the topic is made when a client looks for a coordinator, which this answer makes it do
		return nil, ErrNotCoordinator
	}
	p := g.partitions[PartitionFor(id, g.count)]
	switch {
	case p == nil:
		return nil, ErrNotCoordinator
	case p.runner == nil && p.failed != nil:
		return nil, ErrNotAvailable
	case p.runner == nil:
		return nil, ErrLoading
	}
	return p.runner, nil
}

// bounded reports whether a request waits for a commit only, so that offsets.commit.timeout.ms applies.
func bounded(rq kmsg.Request) bool {
	switch rq.(type) {
	case *kmsg.OffsetCommitRequest, *kmsg.TxnOffsetCommitRequest, *kmsg.OffsetDeleteRequest, *kmsg.DeleteGroupsRequest, *kmsg.LeaveGroupRequest:
		return true
	}
	return false
}

// withTimeout calls finish once: with what comes, or with ErrTimedOut if nothing came in time.
func withTimeout(after time.Duration, finish func(any, error)) func(any, error) {
	var once sync.Once
	timer := time.AfterFunc(after, func() { once.Do(func() { finish(nil, ErrTimedOut) }) })
	return func(resp any, err error) {
		timer.Stop()
		once.Do(func() { finish(resp, err) })
	}
}

// List asks all partitions of this node for their groups. The list is sorted; if a partition is still loading, the response says so and
// holds the others' groups.
func (g *Groups) List(rq *kmsg.ListGroupsRequest, done func(*kmsg.ListGroupsResponse)) {
	resp := kmsg.NewPtrListGroupsResponse()
	g.mu.Lock()
	runners := g.runners()
	switch {
	case g.closed:
		resp.ErrorCode = kerr.CoordinatorNotAvailable.Code
	case len(runners) < len(g.partitions):
		resp.ErrorCode = kerr.CoordinatorLoadInProgress.Code
	}
	g.mu.Unlock()
	if len(runners) == 0 {
		done(resp)
		return
	}
	var mu sync.Mutex
	left := len(runners)
	add := func(part any, err error) {
		mu.Lock()
		if err == nil {
			resp.Groups = append(resp.Groups, part.(*kmsg.ListGroupsResponse).Groups...)
		} else if code := codeOf(err); code != kerr.NotCoordinator.Code {
			resp.ErrorCode = code
		}
		left--
		last := left == 0
		mu.Unlock()
		if last {
			slices.SortFunc(resp.Groups, func(a, b kmsg.ListGroupsResponseGroup) int {
				if a.Group < b.Group {
					return -1
				}
				return 1
			})
			done(resp)
		}
	}
	for _, r := range runners {
		r.Submit(func(t machine.Ticket) group.Event { return group.Event{Ticket: t, Request: rq} }, add)
	}
}

// codeOf is the error code that group clients understand.
func codeOf(err error) int16 {
	var fault *machine.Fault
	switch {
	case errors.As(err, &fault): // asking again would do it again
		return kerr.UnknownServerError.Code
	case errors.Is(err, ErrLoading):
		return kerr.CoordinatorLoadInProgress.Code
	case errors.Is(err, ErrNotCoordinator), errors.Is(err, machine.ErrUnloaded):
		return kerr.NotCoordinator.Code
	case errors.Is(err, ErrNotAvailable), errors.Is(err, ErrTimedOut):
		return kerr.CoordinatorNotAvailable.Code
	case errors.Is(err, machine.ErrTooLarge):
		return kerr.UnknownServerError.Code
	case errors.Is(err, machine.ErrRefused): // too few in-sync replicas
		return kerr.CoordinatorNotAvailable.Code
	}
	return kerr.NotCoordinator.Code // the machine was lost; the client asks again and finds who leads
}
