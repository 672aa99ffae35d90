package consumer

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/epochs"
	"leat/internal/coordinator/group/kind"
)

// Kind is the consumer groups of one machine.
type Kind struct {
	hard state

	// What follows is soft state.
	hasher epochs.Hasher
	fresh  map[string]bool        // groups whose topics have not changed since their hash was computed
	await  map[string]int32       // members, by timer, to the epoch at which they began to revoke
	work   map[string]*resolution // regular expressions being resolved, by group
	rejoin map[string]bool        // classic members, by group and id, that were told to join again
	topics int64                  // the image in which topics were last added

	writing map[string]*unwritten      // target assignments that are written in pieces, by group
	ending  map[string]map[string]bool // members to be removed, by group
	ended   map[string]int32           // groups that members were removed from, with the epoch before
	refused map[string]time.Time       // groups whose target assignment was refused, until when they keep their last one
}

var _ kind.Kind = (*Kind)(nil)

// New returns consumer groups without any.
func New() kind.Kind {
	return &Kind{
		hard: state{groups: make(map[string]*group)}, fresh: make(map[string]bool), await: make(map[string]int32),
		work: make(map[string]*resolution), rejoin: make(map[string]bool),
		writing: make(map[string]*unwritten), ending: make(map[string]map[string]bool), ended: make(map[string]int32), refused: make(map[string]time.Time),
	}
}

// Type is the type of these groups.
func (k *Kind) Type() kind.Type { return kind.Consumer }

// Protocol is the protocol type that listings show.
func (k *Kind) Protocol(string) string { return "consumer" }

// Has reports whether there is such a group.
func (k *Kind) Has(id string) bool { return k.hard.groups[id] != nil }

// Groups lists all groups, in order.
func (k *Kind) Groups() []string { return sortedKeys(k.hard.groups) }

// Empty reports whether a group has no members.
func (k *Kind) Empty(id string) bool {
	g := k.hard.groups[id]
	return g == nil || len(g.members) == 0
}

// Members counts a group's members.
func (k *Kind) Members(id string) int {
	if g := k.hard.groups[id]; g != nil {
		return len(g.members)
	}
	return 0
}

// Roster lists who a group's members are.
func (k *Kind) Roster(id string) []kind.Who {
	var all []kind.Who
	if g := k.hard.groups[id]; g != nil {
		for _, who := range sortedKeys(g.members) {
			all = append(all, kind.Who{ID: who, ClientID: g.members[who].clientID, ClientHost: g.members[who].clientHost})
		}
	}
	return all
}

// HasOffsets reports that consumers commit offsets.
func (k *Kind) HasOffsets() bool { return true }

// Subscribed reports whether a member reads the topic.
func (k *Kind) Subscribed(id, topic string) bool {
	g := k.hard.groups[id]
	return g != nil && g.reads(topic)
}

// The states of a group, by the names that tools show.
const (
	stateEmpty       = "Empty"
	stateAssigning   = "Assigning"
	stateReconciling = "Reconciling"
	stateStable      = "Stable"
)

// State is the state of a group.
func (k *Kind) State(_ kind.Desk, id string) string { return k.hard.groups[id].stateName() }

func (g *group) stateName() string {
	if g == nil || len(g.members) == 0 {
		return stateEmpty
	}
	if g.epoch > g.assigned {
		return stateAssigning
	}
	for _, p := range g.members {
		if !p.reconciled(g.assigned) {
			return stateReconciling
		}
	}
	return stateStable
}

// Handle decides on a request.
func (k *Kind) Handle(d kind.Desk, e kind.Event) bool {
	switch rq := e.Request.(type) {
	case *kmsg.ConsumerGroupHeartbeatRequest:
		resp, refused := k.heartbeat(d, e, rq)
		if refused != nil {
			resp = kmsg.NewPtrConsumerGroupHeartbeatResponse()
			resp.ErrorCode, resp.ErrorMessage = refused.code, &refused.message
		}
		d.Reply(e.Ticket, resp)
	case *kmsg.ConsumerGroupDescribeRequest:
		d.Reply(e.Ticket, k.describe(d, rq))
	case *kmsg.JoinGroupRequest:
		d.Reply(e.Ticket, k.classicJoin(d, e, rq))
	case *kmsg.SyncGroupRequest:
		d.Reply(e.Ticket, k.classicSync(d, rq))
	case *kmsg.HeartbeatRequest:
		d.Reply(e.Ticket, k.classicBeat(d, rq))
	case *kmsg.LeaveGroupRequest:
		d.Reply(e.Ticket, k.classicLeave(d, rq))
	default:
		return false
	}
	return true
}

// refusal is a request that is not granted.
type refusal struct {
	code    int16
	message string
}

func refuse(err *kerr.Error, message string) *refusal { return &refusal{err.Code, message} }

// The timers of a member begin with these letters; those of a group are nothing but that.
const (
	sessionTimer = "s:"
	revokeTimer  = "r:"
	regexTimer   = "x:"
	joinTimer    = "j:" // a classic member was told to join again
	targetTimer  = "t:" // the rest of a target assignment is to be written
	endTimer     = "e:" // members are to be removed
	syncTimer    = "y:" // a classic member joined and has not asked for its assignment
)

// Fire is a timer that came due.
func (k *Kind) Fire(d kind.Desk, id, key string) {
	g := k.hard.groups[id]
	if g == nil {
		k.forget(id)
		return
	}
	what, who := key[:2], key[2:]
	p := g.members[who]
	switch {
	case (what == regexTimer || what == targetTimer || what == endTimer) && k.unsettled(id, g):
		d.Timer(id, key, d.Now().Add(time.Millisecond))
	case what == regexTimer:
		k.resolve(d, id, g)
	case what == targetTimer:
		k.writeRest(d, id, g)
	case what == endTimer:
		k.endAll(d, id, g)
	case p == nil:
	case what == joinTimer || what == syncTimer:
		delete(k.rejoin, id+"\x00"+who)
		d.Note(kind.Notice{Message: "removed member that did not rejoin in time", Group: id, Member: who, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.epoch})
		k.end(d, id, who)
	case what == sessionTimer:
		d.Note(kind.Notice{Message: "removed member whose session ended", Group: id, Member: who, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.epoch})
		k.end(d, id, who)
	case what == revokeTimer && k.await[id+"\x00"+who] == p.epoch:
		d.Note(kind.Notice{Message: "removed member that did not revoke its partitions in time", Group: id, Member: who, ClientID: p.clientID, ClientHost: p.clientHost, Generation: g.epoch})
		k.end(d, id, who)
	}
}

// Loaded begins the sessions of all members.
func (k *Kind) Loaded(d kind.Desk) {
	k.topics = d.Image().Offset
	for _, id := range k.Groups() {
		g := k.hard.groups[id]
		for _, who := range sortedKeys(g.members) {
			p := g.members[who]
			k.startSession(d, id, p)
			if p.state == unrevoked {
				k.startRevoke(d, id, p)
			}
		}
	}
}

// startSession gives a member until then to be heard of again.
func (k *Kind) startSession(d kind.Desk, id string, p *member) {
	timeout := configOf(d, id).sessionTimeout
	if p.classic != nil {
		timeout = time.Duration(p.classic.sessionTimeout) * time.Millisecond
	}
	d.Timer(id, sessionTimer+p.id, d.Now().Add(timeout))
}

// startRevoke gives a member until then to revoke what it has to.
func (k *Kind) startRevoke(d kind.Desk, id string, p *member) {
	k.await[id+"\x00"+p.id] = p.epoch
	d.Timer(id, revokeTimer+p.id, d.Now().Add(time.Duration(p.rebalanceTimeout)*time.Millisecond))
}

// stopTimers stops what is due for a member.
func (k *Kind) stopTimers(d kind.Desk, id, who string) {
	d.Timer(id, sessionTimer+who, time.Time{})
	k.stopRevoke(d, id, who)
	delete(k.rejoin, id+"\x00"+who)
	d.Timer(id, joinTimer+who, time.Time{})
	d.Timer(id, syncTimer+who, time.Time{})
}

func (k *Kind) stopRevoke(d kind.Desk, id, who string) {
	delete(k.await, id+"\x00"+who)
	d.Timer(id, revokeTimer+who, time.Time{})
}

// ImageChanged has the groups that read a changed topic look at it with their next heartbeat.
func (k *Kind) ImageChanged(d kind.Desk, changed kind.Topics) {
	k.hasher.Forget()
	if len(changed.Created) > 0 {
		k.topics = d.Image().Offset
	}
	var names []string
	for _, t := range changed.Created {
		names = append(names, t.Name)
	}
	for _, t := range changed.Changed {
		names = append(names, t.Name)
	}
	names = append(names, changed.Deleted...)
	for id := range k.fresh {
		g := k.hard.groups[id]
		if g == nil {
			delete(k.fresh, id)
			continue
		}
		for _, name := range names {
			if g.reads(name) {
				delete(k.fresh, id)
				break
			}
		}
	}
}

// refusedPause is how long a group keeps its assignment after the next one was refused: each heartbeat would compute it in vain.
const refusedPause = time.Second

// Refused takes back what a decision did to soft state.
func (k *Kind) Refused(d kind.Desk, records []kind.Record) {
	for _, r := range records {
		if t, ok := r.(*TargetRecord); ok {
			delete(k.writing, t.Group)
			k.refused[t.Group] = d.Now().Add(refusedPause)
		}
		r, ok := r.(*EpochRecord)
		if !ok {
			continue
		}
		delete(k.fresh, r.Group)
		delete(k.ended, r.Group)
		if g := k.hard.groups[r.Group]; g != nil { // members whose timers were stopped are still there
			for _, who := range sortedKeys(g.members) {
				k.startSession(d, r.Group, g.members[who])
			}
		}
	}
}

// Remove writes the tombstones of a group.
func (k *Kind) Remove(d kind.Desk, id string) {
	g := k.hard.groups[id]
	if g == nil {
		return
	}
	members := sortedKeys(g.members)
	for _, who := range members {
		d.Write(&CurrentRecord{Group: id, ID: who, Gone: true})
	}
	for _, who := range members {
		d.Write(&TargetRecord{Group: id, ID: who, Gone: true})
	}
	d.Write(&AssignmentMetadataRecord{Group: id, Gone: true})
	for _, who := range members {
		d.Write(&MemberRecord{Group: id, ID: who})
	}
	for _, x := range sortedKeys(g.regexes) {
		d.Write(&RegexRecord{Group: id, Regex: x, Gone: true})
	}
	if g.oldTopicInfo {
		d.Write(&PartitionMetadataRecord{Group: id, Gone: true})
	}
	d.Write(&EpochRecord{Group: id, Gone: true})
	k.forget(id)
}

// forget drops the soft state of a group that is gone.
func (k *Kind) forget(id string) {
	delete(k.fresh, id)
	delete(k.work, id)
	delete(k.writing, id)
	delete(k.ending, id)
	delete(k.ended, id)
	delete(k.refused, id)
}
