package streams

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
)

// Answer is the answer to a heartbeat, with the internal topics that are to be made for the application.
type Answer struct {
	*kmsg.StreamsGroupHeartbeatResponse
	Create []kmsg.CreateTopicsRequestTopic
}

// beat is one heartbeat being decided.
type beat struct {
	k  *Groups
	d  kind.Desk
	e  kind.Event
	rq *kmsg.StreamsGroupHeartbeatRequest
	id string
	s  kind.StreamsSettings
	g  *group // as stored, or an empty one
	l  *live

	joins    bool
	isNew    bool    // there is no such group yet
	replaced *member // the static member whose place is taken
	before   *member
	after    *member
	topology *Topology
	conf     *configured
	next     Metadata // of the group
	changed  bool     // a new assignment is due
	bumped   bool     // the group moves to a new epoch
	records  []kind.Record
	status   []kmsg.StreamsGroupHeartbeatResponseStatus
}

// heartbeat answers a member: it joins, leaves, or tells that it is there and what it runs, and is told what it shall run.
func (k *Groups) heartbeat(d kind.Desk, e kind.Event, rq *kmsg.StreamsGroupHeartbeatRequest) {
	answer, bad := k.decide(d, e, rq)
	if bad != nil {
		resp := rq.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse)
		resp.ErrorCode, resp.ErrorMessage = bad.code, new(bad.message)
		answer = &Answer{StreamsGroupHeartbeatResponse: resp}
	}
	d.Reply(e.Ticket, answer)
}

func (k *Groups) decide(d kind.Desk, e kind.Event, rq *kmsg.StreamsGroupHeartbeatRequest) (*Answer, *refusal) {
	if bad := validate(rq); bad != nil {
		return nil, bad
	}
	if rq.MemberEpoch < 0 {
		return k.leave(d, rq)
	}
	b := &beat{k: k, d: d, e: e, rq: rq, id: rq.Group, joins: rq.MemberEpoch == joinEpoch, s: settingsOf(d, rq.Group)}
	b.status = []kmsg.StreamsGroupHeartbeatResponseStatus{}
	for _, step := range []func() *refusal{b.findGroup, b.findMember, b.findTopology, b.findTopics, b.takeOffsets} {
		if bad := step(); bad != nil {
			return nil, bad
		}
	}
	b.bumpEpoch()
	epoch, target := b.assign()
	b.reconcile(epoch, target)
	return b.finish(), nil
}

// findGroup finds the group, or has an empty one for somebody who joins.
func (b *beat) findGroup() *refusal {
	t := b.d.TypeOf(b.id)
	b.g = b.k.hard[b.id]
	switch {
	case t == kind.None && !b.joins:
		return refuse(codeGroupIDNotFound, "Streams group "+b.id+" not found.")
	case t == kind.Classic && b.joins && b.d.Classic(b.id) != nil && len(b.d.Classic(b.id).Members) == 0, t == kind.None:
		b.g, b.isNew = newGroup(), true
	case b.g == nil:
		return refuse(codeGroupIDNotFound, "Group "+b.id+" is not a streams group.")
	}
	if b.l = b.k.soft[b.id]; b.l == nil || b.isNew {
		b.l = &live{offsets: make(map[string]reported), revoking: make(map[string]int32)}
		if old := b.k.soft[b.id]; old != nil {
			b.l.delayed = old.delayed
		}
	}
	b.next = b.g.Metadata
	static := b.rq.InstanceID != nil && b.g.static(*b.rq.InstanceID) != nil
	if b.joins && !static && len(b.g.Members) >= b.s.MaxSize && b.g.Members[b.rq.MemberID] == nil {
		return refuse(codeGroupMaxSize, fmt.Sprintf("The streams group has reached its maximum capacity of %d members.", b.s.MaxSize))
	}
	return nil
}

// findMember finds out who this is, and takes in what it says of itself.
func (b *beat) findMember() *refusal {
	find := b.dynamic
	if b.rq.InstanceID != nil {
		find = b.static
	}
	if bad := find(); bad != nil {
		return bad
	}
	b.after = b.updated()
	if !b.after.MemberMetadata.equal(&b.before.MemberMetadata) {
		b.records = append(b.records, &MemberRecord{b.id, b.after.ID, &b.after.MemberMetadata})
		b.changed = b.rq.InstanceID == nil || b.after.moves(&b.before.MemberMetadata)
	}
	return nil
}

func (b *beat) dynamic() *refusal {
	b.before = b.g.Members[b.rq.MemberID]
	if b.before == nil && !b.joins {
		return refuse(codeUnknownMemberID, fmt.Sprintf("Member %s is not a member of group %s.", b.rq.MemberID, b.id))
	}
	if b.before == nil {
		b.before = newMember(b.rq.MemberID)
	}
	return b.checkEpoch(b.before)
}

// static finds a member by its instance id. Who joins with the instance id of a member that has left for a while takes its place.
func (b *beat) static() *refusal {
	instance, memberID := *b.rq.InstanceID, b.rq.MemberID
	old := b.g.static(instance)
	if !b.joins {
		if bad := checkStatic(old, instance, memberID); bad != nil {
			return bad
		}
		b.before = old
		return b.checkEpoch(old)
	}
	if old == nil {
		if b.before = b.g.Members[memberID]; b.before == nil {
			b.before = newMember(memberID)
		}
		return nil
	}
	if old.Epoch != leaveStaticEpoch {
		return refuse(codeUnreleasedInstance, fmt.Sprintf(
			"Static member %s with instance id %s cannot join the group because the instance id is owned by %s member.", memberID, instance, old.ID))
	}
	b.before = &member{ID: memberID, MemberMetadata: old.MemberMetadata, Current: old.Current}
	b.before.Epoch, b.before.Previous = 0, 0
	target := b.g.Targets[old.ID].clone()
	b.records = append(b.records, goneRecords(b.id, old.ID)...)
	b.records = append(b.records, &MemberRecord{b.id, memberID, &b.before.MemberMetadata},
		&TargetMemberRecord{b.id, memberID, &target}, &CurrentRecord{b.id, memberID, &b.before.Current})
	if old.ID != memberID {
		b.replaced = old
	}
	return nil
}

// checkStatic checks that an instance id is the member's.
func checkStatic(m *member, instance, memberID string) *refusal {
	if m == nil {
		return refuse(codeUnknownMemberID, "Instance id "+instance+" is unknown.")
	}
	if m.ID != memberID {
		return refuse(codeFencedInstanceID, fmt.Sprintf("Static member %s with instance id %s was fenced by member %s.", memberID, instance, m.ID))
	}
	return nil
}

// checkEpoch checks that the member is where it says it is. It may be one epoch behind if the last answer did not reach it, as long as
// it runs nothing that it should not.
func (b *beat) checkEpoch(m *member) *refusal {
	got := b.rq.MemberEpoch
	text := "The streams group member has a %s member epoch (%d) than the one known by the group coordinator (%d). The member must abandon all its partitions and rejoin."
	switch {
	case got == joinEpoch || got == m.Epoch:
		return nil
	case got > m.Epoch:
		return refuse(codeFencedMemberEpoch, fmt.Sprintf(text, "greater", got, m.Epoch))
	case got != m.Previous || !reportsTasks(b.rq):
	default:
		a := b.owned()
		for r := range a {
			for task := range a[r] {
				if !m.Assigned[r].has(task) {
					return refuse(codeFencedMemberEpoch, fmt.Sprintf(text, "smaller", got, m.Epoch))
				}
			}
		}
		return nil
	}
	return refuse(codeFencedMemberEpoch, fmt.Sprintf(text, "smaller", got, m.Epoch))
}

// owned is what the member says it runs; nil if it does not say.
func (b *beat) owned() *Assignment {
	if !reportsTasks(b.rq) {
		return nil
	}
	return &Assignment{tasksOf(b.rq.ActiveTasks), tasksOf(b.rq.StandbyTasks), tasksOf(b.rq.WarmupTasks)}
}

// updated is the member with what it says of itself in this request. What it leaves out is as before.
func (b *beat) updated() *member {
	rq, m := b.rq, *b.before
	if rq.InstanceID != nil {
		m.InstanceID = new(*rq.InstanceID)
	}
	if rq.RackID != nil {
		m.RackID = new(*rq.RackID)
	}
	if rq.RebalanceTimeoutMillis != -1 {
		m.RebalanceTimeout = rq.RebalanceTimeoutMillis
	}
	if rq.Topology != nil {
		m.TopologyEpoch = rq.Topology.Epoch
	}
	m.ClientID, m.ClientHost = strings.Clone(b.e.ClientID), strings.Clone(b.e.ClientHost)
	if rq.ProcessID != nil {
		m.ProcessID = strings.Clone(*rq.ProcessID)
	}
	if rq.ClientTags != nil {
		m.ClientTags = nil
		for _, tag := range rq.ClientTags {
			m.ClientTags = append(m.ClientTags, Pair{strings.Clone(tag.Key), strings.Clone(tag.Value)})
		}
		slices.SortFunc(m.ClientTags, func(a, b Pair) int { return cmp.Compare(a.Key, b.Key) })
	}
	if rq.UserEndpoint != nil {
		m.Endpoint = &Endpoint{strings.Clone(rq.UserEndpoint.Host), rq.UserEndpoint.Port}
	} else if b.joins {
		m.Endpoint = nil
	}
	return &m
}

// findTopology compares the topology of the member with the group's. The first member brings the group its topology.
func (b *beat) findTopology() *refusal {
	b.topology = b.g.Topology
	switch rq := b.rq.Topology; {
	case b.topology == nil && rq == nil:
		return refuse(codeUnknownServerError, "The topology is null and the group topology is also null.")
	case b.topology == nil:
		b.topology = topologyOf(rq)
		b.records = append(b.records, &TopologyRecord{b.id, b.topology})
	case rq != nil && rq.Epoch >= b.topology.Epoch && !topologyOf(rq).equal(b.topology):
		return refuse(codeInvalidRequest, "Topology updates are not supported yet.")
	}
	if have, want := b.after.TopologyEpoch, b.topology.Epoch; b.g.Topology != nil && have < want {
		b.tell(statusStaleTopology, fmt.Sprintf("The member's topology epoch %d is behind the group's topology epoch %d.", have, want))
	}
	return nil
}

// findTopics compares the topology with the topics that there are, when they may have changed.
func (b *beat) findTopics() *refusal {
	b.conf = b.l.configured
	if b.conf == nil || b.l.stale || b.g.Topology == nil {
		hash := b.k.hasher.MetadataHash(b.d.Image(), b.topology.required())
		if hash != b.g.Hash || b.conf == nil || b.g.Topology == nil {
			conf, bad := configure(b.topology, b.d.Image())
			if bad != nil {
				return bad
			}
			b.conf = conf
		}
		b.changed = b.changed || hash != b.g.Hash
		b.next.Hash = hash
	}
	b.next.ValidatedTopology = -1
	if !b.conf.ready() {
		return nil
	}
	b.next.ValidatedTopology = b.topology.Epoch
	for _, tasks := range [][]kmsg.TaskIDs{b.rq.ActiveTasks, b.rq.StandbyTasks, b.rq.WarmupTasks} {
		if bad := validateTasks(b.conf, tasks); bad != nil {
			return bad
		}
	}
	return nil
}

// takeOffsets remembers how far the member's state goes.
func (b *beat) takeOffsets() *refusal {
	was := b.l.offsets[b.rq.MemberID]
	for _, f := range []struct {
		from []kmsg.TaskOffset
		to   *map[Task]int64
	}{{b.rq.TaskOffsets, &was.offsets}, {b.rq.TaskEndOffsets, &was.ends}} {
		if f.from == nil {
			continue
		}
		all, bad := offsetsOf(f.from)
		if bad != nil {
			return bad
		}
		*f.to = b.topology.known(all)
	}
	if b.rq.TaskOffsets != nil || b.rq.TaskEndOffsets != nil {
		b.l.offsets[b.rq.MemberID] = was
	}
	return nil
}

// bumpEpoch begins a new group epoch if something has changed that an assignment depends on.
func (b *beat) bumpEpoch() {
	configs := assignmentConfigs(&b.s)
	if b.changed || b.next.ValidatedTopology != b.g.ValidatedTopology || !slices.Equal(configs, b.g.Configs) {
		b.next.Epoch++
		b.next.Configs = configs
		b.records = append(b.records, &MetadataRecord{b.id, &b.next})
		b.bumped = true
	}
	if len(b.g.Members) == 0 && b.s.InitialRebalanceDelay > 0 && !b.l.delayed {
		b.l.delayed = true
		b.d.Timer(b.id, initialTimer, b.d.Now().Add(b.s.InitialRebalanceDelay))
	}
}

// reconcile moves the member a step towards its target.
func (b *beat) reconcile(epoch int32, target Assignment) {
	if b.after.reconciled(epoch) {
		return
	}
	p := &progress{member: &b.after.Current, process: b.after.ProcessID, target: target, epoch: epoch, owned: b.owned(), held: &b.g.held}
	next := p.next()
	if next.equal(&b.after.Current) {
		return
	}
	b.after.Current = *next
	b.records = append(b.records, &CurrentRecord{b.id, b.after.ID, next})
	if next.State == MemberUnrevoked {
		b.l.awaitRevocation(b.d, b.id, b.after)
		return
	}
	delete(b.l.revoking, b.after.ID)
	b.d.Timer(b.id, rebalanceTimer+b.after.ID, time.Time{})
}

// tell adds a status to the answer.
func (b *beat) tell(code int8, detail string) {
	s := kmsg.NewStreamsGroupHeartbeatResponseStatus()
	s.StatusCode, s.StatusDetail = code, detail
	b.status = append(b.status, s)
}

// finish writes what was decided and makes the answer.
func (b *beat) finish() *Answer {
	if b.isNew {
		b.d.Claim(b.id, kind.Classic)
	}
	for _, r := range b.records {
		b.d.Write(r)
	}
	if b.bumped {
		b.d.Effect(kind.Rebalanced{Type: kind.Streams})
	}
	b.l.configured, b.l.stale = b.conf, false
	b.k.soft[b.id] = b.l
	if b.replaced != nil {
		b.l.forget(b.d, b.id, b.replaced.ID)
	}
	b.k.startSession(b.d, b.id, b.after.ID)
	if b.rq.ShutdownApplication && b.l.shutdown == "" {
		b.l.shutdown = b.rq.MemberID
	}
	return b.answer()
}
