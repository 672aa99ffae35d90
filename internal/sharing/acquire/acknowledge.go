package acquire

import (
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

// Types of acknowledgement.
const (
	Gap     int8 = 0 // there is no such record
	Accept  int8 = 1
	Giving  int8 = 2 // released: somebody else may try
	Reject  int8 = 3
	Prolong int8 = 4 // renewed: the member goes on working
)

// Acknowledgement is what a member says of records that it holds: one type for all, or one for each.
type Acknowledgement struct {
	First, Last int64
	Types       []int8
}

// typeOf is what is said of one offset.
func (a *Acknowledgement) typeOf(offset int64) int8 {
	if len(a.Types) == 1 {
		return a.Types[0]
	}
	return a.Types[offset-a.First]
}

// valid refuses what cannot be read.
func (a *Acknowledgement) valid() error {
	if a.First > a.Last || a.First < 0 || len(a.Types) == 0 || len(a.Types) != 1 && int64(len(a.Types)) != a.Last-a.First+1 {
		return fmt.Errorf("acknowledgement of offsets %d to %d with %d types: %w", a.First, a.Last, len(a.Types), kerr.InvalidRequest)
	}
	for _, t := range a.Types {
		if t < Gap || t > Prolong {
			return fmt.Errorf("acknowledgement of offsets %d to %d with type %d: %w", a.First, a.Last, t, kerr.InvalidRequest)
		}
	}
	return nil
}

// Acknowledge takes up what a member says of its records: all of it, or with an error nothing. It takes effect when the write with the returned ticket has
// succeeded; 0: nothing has to be written.
func (p *Partition) Acknowledge(member string, acks []Acknowledgement, now time.Time) (int64, error) {
	var begun, renewed []*run
	for i := range acks {
		err := p.acknowledge(member, &acks[i], &begun, &renewed)
		if err != nil {
			for _, r := range begun {
				r.pending = 0
			}
			for _, r := range begun {
				p.runs.join(r)
			}
			return 0, err
		}
	}
	for _, r := range renewed {
		r.deadline = now.Add(p.settings.Lock)
		p.watch(r, r.deadline)
	}
	for _, r := range begun {
		p.changed = append(p.changed, extent{r.first, r.last})
	}
	if len(begun) == 0 {
		return 0, nil
	}
	return p.ticket, nil
}

// acknowledge begins the transitions of one acknowledgement; to begun it adds the runs that are in one, to renewed those whose locks are to go on.
func (p *Partition) acknowledge(member string, a *Acknowledgement, begun, renewed *[]*run) error {
	if err := a.valid(); err != nil {
		return err
	}
	if a.Last < p.start {
		return nil // gone meanwhile, with the beginning of the log
	}
	switch {
	case p.end == p.start:
		return fmt.Errorf("offsets %d to %d: nothing is in flight: %w", a.First, a.Last, kerr.InvalidRecordState)
	case a.Last >= p.end:
		return fmt.Errorf("offsets %d to %d: only those below %d were delivered: %w", a.First, a.Last, p.end, kerr.InvalidRequest)
	}
	for _, r := range p.runs.within(max(a.First, p.start), a.Last) {
		if r.state != Acquired || r.pending != 0 || r.member != member {
			return fmt.Errorf("offset %d: not acquired by member %s: %w", max(a.First, r.first), member, kerr.InvalidRecordState)
		}
		first, last := max(a.First, r.first), min(a.Last, r.last)
		for first <= last {
			t, end := a.typeOf(first), first
			for end < last && a.typeOf(end+1) == t {
				end++
			}
			part := p.runs.cut(r, first, end)
			if t == Prolong {
				*renewed = append(*renewed, part)
			} else {
				part.pending, part.next, part.cause = p.ticket, p.acknowledged(part, t), Exhausted
				if t == Reject {
					part.cause = Rejected
				}
				*begun = append(*begun, part)
			}
			if first = end + 1; first <= last {
				r = p.runs.at(first)
			}
		}
	}
	return nil
}

// acknowledged is the state that an acknowledgement leads to.
func (p *Partition) acknowledged(r *run, t int8) int8 {
	switch {
	case t == Accept:
		return Acknowledged
	case t == Giving:
		return p.released(r)
	case t == Reject && p.settings.DeadLetters:
		return Archiving
	default:
		return Archived
	}
}
