package consumer

import (
	"time"

	"leat/internal/coordinator/group/kind"
)

// maxPiece is how many bytes of records one decision about many members writes, at most: all of them might not fit a batch of the log,
// which would then be refused whole, again and again.
const maxPiece = 128 << 10

// unwritten is a target assignment of which a part is written. Until the rest is, members go on at the epoch of the one before, some of
// them with their new target already: that is safe because nobody gets what somebody else still owns.
type unwritten struct {
	epoch int32 // for which it was computed
	todo  []*TargetRecord
}

// rename has what a member was assigned go to the one that takes its place.
func (w *unwritten) rename(from, to string) {
	if w == nil {
		return
	}
	for i, r := range w.todo {
		if r.ID == from {
			w.todo[i] = &TargetRecord{Group: r.Group, ID: to, Target: r.Target}
		}
	}
}

// writeTargets writes a target assignment, as much of it as fits, and reports whether that was all.
func (k *Kind) writeTargets(d kind.Desk, id string, epoch int32, records []*TargetRecord, member func(id string) bool) (all bool) {
	size := 0
	for i, r := range records {
		if !member(r.ID) { // left meanwhile
			continue
		}
		if size += r.Size(); size > maxPiece && size > r.Size() {
			k.writing[id] = &unwritten{epoch, records[i:]}
			d.Timer(id, targetTimer, d.Now())
			return false
		}
		d.Write(r)
	}
	delete(k.writing, id)
	d.Write(&AssignmentMetadataRecord{Group: id, Epoch: epoch, Timestamp: d.Now().UnixMilli()})
	return true
}

// writeRest goes on where writeTargets stopped.
func (k *Kind) writeRest(d kind.Desk, id string, g *group) {
	w := k.writing[id]
	if w == nil || g.assigned >= w.epoch {
		delete(k.writing, id)
		return
	}
	k.writeTargets(d, id, w.epoch, w.todo, func(who string) bool { return g.members[who] != nil })
}

// end has a member removed, together with all whose time is up at once: each alone would not see that the others go too.
func (k *Kind) end(d kind.Desk, id, who string) {
	if k.ending[id] == nil {
		k.ending[id] = make(map[string]bool)
	}
	k.ending[id][who] = true
	d.Timer(id, endTimer, d.Now())
}

// endAll removes those members, as many as fit.
func (k *Kind) endAll(d kind.Desk, id string, g *group) {
	var gone []*member
	size := 0
	for _, who := range sortedKeys(k.ending[id]) {
		if size > maxPiece {
			d.Timer(id, endTimer, d.Now().Add(time.Millisecond))
			break
		}
		delete(k.ending[id], who)
		if p := g.members[who]; p != nil {
			gone = append(gone, p)
			size += 3 * (overhead + len(id) + len(who))
		}
	}
	if len(k.ending[id]) == 0 {
		delete(k.ending, id)
	}
	if len(gone) > 0 {
		k.ended[id] = g.epoch
		k.fence(d, id, g, gone...)
	}
}

// unsettled reports whether members were removed in the decision in progress: the group does not show it yet.
func (k *Kind) unsettled(id string, g *group) bool {
	epoch, ok := k.ended[id]
	if ok && epoch != g.epoch {
		delete(k.ended, id)
		ok = false
	}
	return ok
}
