package progress

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Member is a replica in a proposed ISR.
type Member struct {
	ID          int32
	BrokerEpoch int64 // of its last fetch, -1: not known. That of the leader itself is for the caller to fill in
}

// Proposal is a change of the ISR that a leader asks the controller for (AlterPartition, KIP-497). It never changes.
//
// A leader that proposes has recovered: what it lacks after an unclean election is lost (KIP-704), so that the answer never leaves it recovering.
type Proposal struct {
	ISR            []Member
	LeaderEpoch    int32
	PartitionEpoch int32 // of the state that it changes
}

func (p *Proposal) has(id int32) bool {
	return slices.ContainsFunc(p.ISR, func(m Member) bool { return m.ID == id })
}

func (p *Proposal) String() string {
	return fmt.Sprintf("%v at partition epoch %d", p.ISR, p.PartitionEpoch)
}

// Proposed is the proposal under way, nil if there is none.
func (r *Replica) Proposed() *Proposal { return r.proposal }

// Expand proposes to take a follower into the ISR if it belongs there: it has all that is committed, and all that this leader found when it
// began to lead, and the controller may take it. nil: nothing to propose.
func (r *Replica) Expand(id int32, eligible bool) *Proposal {
	o := r.find(id)
	if o == nil || !r.leads || !eligible || r.proposal != nil || slices.Contains(r.assignment.ISR, id) {
		return nil
	}
	if o.logEnd < r.highWatermark || o.logEnd < r.epochStart {
		return nil
	}
	isr := make([]int32, 0, len(r.assignment.ISR)+1)
	return r.propose(append(append(isr, r.assignment.ISR...), id))
}

// Shrink proposes to take those out of the ISR that do not keep up. nil: nothing to propose.
func (r *Replica) Shrink(now time.Time, maxLag time.Duration) *Proposal {
	if !r.leads || r.proposal != nil {
		return nil
	}
	var isr []int32
	for i, id := range r.assignment.ISR {
		o := r.find(id)
		slow := id != r.self && (o == nil || r.lags(o, now, maxLag))
		switch {
		case slow && isr == nil:
			isr = append(make([]int32, 0, len(r.assignment.ISR)), r.assignment.ISR[:i]...)
		case !slow && isr != nil:
			isr = append(isr, id)
		}
	}
	if isr == nil {
		return nil
	}
	return r.propose(isr)
}

// propose makes isr the proposal under way. From now on the larger of the two sets counts.
func (r *Replica) propose(isr []int32) *Proposal {
	p := &Proposal{ISR: make([]Member, 0, len(isr)), LeaderEpoch: r.assignment.LeaderEpoch, PartitionEpoch: r.assignment.PartitionEpoch}
	for _, id := range isr {
		_, brokerEpoch := r.FollowerEnd(id)
		p.ISR = append(p.ISR, Member{ID: id, BrokerEpoch: brokerEpoch})
	}
	r.proposal = p
	return p
}

// Answer is what the controller said to a proposal: an error code, or the state that holds now.
type Answer struct {
	Code           int16
	LeaderEpoch    int32
	PartitionEpoch int32
	ISR            []int32
}

// Outcome is what an answer led to.
type Outcome int8

// The outcomes of Answered.
const (
	Outdated  Outcome = iota // the proposal is not the one under way any more, or the state that holds here is newer than the answer
	Taken                    // the state of the answer holds
	Withdrawn                // the controller did not do it: the committed ISR holds
	Awaited                  // whether it was done is not known; the proposal stands until an image says what holds
	Again                    // ask again with the same proposal
)

func (o Outcome) String() string {
	return [...]string{"outdated", "taken", "withdrawn", "awaited", "again"}[o]
}

// Answered takes the controller's answer to a proposal, and reports whether the high watermark moved.
//
// Only two codes say for sure that the ISR did not change. After any other the proposed replicas go on counting, for the controller may elect one
// of them: a request may have been carried out although its answer was lost and the next one was refused.
func (r *Replica) Answered(p *Proposal, a Answer) (o Outcome, moved bool) {
	if p != r.proposal || !r.leads {
		return Outdated, false
	}
	switch a.Code {
	case 0:
	case kerr.OperationNotAttempted.Code, kerr.IneligibleReplica.Code:
		return Withdrawn, r.Withdraw()
	case kerr.UnknownTopicOrPartition.Code, kerr.UnknownTopicID.Code, kerr.FencedLeaderEpoch.Code, kerr.InvalidUpdateVersion.Code,
		kerr.InvalidRequest.Code, kerr.NewLeaderElected.Code:
		return Awaited, false
	default:
		return Again, false
	}
	if a.LeaderEpoch != r.assignment.LeaderEpoch || a.PartitionEpoch < r.assignment.PartitionEpoch {
		return Outdated, false
	}
	r.assignment.ISR, r.assignment.PartitionEpoch, r.assignment.Recovering = a.ISR, a.PartitionEpoch, false
	return Taken, r.Withdraw()
}

// Withdraw forgets the proposal under way, and reports whether the high watermark moved. Who was about to join has to show anew that it can.
func (r *Replica) Withdraw() bool {
	r.proposal = nil
	for i := range r.others {
		r.others[i].joining = false
	}
	return r.advance()
}
