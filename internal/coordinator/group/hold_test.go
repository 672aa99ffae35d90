package group

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
)

// holder is a machine whose answers are kept by ticket.
type holder struct {
	t       *testing.T
	m       *Machine
	now     time.Time
	last    machine.Ticket
	end     int64
	answers map[machine.Ticket]kmsg.Response
}

func newHolder(t *testing.T) *holder {
	set := DefaultSettings
	set.InitialRebalanceDelay, set.HeartbeatHold = 0, 3*time.Second
	return &holder{t: t, now: time.UnixMilli(1_000_000_000_000), answers: map[machine.Ticket]kmsg.Response{},
		m: New(Config{Settings: func() Settings { return set }, Rand: rand.New(rand.NewPCG(1, 2))})}
}

func (h *holder) take(r machine.Result[Record]) {
	for _, rec := range r.Records {
		h.m.Apply(machine.Entry[Record]{Offset: h.end, ProducerID: -1, Record: rec})
		h.end++
	}
	for _, e := range r.Effects {
		if reply, ok := e.(machine.Reply); ok {
			if _, twice := h.answers[reply.To]; twice {
				h.t.Fatalf("ticket %d is answered twice", reply.To)
			}
			h.answers[reply.To], _ = reply.Response.(kmsg.Response)
		}
	}
}

func (h *holder) ask(rq kmsg.Request, hold bool) machine.Ticket {
	h.last++
	h.take(h.m.Handle(h.now, Event{Ticket: h.last, Request: rq, ClientID: "c", Hold: hold}))
	return h.last
}

// after lets time pass, with a tick whenever one is due.
func (h *holder) after(d time.Duration) {
	end := h.now.Add(d)
	for due := h.m.Due(); !due.IsZero() && !due.After(end); due = h.m.Due() {
		if due.After(h.now) {
			h.now = due
		}
		h.take(h.m.Tick(h.now))
	}
	h.now = end
}

func (h *holder) join(id string) machine.Ticket {
	rq := kmsg.NewPtrJoinGroupRequest()
	rq.Version, rq.Group, rq.MemberID, rq.ProtocolType = 9, "g", id, "consumer"
	rq.SessionTimeoutMillis, rq.RebalanceTimeoutMillis = 45_000, 60_000
	rq.Protocols = []kmsg.JoinGroupRequestProtocol{{Name: "range"}}
	return h.ask(rq, false)
}

// stable is a stable group of members.
func (h *holder) stable(members int) (ids []string) {
	var tickets []machine.Ticket
	for range members {
		tickets = append(tickets, h.join(""))
	}
	for i, t := range tickets {
		ids = append(ids, h.answers[t].(*kmsg.JoinGroupResponse).MemberID)
		tickets[i] = 0
	}
	for i, id := range ids {
		tickets[i] = h.join(id)
	}
	h.after(100 * time.Millisecond)
	var leader string
	for _, t := range tickets {
		resp, ok := h.answers[t].(*kmsg.JoinGroupResponse)
		if !ok || resp.ErrorCode != 0 || resp.Generation != 1 {
			h.t.Fatalf("join: %+v", resp)
		}
		leader = resp.LeaderID
	}
	slices.SortFunc(ids, func(a, b string) int { // the leader last: it assigns
		if a == leader {
			return 1
		}
		return -1
	})
	for _, id := range ids {
		rq := kmsg.NewPtrSyncGroupRequest()
		rq.Group, rq.MemberID, rq.Generation = "g", id, 1
		h.ask(rq, false)
	}
	return ids
}

func (h *holder) beat(id string) machine.Ticket {
	rq := kmsg.NewPtrHeartbeatRequest()
	rq.Group, rq.MemberID, rq.Generation = "g", id, 1
	return h.ask(rq, true)
}

// code is the answer to a heartbeat, -1 if it has none.
func (h *holder) code(t machine.Ticket) int16 {
	if resp, ok := h.answers[t].(*kmsg.HeartbeatResponse); ok {
		return resp.ErrorCode
	}
	return -1
}

func TestAHeldHeartbeatTellsOfARebalanceAtOnce(t *testing.T) {
	h := newHolder(t)
	ids := h.stable(3)
	first, second := h.beat(ids[0]), h.beat(ids[1])
	if a, b := h.code(first), h.code(second); a != -1 || b != -1 {
		t.Fatalf("answered at once: %d, %d", a, b)
	}
	h.after(time.Second)
	rq := kmsg.NewPtrLeaveGroupRequest()
	rq.Version, rq.Group, rq.Members = 5, "g", []kmsg.LeaveGroupRequestMember{{MemberID: ids[1]}}
	h.ask(rq, false)
	if a, b := h.code(first), h.code(second); a != kerr.RebalanceInProgress.Code || b != kerr.UnknownMemberID.Code {
		t.Errorf("who stays is told %d, who left %d", a, b)
	}
	if len(h.m.held) > 0 {
		t.Errorf("still held: %v", h.m.held)
	}
}

func TestAHeldHeartbeatIsAnsweredInTime(t *testing.T) {
	h := newHolder(t)
	ids := h.stable(2)
	beat := h.beat(ids[0])
	h.after(3*time.Second - time.Millisecond)
	if code := h.code(beat); code != -1 {
		t.Fatalf("answered early: %d", code)
	}
	h.after(time.Millisecond)
	if code := h.code(beat); code != 0 {
		t.Errorf("answered %d after 3 s", code)
	}
	given := h.beat(ids[0])
	h.after(2 * time.Second)
	next := h.beat(ids[0])
	if a, b := h.code(given), h.code(next); a != 0 || b != -1 {
		t.Errorf("of two heartbeats the first is answered %d, the second %d", a, b)
	}
	h.take(h.m.Handle(h.now, Event{Release: next}))
	if code := h.code(next); code != 0 {
		t.Errorf("released, it is answered %d", code)
	}
	h.take(h.m.Handle(h.now, Event{Release: next})) // it was answered already
}

func TestAnAnswerIsNotHeldForLongerThanAFifthOfTheSession(t *testing.T) {
	h := newHolder(t)
	ids := h.stable(1)
	h.m.live["g"].members[0].sessionTimeout = 6000
	beat := h.beat(ids[0])
	h.after(1200 * time.Millisecond)
	if code := h.code(beat); code != 0 {
		t.Errorf("answered %d", code)
	}
}

// TestManyThatStartAtOnceShareTheFirstGeneration without an initial delay: whoever was given an id is waited for, but not for long.
func TestManyThatStartAtOnceShareTheFirstGeneration(t *testing.T) {
	h := newHolder(t)
	h.stable(20) // fails if the first generation has fewer

	h = newHolder(t)
	h.join("") // never comes back
	alone := h.join(h.answers[h.join("")].(*kmsg.JoinGroupResponse).MemberID)
	h.after(2 * pendingWait * time.Millisecond)
	if resp, ok := h.answers[alone].(*kmsg.JoinGroupResponse); !ok || resp.ErrorCode != 0 {
		t.Errorf("waits for somebody who does not come: %+v", resp)
	}
}

// commit is one of the member's offsets, in a transaction if asked for.
func (h *holder) commit(id string, txn bool) {
	if txn {
		rq := kmsg.NewPtrTxnOffsetCommitRequest()
		rq.Version, rq.Group, rq.MemberID, rq.Generation, rq.ProducerID = 3, "g", id, 1, 7
		h.ask(rq, false)
		return
	}
	rq := kmsg.NewPtrOffsetCommitRequest()
	rq.Version, rq.Group, rq.MemberID, rq.Generation = 7, "g", id, 1
	h.ask(rq, false)
}

func TestAHeartbeatThatComesEarlyIsAnsweredAtOnce(t *testing.T) {
	for _, usual := range []time.Duration{3 * time.Second, 12 * time.Second} {
		h := newHolder(t)
		id := h.stable(1)[0]
		for range 3 { // as clients do that wait for an answer and then for their interval
			if code := h.code(h.beat(id)); code != -1 {
				t.Fatalf("every %s: a heartbeat in time is answered %d at once", usual, code)
			}
			h.after(3*time.Second + usual)
		}
		h.beat(id)
		h.after(usual / 3)
		if code := h.code(h.beat(id)); code != 0 {
			t.Errorf("every %s: after %s it is answered %d", usual, usual/3, code)
		}
		h.after(3*time.Second + usual)
		if code := h.code(h.beat(id)); code != -1 {
			t.Errorf("every %s: the next one is answered %d at once", usual, code)
		}
	}
}

func TestAPauseOfAMemberIsNotTakenForItsInterval(t *testing.T) {
	h := newHolder(t)
	id := h.stable(1)[0]
	h.beat(id)
	h.after(40 * time.Second)
	for range 4 {
		h.beat(id)
		h.after(3 * time.Second)
	}
	if code := h.code(h.beat(id)); code != -1 {
		t.Errorf("long after a pause a heartbeat is answered %d at once", code)
	}
}

func TestWhatAMemberAsksForReleasesItsHeartbeat(t *testing.T) {
	for name, ask := range map[string]func(h *holder, id string){
		"OffsetCommit":    func(h *holder, id string) { h.commit(id, false) },
		"TxnOffsetCommit": func(h *holder, id string) { h.commit(id, true) },
		"SyncGroup": func(h *holder, id string) {
			rq := kmsg.NewPtrSyncGroupRequest()
			rq.Group, rq.MemberID, rq.Generation = "g", id, 1
			h.ask(rq, false)
		},
		"JoinGroup": func(h *holder, id string) { h.join(id) },
	} {
		h := newHolder(t)
		ids := h.stable(2) // the second leads: its join would begin a rebalance
		mine, other := h.beat(ids[0]), h.beat(ids[1])
		ask(h, ids[0])
		if a, b := h.code(mine), h.code(other); a != 0 || b != -1 {
			t.Errorf("%s: the member's heartbeat is answered %d, another's %d", name, a, b)
		}
	}
}

func TestAMemberThatCommitsByTransactionsIsNotHeld(t *testing.T) {
	h := newHolder(t)
	ids := h.stable(2)
	h.commit(ids[0], true)
	for range 3 {
		h.after(3 * time.Second)
		if a, b := h.code(h.beat(ids[0])), h.code(h.beat(ids[1])); a != 0 || b != -1 {
			t.Errorf("the member that does is answered %d, the one that does not %d", a, b)
		}
	}
}
