package streams

import (
	"maps"
	"slices"

	"leat/internal/coordinator/group/epochs"
	"leat/internal/coordinator/group/kind"
)

// assign makes the target assignment anew if the group has moved on and time allows it. It returns the epoch of the target that holds
// now, and the member's part of it.
func (b *beat) assign() (int32, Assignment) {
	g := b.g
	target := g.Targets[b.after.ID]
	if b.replaced != nil {
		target = g.Targets[b.replaced.ID]
	}
	switch {
	case b.l.delayed:
		b.tell(statusAssignmentDelayed, "Assignment delayed due to the configured initial rebalance delay.")
		return g.Target.Epoch, Assignment{}
	case g.Target.Epoch >= b.next.Epoch:
		return g.Target.Epoch, target
	case !epochs.MayAssign(g.Target.Timestamp, b.s.AssignmentInterval, b.d.Now()):
		b.tell(statusAssignmentDelayed, "Assignment delayed due to the configured assignment interval.")
		return g.Target.Epoch, target
	}
	members := maps.Clone(g.Members)
	targets := g.Targets
	if b.replaced != nil {
		delete(members, b.replaced.ID)
		targets = maps.Clone(targets)
		targets[b.after.ID] = target
	}
	members[b.after.ID] = b.after
	records, all := newTarget(b.id, b.next.Epoch, b.d, b.conf, members, targets, b.l.offsets, standbyReplicas(assignmentConfigs(&b.s)))
	b.records = append(b.records, records...)
	return b.next.Epoch, all[b.after.ID]
}

// assignDelayed makes the first target assignment of a group once the wait for more members is over.
func (k *Groups) assignDelayed(d kind.Desk, id string, g *group, l *live) {
	switch {
	case k.fenced[id] != nil:
		l.delayed = true
		d.Timer(id, initialTimer, d.Now().Add(1e6)) // after what was just decided about members
		return
	case g == nil || len(g.Members) == 0 || g.Epoch <= g.Target.Epoch || l.configured == nil || g.Topology == nil:
		return
	}
	records, _ := newTarget(id, g.Epoch, d, l.configured, g.Members, g.Targets, l.offsets, standbyReplicas(g.Configs))
	for _, r := range records {
		d.Write(r)
	}
}

// newTarget computes a target assignment and the records that say what is new in it.
func newTarget(id string, epoch int32, d kind.Desk, conf *configured, members map[string]*member, targets map[string]Assignment,
	offsets map[string]reported, standbys int) ([]kind.Record, map[string]Assignment) {
	n := need{tasks: make(map[string]int32), stateful: make(map[string]bool), standbys: standbys}
	if conf.ready() {
		for sub, s := range conf.subtopologies {
			n.tasks[sub], n.stateful[sub] = s.tasks, len(s.changelogs) > 0
		}
	}
	var all []candidate
	for _, m := range members {
		all = append(all, candidate{m.ID, m.ProcessID, m.Assigned, offsets[m.ID].offsets})
	}
	assigned := assign(all, n)
	var records []kind.Record
	for _, m := range slices.Sorted(maps.Keys(assigned)) {
		if old, ok := targets[m]; !ok || !old.same(assigned[m]) {
			records = append(records, &TargetMemberRecord{id, m, new(assigned[m])})
		}
	}
	return append(records, &TargetMetadataRecord{id, &TargetMetadata{epoch, d.Now().UnixMilli()}}), assigned
}
