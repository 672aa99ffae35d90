package coordinator

import (
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	groups "leat/internal/coordinator/group/sharing"
	"leat/internal/machine"
	"leat/internal/sharing"
)

// performShare carries out what share groups ask of the share coordinator, and hands what came of it back to the machine.
func (g *Groups) performShare(e machine.Effect) {
	switch e := e.(type) {
	case groups.Initialize:
		var all []groups.Outcome
		var begin []func(done func(error))
		for _, t := range e.Topics {
			for _, p := range t.Partitions {
				all = append(all, groups.Outcome{TopicID: t.TopicID, Partition: p.Partition})
				at := sharing.SharePartition{Group: e.Group, TopicID: t.TopicID, Partition: p.Partition}
				begin = append(begin, func(done func(error)) { g.states.Initialize(at, e.StateEpoch, p.StartOffset, done) })
			}
		}
		outcomes(all, begin, func() { g.tellShares(e.Group, &groups.Initialized{ID: e.ID, Group: e.Group, Outcomes: all}) })
	case groups.Discard:
		var all []groups.Outcome
		var begin []func(done func(error))
		for _, t := range e.Topics {
			for _, p := range t.Partitions {
				all = append(all, groups.Outcome{TopicID: t.TopicID, Partition: p})
				at := sharing.SharePartition{Group: e.Group, TopicID: t.TopicID, Partition: p}
				begin = append(begin, func(done func(error)) { g.states.Delete(at, done) })
			}
		}
		outcomes(all, begin, func() { g.tellShares(e.Group, &groups.Discarded{ID: e.ID, Group: e.Group, Outcomes: all}) })
	}
}

// outcomes begins everything and calls finish when the codes of all have come.
func outcomes(all []groups.Outcome, begin []func(done func(error)), finish func()) {
	if len(begin) == 0 {
		finish()
		return
	}
	var mu sync.Mutex
	left := len(begin)
	for i, f := range begin {
		f(func(err error) {
			mu.Lock()
			all[i].Code = codeOfShare(err)
			left--
			last := left == 0
			mu.Unlock()
			if last {
				finish()
			}
		})
	}
}

// codeOfShare is Kafka's code for what States reports.
func codeOfShare(err error) int16 {
	var known *kerr.Error
	switch {
	case err == nil:
		return 0
	case errors.As(err, &known):
		return known.Code
	}
	return kerr.UnknownServerError.Code
}

// tellShares hands an outcome to the group's machine. If that is gone, the machine that is loaded next finds in its log what was under way.
func (g *Groups) tellShares(id string, rq kmsg.Request) {
	g.Coordinator.Submit(id, func(t machine.Ticket) group.Event { return group.Event{Ticket: t, Request: rq} }, func(any, error) {})
}

// ShareStatesOf tells of which partitions a share group has state. done is called once, perhaps before the method returns.
func (g *Groups) ShareStatesOf(id string, done func(topics []groups.TopicState, code int16)) {
	g.Coordinator.Submit(id, func(t machine.Ticket) group.Event {
		return group.Event{Ticket: t, Request: &groups.ListStates{Group: id}}
	}, withTimeout(g.settings().CommitTimeout, func(answer any, err error) {
		if err != nil {
			done(nil, CodeOf(err))
			return
		}
		listed := answer.(*groups.StatesListed)
		done(listed.Topics, listed.Code)
	}))
}

// refuseShareGroup answers requests about share groups that no machine could answer, nil if the request is another.
func refuseShareGroup(request kmsg.Request, code int16) kmsg.Response {
	switch rq := request.(type) {
	case *kmsg.ShareGroupHeartbeatRequest:
		resp := kmsg.NewPtrShareGroupHeartbeatResponse()
		resp.ErrorCode, resp.ErrorMessage = code, errorText(code)
		return resp
	case *kmsg.ShareGroupDescribeRequest:
		resp := kmsg.NewPtrShareGroupDescribeResponse()
		for _, id := range rq.GroupIDs {
			rg := kmsg.NewShareGroupDescribeResponseGroup()
			rg.GroupID, rg.ErrorCode, rg.ErrorMessage = id, code, errorText(code)
			resp.Groups = append(resp.Groups, rg)
		}
		return resp
	case *kmsg.AlterShareGroupOffsetsRequest:
		resp := kmsg.NewPtrAlterShareGroupOffsetsResponse()
		resp.ErrorCode, resp.ErrorMessage = code, errorText(code)
		return resp
	case *kmsg.DeleteShareGroupOffsetsRequest:
		resp := kmsg.NewPtrDeleteShareGroupOffsetsResponse()
		resp.ErrorCode, resp.ErrorMessage = code, errorText(code)
		return resp
	}
	return nil
}

// errorText is the text of an error code, nil for none.
func errorText(code int16) *string {
	err := kerr.TypedErrorForCode(code)
	if err == nil {
		return nil
	}
	return &err.Description
}
