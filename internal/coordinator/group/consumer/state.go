package consumer

import (
	"maps"

	"leat/internal/coordinator/group/assign"
	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/record"
)

// group is the hard state of one group. What stands below the line follows from what stands above it.
type group struct {
	epoch        int32
	hash         int64
	assigned     int32 // the assignment epoch
	assignedAt   int64 // ms; 0: nothing was assigned yet
	members      map[string]*member
	targets      map[string]assign.Assignment
	regexes      map[string]*RegexRecord // resolved ones
	oldTopicInfo bool                    // there is a PartitionMetadataRecord

	statics   map[string]string // member ids by instance id
	byName    map[string]int    // members that name the topic
	byRegex   map[string]int    // members with the regular expression
	assignors map[string]int    // members that ask for the assignor
	owners    partitions        // the epoch of the member that owns each partition
	classic   int               // members of the classic protocol
}

// firstEpoch is the epoch of a group without members: its target assignment is empty.
const firstEpoch = 1

func newGroup() *group {
	return &group{
		epoch: firstEpoch, assigned: firstEpoch,
		members: make(map[string]*member), targets: make(map[string]assign.Assignment), regexes: make(map[string]*RegexRecord),
		statics: make(map[string]string), byName: make(map[string]int), byRegex: make(map[string]int), assignors: make(map[string]int),
		owners: make(partitions),
	}
}

// state is the hard state of all groups.
type state struct {
	groups  map[string]*group
	members int // of all groups; follows from them
}

// group finds a group, made if need be.
func (s *state) group(id string) *group {
	g := s.groups[id]
	if g == nil {
		g = newGroup()
		s.groups[id] = g
	}
	return g
}

// Apply takes a record in.
func (k *Kind) Apply(e machine.Entry[kind.Record]) bool {
	switch r := e.Record.(type) {
	case *EpochRecord:
		k.hard.applyEpoch(r)
	case *PartitionMetadataRecord:
		if g := k.hard.groups[r.Group]; g != nil || !r.Gone {
			k.hard.group(r.Group).oldTopicInfo = !r.Gone
		}
	case *MemberRecord:
		k.hard.applyMember(r)
	case *AssignmentMetadataRecord:
		k.hard.applyAssignmentMetadata(r)
	case *TargetRecord:
		k.hard.applyTarget(r)
	case *CurrentRecord:
		k.hard.applyCurrent(r)
	case *RegexRecord:
		k.hard.applyRegex(r)
	default:
		return false
	}
	return true
}

func (s *state) applyEpoch(r *EpochRecord) {
	if r.Gone {
		if g := s.groups[r.Group]; g != nil {
			s.members -= len(g.members)
			delete(s.groups, r.Group)
		}
		return
	}
	g := s.group(r.Group)
	g.epoch, g.hash = r.Epoch, r.Hash
}

func (s *state) applyAssignmentMetadata(r *AssignmentMetadataRecord) {
	g := s.groups[r.Group]
	switch {
	case !r.Gone:
		g = s.group(r.Group)
		g.assigned, g.assignedAt = r.Epoch, r.Timestamp
	case g != nil:
		g.assigned, g.assignedAt = firstEpoch, 0
	}
}

func (s *state) applyTarget(r *TargetRecord) {
	if !r.Gone {
		s.group(r.Group).targets[r.ID] = r.Target
	} else if g := s.groups[r.Group]; g != nil {
		delete(g.targets, r.ID)
	}
}

func (s *state) applyRegex(r *RegexRecord) {
	if !r.Gone {
		s.group(r.Group).regexes[r.Regex] = r
	} else if g := s.groups[r.Group]; g != nil {
		delete(g.regexes, r.Regex)
	}
}

// applyMember takes over what a member subscribes to, or removes the member.
func (s *state) applyMember(r *MemberRecord) {
	g := s.groups[r.Group]
	if r.Member == nil {
		if g != nil {
			s.replace(g, g.members[r.ID], nil)
		}
		return
	}
	g = s.group(r.Group)
	old, next := g.members[r.ID], *r.Member
	if old != nil {
		next.epoch, next.previousEpoch, next.state, next.assigned, next.pending = old.epoch, old.previousEpoch, old.state, old.assigned, old.pending
	}
	s.replace(g, old, &next)
}

// applyCurrent takes over what a member has. Compaction may have left it behind without its member, which is then made.
func (s *state) applyCurrent(r *CurrentRecord) {
	g := s.groups[r.Group]
	if r.Gone && (g == nil || g.members[r.ID] == nil) {
		return
	}
	g = s.group(r.Group)
	old := g.members[r.ID]
	next := member{id: r.ID}
	if old != nil {
		next = *old
	}
	next.epoch, next.previousEpoch, next.state, next.assigned, next.pending = r.Epoch, r.PreviousEpoch, r.State, r.Assigned, r.Pending
	if r.Gone {
		next.epoch, next.previousEpoch, next.state = leaving, leaving, stable
	}
	s.replace(g, old, &next)
}

// replace is a group's replace, and counts.
func (s *state) replace(g *group, old, next *member) {
	s.members -= len(g.members)
	g.replace(old, next)
	s.members += len(g.members)
}

// replace puts a member in the place of another one, either of which may be nil, and keeps up what follows from the members.
func (g *group) replace(old, next *member) {
	if old != nil {
		g.count(old, -1)
		g.disown(old)
		delete(g.members, old.id)
		if old.instanceID != nil && g.statics[*old.instanceID] == old.id {
			delete(g.statics, *old.instanceID)
		}
	}
	if next != nil {
		g.count(next, 1)
		g.own(next)
		g.members[next.id] = next
		if next.instanceID != nil {
			g.statics[*next.instanceID] = next.id
		}
	}
}

// count adds n to what is counted of a member's subscription.
func (g *group) count(p *member, n int) {
	for _, name := range p.topics {
		add(g.byName, name, n)
	}
	if x := p.expression(); x != "" {
		add(g.byRegex, x, n)
	}
	if p.assignor != nil {
		add(g.assignors, *p.assignor, n)
	}
	if p.classic != nil {
		g.classic += n
	}
}

func add(counts map[string]int, key string, n int) {
	if counts[key] += n; counts[key] <= 0 {
		delete(counts, key)
	}
}

// own notes the epoch at which a member owns its partitions.
func (g *group) own(p *member) {
	for _, all := range []partitions{p.assigned, p.pending} {
		for id, ps := range all {
			if g.owners[id] == nil {
				g.owners[id] = make(map[int32]int32, len(ps))
			}
			for partition := range ps {
				g.owners[id][partition] = p.epoch
			}
		}
	}
}

// disown forgets that a member owns its partitions, unless another one has come to own them.
func (g *group) disown(p *member) {
	for _, all := range []partitions{p.assigned, p.pending} {
		for id, ps := range all {
			for partition := range ps {
				if g.owners[id][partition] == p.epoch {
					delete(g.owners[id], partition)
				}
			}
			if len(g.owners[id]) == 0 {
				delete(g.owners, id)
			}
		}
	}
}

// owned reports whether a member owns the partition.
func (g *group) owned(topic record.UUID, partition int32) bool { return g.owners.has(topic, partition) }

// reads reports whether a member reads the topic, by name or by a regular expression.
func (g *group) reads(topic string) bool {
	if g.byName[topic] > 0 {
		return true
	}
	for x := range g.byRegex {
		if g.regexes[x].matched(topic) {
			return true
		}
	}
	return false
}

// topicNames lists what members read, as a set that may be changed.
func (g *group) topicNames() map[string]bool {
	all := make(map[string]bool, len(g.byName))
	for name := range g.byName {
		all[name] = true
	}
	for x := range g.byRegex {
		if r := g.regexes[x]; r != nil {
			for _, name := range r.Topics {
				all[name] = true
			}
		}
	}
	return all
}

// Hard is the hard state.
func (k *Kind) Hard() any { return maps.Clone(k.hard.groups) }
