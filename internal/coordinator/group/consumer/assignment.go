package consumer

import (
	"slices"

	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/epochs"
	"leat/internal/metadata"
)

// assign computes the target assignment anew if the group has moved on and enough time has passed, and gives the member's part of it. A
// group that may not be assigned yet keeps its last one; the next heartbeat after the interval computes it.
func (dr *draft) assign() (target assign.Assignment, epoch int32) {
	if dr.k.writing[dr.id] != nil || dr.d.Now().Before(dr.k.refused[dr.id]) {
		return dr.target(), dr.assigned
	}
	delete(dr.k.refused, dr.id)
	if dr.assigned >= dr.epoch || !epochs.MayAssign(dr.assignedAt, configOf(dr.d, dr.id).assignmentInterval, dr.d.Now()) {
		return dr.target(), dr.assigned
	}
	members := make([]assign.Member, 0, dr.size())
	topics := topicReader{image: dr.d.Image(), regexes: dr.regexes}
	dr.others(func(p *member) {
		members = append(members, assign.Member{ID: p.id, InstanceID: text(p.instanceID), Topics: topics.of(p), Previous: dr.targets[p.id]})
	})
	members = append(members, assign.Member{
		ID: dr.now.id, InstanceID: text(dr.now.instanceID), Topics: topics.of(dr.now), Previous: dr.target(),
	})
	all := assign.ByName[assignor(dr.d, dr.assignorCounts())](members)
	var records []*TargetRecord
	for i := range members {
		id := members[i].ID
		if old, ok := dr.targets[id]; !ok && !dr.carried(id) || !all[id].Equal(old) && !dr.carried(id) || dr.carried(id) && !all[id].Equal(dr.target()) {
			records = append(records, &TargetRecord{Group: dr.id, ID: id, Target: all[id]})
		}
	}
	if !dr.k.writeTargets(dr.d, dr.id, dr.epoch, records, func(string) bool { return true }) {
		return dr.target(), dr.assigned
	}
	return all[dr.now.id], dr.epoch
}

// carried reports whether the target assignment of the id is that of the member that it replaces.
func (dr *draft) carried(id string) bool {
	return id == dr.now.id && dr.before != nil && dr.before.id != id
}

// topicReader finds the topics that members read. Members that say the same, which are most of them, share the answer.
type topicReader struct {
	image   *metadata.Image
	regexes map[string]*RegexRecord

	names []string
	regex string
	found []assign.Topic
	any   bool
}

// of lists the topics that a member reads, by id.
func (r *topicReader) of(p *member) []assign.Topic {
	if r.any && r.regex == p.expression() && slices.Equal(r.names, p.topics) {
		return r.found
	}
	r.any, r.names, r.regex, r.found = true, p.topics, p.expression(), nil
	seen := make(map[string]bool, len(p.topics))
	for _, names := range [][]string{p.topics, r.regexes[r.regex].topics()} {
		for _, name := range names {
			if t, ok := r.image.Topic(name); ok && !seen[name] {
				seen[name] = true
				r.found = append(r.found, assign.Topic{ID: t.ID, Partitions: int32(len(t.Partitions))})
			}
		}
	}
	slices.SortFunc(r.found, func(a, b assign.Topic) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return r.found
}

// topics is what the expression matches; nothing if it is not resolved.
func (r *RegexRecord) topics() []string {
	if r == nil {
		return nil
	}
	return r.Topics
}

// matched reports whether the expression matches the topic, as far as resolved.
func (r *RegexRecord) matched(topic string) bool {
	_, found := slices.BinarySearch(r.topics(), topic)
	return found
}
