package acquire

// Cause is why records are given up.
type Cause int8

// The causes of dead letters.
const (
	Unknown   Cause = iota // decided by a former leader
	Rejected               // by the member that had them
	Exhausted              // share.delivery.count.limit
)

// DeadLetter is a stretch of records that nobody could process. They stay in the state Archiving until Buried.
type DeadLetter struct {
	First, Last   int64
	DeliveryCount int16
	Cause         Cause
}

// DeadLetters returns the records that are to go to the dead-letter topic and were not returned before: call it after a load and after a write has succeeded.
func (p *Partition) DeadLetters() []DeadLetter {
	letters := p.letters
	p.letters = nil
	return letters
}

// Buried ends records of a dead letter, whether it could be written or not.
func (p *Partition) Buried(d DeadLetter) {
	for _, r := range p.runs.within(max(d.First, p.start), d.Last) {
		if r.state != Archiving {
			continue
		}
		r = p.runs.cut(r, max(d.First, r.first), min(d.Last, r.last))
		p.set(r, Archived)
		p.changed = append(p.changed, extent{r.first, r.last})
		p.runs.join(r)
	}
	p.advance()
}
