package balance

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// maxPasses bounds the work for states that nobody thought of: two or three passes are what is seen.
const maxPasses = 20

// Make plans. It takes time in proportion to the replicas that there are and the brokers that there are.
func Make(s State) Plan {
	b := newBoard(&s)
	var notes []string
	switch calm, why := b.calm(); {
	case b.limits.Mode == Off:
		notes = append(notes, "balancing is paused: leat.balance.mode=off")
	case b.limits.Mode == DrainOnly:
		b.drain()
		notes = append(notes, "nothing but draining is done: leat.balance.mode=drain-only")
	case !calm:
		b.drain()
		notes = append(notes, why+": until then nothing but draining is done")
	default:
		b.settle()
	}
	p := b.plan()
	p.Notes = append(notes, b.stuck()...)
	if len(p.Moves) == 0 && len(p.Notes) == 0 {
		p.Notes = []string{fmt.Sprintf("the brokers are even within %.0f%%, or nothing that may be moved would make them so", 100*b.limits.Tolerance)}
	}
	return p
}

// settle repeats the passes until one changes nothing.
func (b *board) settle() {
	for range maxPasses {
		before := b.seq
		b.drain()
		b.freeDisks()
		b.spreadRacks()
		b.evenCounts()
		b.evenBytes()
		b.evenLeaders()
		if b.seq == before {
			return
		}
	}
}

// calm reports whether all replicas are where they shall be: otherwise a broker may be back in a moment, or is busy catching up.
func (b *board) calm() (bool, string) {
	for i := range b.brokers {
		if t := &b.brokers[i]; t.fenced && !t.draining && (t.known || t.count > 0) {
			return false, fmt.Sprintf("broker %d is fenced or gone (start it, or drain and unregister it)", t.id)
		}
	}
	behind := 0
	first := ""
	for i := range b.parts {
		p := b.parts[i].in
		if !p.Moving && len(p.ISR) < len(p.Replicas) && !b.onDraining(&b.parts[i]) {
			if behind == 0 {
				first = fmt.Sprintf("%s-%d", p.Topic, p.Partition)
			}
			behind++
		}
	}
	if behind > 0 {
		return false, fmt.Sprintf("%d partitions have replicas that are not in sync, %s first", behind, first)
	}
	return true, ""
}

func (b *board) onDraining(p *part) bool {
	return slices.ContainsFunc(p.replicas, func(id int32) bool { return b.brokers[id].draining })
}

// plan reads the moves off the board, in the order of the last steps that changed their partitions: what a move needs, such as room on a disk,
// was made before that.
func (b *board) plan() Plan {
	var changed []*part
	for i := range b.parts {
		if p := &b.parts[i]; p.last > 0 && !slices.Equal(p.before, p.replicas) {
			changed = append(changed, p)
		}
	}
	slices.SortFunc(changed, func(x, y *part) int {
		return cmp.Or(cmp.Compare(rank[x.why], rank[y.why]), cmp.Compare(x.last, y.last))
	})
	var plan Plan
	in, out := make([]int64, len(b.brokers)), make([]int64, len(b.brokers))
	for _, p := range changed {
		m := Move{Topic: p.in.Topic, Partition: p.in.Partition, Why: p.why, Before: b.ids(p.before), After: b.ids(p.replicas)}
		for _, id := range p.replicas {
			if !slices.Contains(p.before, id) {
				m.Bytes += p.in.Bytes
				in[id] += p.in.Bytes
				if i := slices.IndexFunc(b.brokers, func(t broker) bool { return t.id == p.in.Leader }); i >= 0 {
					out[i] += p.in.Bytes
				}
			}
		}
		m.TouchesLeader = p.in.Leader >= 0 && m.After[0] != p.in.Leader && (m.Before[0] != m.After[0] || !slices.Contains(m.After, p.in.Leader))
		if m.TouchesLeader {
			plan.Leaders++
		}
		plan.Bytes += m.Bytes
		plan.Moves = append(plan.Moves, m)
	}
	plan.Duration = b.duration(in, out)
	return plan
}

// rank orders moves by what they are for.
var rank = map[Why]int{ForDrain: 0, ForDisk: 1, ForRacks: 2, ForCount: 3, ForBytes: 3, ForLeaders: 4}

// duration is that of the broker with the most to send or to take in.
func (b *board) duration(in, out []int64) time.Duration {
	most := 0.0
	for i := range in {
		most = max(most, float64(in[i]), float64(out[i]))
	}
	return time.Duration(most / float64(b.limits.Rate()) * float64(time.Second)).Round(time.Second)
}

func (b *board) ids(indexes []int32) []int32 {
	out := make([]int32, len(indexes))
	for i, at := range indexes {
		out[i] = b.brokers[at].id
	}
	return out
}
