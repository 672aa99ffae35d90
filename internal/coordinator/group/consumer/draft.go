package consumer

import (
	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
)

// draft is a group as it will be once the decision in progress is applied.
type draft struct {
	k  *Kind
	d  kind.Desk
	id string
	*group
	sees func(topic string) bool // see kind.Event

	before *member // as it is in the group: the one that speaks, or the static member that it replaces; nil: it is new
	now    *member // as it will be
	epoch  int32   // the group epoch, as it will be
}

// added is who the group has beside before and now.
func (dr *draft) others(each func(p *member)) {
	for _, id := range sortedKeys(dr.members) {
		if p := dr.members[id]; p != dr.before && id != dr.now.id {
			each(p)
		}
	}
}

// size is how many members there will be.
func (dr *draft) size() int {
	if dr.before == nil {
		return len(dr.members) + 1
	}
	return len(dr.members)
}

// names lists the topics that will be read, in order: by name, and by the expressions that are resolved.
func (dr *draft) names() []string {
	byName, byRegex := make(map[string]int, len(dr.byName)+1), make(map[string]int, len(dr.byRegex)+1)
	for name, n := range dr.byName {
		byName[name] = n
	}
	for x, n := range dr.byRegex {
		byRegex[x] = n
	}
	adjust := func(p *member, n int) {
		if p == nil {
			return
		}
		for _, name := range p.topics {
			add(byName, name, n)
		}
		if x := p.expression(); x != "" {
			add(byRegex, x, n)
		}
	}
	adjust(dr.before, -1)
	adjust(dr.now, 1)
	for x := range byRegex {
		if r := dr.regexes[x]; r != nil {
			for _, name := range r.Topics {
				byName[name] = 1
			}
		}
	}
	return sortedKeys(byName)
}

// assignorCounts counts the assignors that will be asked for.
func (dr *draft) assignorCounts() map[string]int {
	counts := make(map[string]int, len(dr.assignors)+1)
	for name, n := range dr.assignors {
		counts[name] = n
	}
	if dr.before != nil && dr.before.assignor != nil {
		add(counts, *dr.before.assignor, -1)
	}
	if dr.now.assignor != nil {
		add(counts, *dr.now.assignor, 1)
	}
	return counts
}

// target is the last target assignment of the member, or of the one that it replaces.
func (dr *draft) target() assign.Assignment {
	if t, ok := dr.targets[dr.now.id]; ok || dr.before == nil {
		return t
	}
	return dr.targets[dr.before.id]
}

// bump moves the group to a new epoch if changed is set, or if the topics are not what they were.
func (dr *draft) bump(changed bool) {
	hash := dr.k.hasher.MetadataHash(dr.d.Image(), dr.names())
	if changed || hash != dr.hash {
		dr.epoch++
		dr.d.Write(&EpochRecord{Group: dr.id, Epoch: dr.epoch, Hash: hash})
		dr.d.Effect(kind.Rebalanced{Type: kind.Consumer})
	}
	if dr.oldTopicInfo {
		dr.d.Write(&PartitionMetadataRecord{Group: dr.id, Gone: true})
	}
	dr.k.fresh[dr.id] = true
}
