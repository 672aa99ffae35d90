package group

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/field"
	"leat/internal/machine"
)

// State is the state of a classic group.
type State string

// The states, by the names that tools show.
const (
	Empty               State = "Empty"
	PreparingRebalance  State = "PreparingRebalance"
	CompletingRebalance State = "CompletingRebalance"
	Stable              State = "Stable"
	Dead                State = "Dead"
)

// consumerProtocol is the protocol type of groups of consumers; only their subscriptions are understood here.
const consumerProtocol = "consumer"

// liveGroup is the soft state of a group.
//
// Invariants: awaitingJoin counts the members with a join ticket; supported counts for each protocol name the members that list it.
type liveGroup struct {
	id             string
	state          State
	previous       State
	protocolType   string // "": none yet
	protocol       *string
	generation     int32
	leader         string // "": none
	stateTimestamp int64  // ms, -1: unknown

	members  []*member // in the order in which they came
	byID     map[string]*member
	statics  map[string]string
	pending  map[string]*timer // ids given out, not yet joined with
	unsynced map[string]bool   // members that have not asked for their assignment

	awaitingJoin int
	supported    map[string]int
	subscribed   map[string]bool // nil: not known

	// The wait for more members of a new group.
	newMemberAdded bool
	delay          int32 // ms, of the wait under way
	remaining      int32 // ms, that it may still be prolonged by

	arrivedAt int64 // ms, when an id was given out or a member came last

	joinTimer *timer
	syncTimer *timer
}

// member is a member of a live group.
type member struct {
	id               string
	instanceID       *string
	clientID         string
	clientHost       string
	rebalanceTimeout int32 // ms
	sessionTimeout   int32 // ms
	protocols        []kmsg.JoinGroupRequestProtocol
	assignment       []byte
	isNew            bool           // in its first join: it does not heartbeat yet
	joining          machine.Ticket // 0: does not wait
	syncing          machine.Ticket // 0: does not wait
	beating          machine.Ticket // 0: no heartbeat waits for its answer; only in a stable group
	pulse            pulse
	transactional    bool // has committed offsets by a transaction
	session          *timer
}

// group returns the live group, made from the stored one if need be.
func (m *Machine) group(id string) *liveGroup {
	g := m.live[id]
	if g == nil {
		g = m.revive(id)
		m.live[id] = g
	}
	return g
}

// peek is group for readers: what it returns is not kept.
func (m *Machine) peek(id string) *liveGroup {
	if g := m.live[id]; g != nil {
		return g
	}
	return m.revive(id)
}

// exists reports whether a group is known in any way.
func (m *Machine) exists(id string) bool {
	if _, ok := m.live[id]; ok {
		return true
	}
	if _, ok := m.hard.groups[id]; ok {
		return true
	}
	_, ok := m.hard.offsets[id]
	return ok
}

// revive makes a live group from the stored one.
func (m *Machine) revive(id string) *liveGroup {
	g := &liveGroup{id: id, state: Empty, previous: Empty, stateTimestamp: -1}
	stored := m.hard.groups[id]
	if stored == nil {
		g.stateTimestamp = m.now.UnixMilli()
		return g
	}
	g.protocolType, g.protocol, g.generation = stored.ProtocolType, stored.Protocol, stored.Generation
	g.stateTimestamp = stored.StateTimestamp
	if len(stored.Members) > 0 {
		g.state, g.previous = Stable, Stable
	}
	for i := range stored.Members {
		s := &stored.Members[i]
		g.insert(&member{
			id: s.MemberID, instanceID: s.InstanceID, clientID: s.ClientID, clientHost: s.ClientHost,
			rebalanceTimeout: s.RebalanceTimeout, sessionTimeout: s.SessionTimeout, assignment: s.Assignment,
			protocols: []kmsg.JoinGroupRequestProtocol{{Name: text(stored.Protocol), Metadata: s.Subscription}},
		})
	}
	if stored.Leader != nil {
		g.leader = *stored.Leader
	}
	g.subscribed = g.subscriptions()
	return g
}

// prune drops a live group that holds nothing which the stored one does not say.
func (m *Machine) prune(g *liveGroup) {
	if g.state == Empty && len(g.members) == 0 && len(g.pending) == 0 {
		delete(m.live, g.id)
	}
}

// member finds a member.
func (g *liveGroup) member(id string) *member { return g.byID[id] }

// insert adds a member; it leads if nobody does.
func (g *liveGroup) insert(p *member) {
	if g.leader == "" {
		g.leader = p.id
	}
	g.members = append(g.members, p)
	if g.byID == nil {
		g.byID = make(map[string]*member)
	}
	g.byID[p.id] = p
	g.count(p, 1)
	if p.joining != 0 {
		g.awaitingJoin++
	}
	delete(g.pending, p.id)
	if p.instanceID != nil {
		if g.statics == nil {
			g.statics = make(map[string]string)
		}
		g.statics[*p.instanceID] = p.id
	}
}

// count adds n to the protocols that the member supports.
func (g *liveGroup) count(p *member, n int) {
	if g.supported == nil {
		g.supported = make(map[string]int)
	}
	for i := range p.protocols {
		name := p.protocols[i].Name
		if g.supported[name] += n; g.supported[name] <= 0 {
			delete(g.supported, name)
		}
	}
}

// remove takes a member, or an id that was given out, off the group. If it led, the longest member leads.
func (g *liveGroup) remove(id string) {
	if p := g.byID[id]; p != nil {
		delete(g.byID, id)
		g.members = slices.DeleteFunc(g.members, func(q *member) bool { return q == p })
		g.count(p, -1)
		if p.joining != 0 {
			g.awaitingJoin--
		}
		if p.instanceID != nil && g.statics[*p.instanceID] == id {
			delete(g.statics, *p.instanceID)
		}
		p.session.stop()
	}
	if g.leader == id {
		g.leader = ""
		if len(g.members) > 0 {
			g.leader = g.members[0].id
		}
	}
	g.pending[id].stop()
	delete(g.pending, id)
	delete(g.unsynced, id)
}

// allJoined reports whether nobody is missing in the join phase.
func (g *liveGroup) allJoined() bool {
	return len(g.members) == g.awaitingJoin && len(g.pending) == 0
}

// electJoined makes sure that the leader is somebody who joined, and reports whether there is one.
func (g *liveGroup) electJoined() bool {
	if p := g.member(g.leader); p != nil && p.joining != 0 {
		return true
	}
	for _, p := range g.members {
		if p.joining != 0 {
			g.leader = p.id
			return true
		}
	}
	return false
}

// rebalanceTimeout is the longest of all members, in ms.
func (g *liveGroup) rebalanceTimeout() int32 {
	var longest int32
	for _, p := range g.members {
		longest = max(longest, p.rebalanceTimeout)
	}
	return longest
}

// moveTo changes the state.
func (m *Machine) moveTo(g *liveGroup, s State) {
	g.previous, g.state = g.state, s
	g.stateTimestamp = m.now.UnixMilli()
}

// supports reports whether a joiner with these protocols fits the group.
func (g *liveGroup) supports(protocolType string, protocols []kmsg.JoinGroupRequestProtocol) bool {
	if g.state == Empty {
		return protocolType != "" && len(protocols) > 0
	}
	if g.protocolType != protocolType {
		return false
	}
	for i := range protocols {
		if g.supported[protocols[i].Name] == len(g.members) {
			return true
		}
	}
	return false
}

// selectProtocol counts one vote per member, for the first protocol in its list that all support. With as many votes for two, the
// one that the longest member prefers wins.
func (g *liveGroup) selectProtocol() string {
	votes := make(map[string]int)
	for _, p := range g.members {
		for i := range p.protocols {
			if name := p.protocols[i].Name; g.supported[name] == len(g.members) {
				votes[name]++
				break
			}
		}
	}
	best, most := "", 0
	for i := range g.members[0].protocols {
		if name := g.members[0].protocols[i].Name; votes[name] > most {
			best, most = name, votes[name]
		}
	}
	return best
}

// metadata is what the member said about a protocol.
func (p *member) metadata(protocol string) []byte {
	for i := range p.protocols {
		if p.protocols[i].Name == protocol {
			return p.protocols[i].Metadata
		}
	}
	return nil
}

// matches reports whether the member has said the same before.
func (p *member) matches(protocols []kmsg.JoinGroupRequestProtocol) bool {
	if len(p.protocols) != len(protocols) {
		return false
	}
	for i := range protocols {
		if p.protocols[i].Name != protocols[i].Name || !bytes.Equal(p.protocols[i].Metadata, protocols[i].Metadata) {
			return false
		}
	}
	return true
}

// subscriptions collects the topics that the members of a consumer group subscribe to, nil if they cannot be known.
func (g *liveGroup) subscriptions() map[string]bool {
	if g.protocolType != consumerProtocol {
		return nil
	}
	all := make(map[string]bool)
	if len(g.members) == 0 {
		return all
	}
	if g.protocol == nil {
		return nil
	}
	for _, p := range g.members {
		if !addTopics(all, p.metadata(*g.protocol)) {
			return nil
		}
	}
	return all
}

// addTopics reads the topics of a consumer's subscription (the beginning is the same in all versions), and reports whether it parsed.
func addTopics(all map[string]bool, subscription []byte) bool {
	r := field.Reader{B: subscription}
	r.Int16()
	for n := r.Array(2); n > 0 && r.Err == nil; n-- {
		if topic := r.String(); r.Err == nil {
			all[topic] = true
		}
	}
	return r.Err == nil
}

// subscribes reports whether the group reads the topic, as far as known. A consumer group that is not understood may read any.
func (g *liveGroup) subscribes(topic string) bool {
	if g.subscribed != nil {
		return g.subscribed[topic]
	}
	return g.protocolType == consumerProtocol
}

// memberID makes an id for a new member.
func (m *Machine) memberID(prefix string) string {
	if most := maxString - 37; len(prefix) > most {
		prefix = prefix[:most]
	}
	var u [16]byte
	binary.BigEndian.PutUint64(u[:], m.cfg.Rand.Uint64())
	binary.BigEndian.PutUint64(u[8:], m.cfg.Rand.Uint64())
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	return fmt.Sprintf("%s-%x-%x-%x-%x-%x", prefix, u[:4], u[4:6], u[6:8], u[8:10], u[10:])
}

// maxString is the longest string of the protocol and of records.
const maxString = 1<<15 - 1

func text(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
