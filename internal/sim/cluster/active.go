package cluster

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/controller"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/quorum/consensus"
	"leat/internal/record"
)

// active is the controller's machine at work: what machine.Runner does with it.
type active struct {
	v        *voter
	epoch    int32
	machine  *controller.Machine
	next     int64 // where the next record will be written
	reach    int64 // below it everything is committed
	parked   []parked
	waiting  map[machine.Ticket]func(response any, err error)
	ticket   machine.Ticket
	due      time.Time // for which a tick is queued
	pause    time.Time // no tick before this time
	refusals int
}

// parked is effects that wait until everything below the offset is committed.
type parked struct {
	next    int64
	effects []machine.Effect
}

const clusterID = "simulated"

func newActive(v *voter, e consensus.Leading) *active {
	w := v.h.w
	image := w.meta.image(e.NextOffset)
	a := &active{v: v, epoch: e.Epoch, next: e.NextOffset, reach: e.NextOffset, waiting: map[machine.Ticket]func(any, error){}}
	a.machine = controller.New(controller.Config{NodeID: v.h.id, ClusterID: clusterID, Broker: w.opts.Config, Image: image, NextOffset: e.NextOffset,
		Now: v.h.clock(), Rand: v.h.chance()})
	if image.Feature(metadata.FeatureMetadataVersion) == 0 {
		a.accept(machine.Result[controller.Record]{Records: controller.Bootstrap(nil, "2")})
	}
	a.schedule()
	return a
}

// submit hands a request to the machine.
func (a *active) submit(rq kmsg.Request, done func(response any, err error)) {
	a.ticket++
	a.waiting[a.ticket] = done
	a.accept(a.machine.Handle(a.v.h.clock(), controller.Event{Ticket: a.ticket, Request: rq}))
	a.schedule()
}

// tickRetry is how long a machine waits that is still due after a tick that got it no further.
const tickRetry = time.Second

// schedule has the machine tick when it is due.
func (a *active) schedule() {
	due := a.machine.Due()
	if due.IsZero() {
		return
	}
	if due.Before(a.pause) {
		due = a.pause
	}
	if !a.due.IsZero() && !due.Before(a.due) {
		return
	}
	a.due = due
	a.v.h.after(max(0, int64(due.Sub(a.v.h.clock()))), "controller tick", func() {
		if a.v.active == a && a.due.Equal(due) {
			a.due = time.Time{}
			a.tick(a.v.h.clock())
		}
	})
}

func (a *active) tick(now time.Time) {
	if due := a.machine.Due(); !due.IsZero() && !due.After(now) && !a.pause.After(now) {
		refusals := a.refusals
		res := a.machine.Tick(now)
		a.accept(res)
		a.pause = time.Time{}
		if due = a.machine.Due(); !due.IsZero() && !due.After(now) && (len(res.Records) == 0 || a.refusals > refusals) {
			a.pause = now.Add(tickRetry)
		}
	}
	a.schedule()
}

// accept takes one decision: its records go to the log and to the machine, its effects wait for the commit.
func (a *active) accept(res machine.Result[controller.Record]) {
	if len(res.Records) == 0 {
		a.park(a.next, res.Effects)
		return
	}
	now := a.v.h.clock()
	base, next, err := a.v.node.Append(a.epoch, a.encode(now, res.Records))
	if err != nil {
		a.refuse(now, res, err)
		return
	}
	if base != a.next {
		a.v.h.w.fail("controller %d appends at %d, expected %d", a.v.h.id, base, a.next)
	}
	for i, r := range res.Records {
		a.machine.Apply(machine.Entry[controller.Record]{Offset: base + int64(i), Timestamp: now.UnixMilli(), ProducerID: -1, ProducerEpoch: -1, Record: r})
	}
	a.next = next
	a.park(next, res.Effects)
	a.v.collect()
}

// refuse drops a decision that was not appended.
func (a *active) refuse(now time.Time, res machine.Result[controller.Record], err error) {
	switch a.refusals++; {
	case errors.Is(err, consensus.ErrNotLeader):
		a.v.active = nil
	case !errors.Is(err, consensus.ErrBusy):
		a.v.check(err)
	}
	for _, e := range res.Effects {
		if reply, ok := e.(machine.Reply); ok {
			a.answer(reply.To, nil, err)
		}
	}
	a.park(a.next, a.machine.Refused(now, res.Records))
}

func (a *active) encode(now time.Time, records []controller.Record) []byte {
	level := a.machine.Image().Feature(metadata.FeatureMetadataVersion)
	out := make([]record.Record, 0, len(records))
	for i, r := range records {
		if f, ok := r.(*metadata.FeatureLevelRecord); ok && f.Name == metadata.FeatureMetadataVersion {
			level = f.FeatureLevel
		}
		out = append(out, record.Record{Offset: int64(i), Timestamp: now.UnixMilli(), Value: metadata.AppendRecordAt(nil, r, metadata.VersionAt(r, level))})
	}
	b, err := record.AppendBatch(nil, record.NewSpec(), out)
	if err != nil {
		a.v.h.w.fail("controller %d: %v", a.v.h.id, err)
	}
	return b
}

func (a *active) park(next int64, effects []machine.Effect) {
	switch {
	case len(effects) == 0:
	case next <= a.reach && len(a.parked) == 0:
		a.release(effects)
	default:
		a.parked = append(a.parked, parked{next, effects})
	}
}

// reached releases what waited for a commit.
func (a *active) reached(end int64) {
	a.reach = max(a.reach, end)
	for len(a.parked) > 0 && a.parked[0].next <= a.reach {
		effects := a.parked[0].effects
		a.parked = a.parked[1:]
		a.release(effects)
	}
}

func (a *active) release(effects []machine.Effect) {
	for _, e := range effects {
		if reply, ok := e.(machine.Reply); ok {
			a.answer(reply.To, reply.Response, nil)
		}
	}
}

func (a *active) answer(t machine.Ticket, response any, err error) {
	if done := a.waiting[t]; done != nil {
		delete(a.waiting, t)
		done(response, err)
	}
}

// askTimeout is how long an answer of the controller is waited for.
const askTimeout = 900 * time.Millisecond

// ask asks the active controller. done is called once; nil means that the outcome is not known, or that who was asked is not active.
func (h *host) ask(rq kmsg.Request, done func(response any)) {
	w := h.w
	h.guess %= len(w.voters)
	asked, ended := h.guess, false
	end := func(response any) {
		if ended {
			return
		}
		if ended = true; response == nil && h.guess == asked {
			h.guess++
		}
		done(response)
	}
	to := w.voters[asked]
	w.call(h, to.h, "ask", func(back func(string, func())) {
		if to.active == nil {
			hint := to.leader()
			back("not controller", func() {
				if end(nil); hint >= 0 {
					h.guess = hint
				}
			})
			return
		}
		to.active.submit(rq, func(response any, err error) {
			if err != nil {
				response = nil
			}
			back("answer", func() { end(response) })
		})
	})
	h.unless(&ended, int64(askTimeout), "no answer", func() { end(nil) })
}

// leader is the index of the voter that leads, as far as this one knows, -1 if it does not.
func (v *voter) leader() int {
	leader, _, known := v.node.Leader()
	if known {
		for i, o := range v.h.w.voters {
			if o.self == leader {
				return i
			}
		}
	}
	return -1
}
