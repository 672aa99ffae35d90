package group

import (
	"iter"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// desk is where one newer kind of groups decides: see kind.Desk.
type desk struct {
	*Machine
	kind   kind.Kind
	alarms map[string]map[string]*timer // by group and key; never an empty map in it
}

var _ kind.Desk = (*desk)(nil)

// Now is the time of the event.
func (d *desk) Now() time.Time { return d.now }

// Settings are the configs.
func (d *desk) Settings() *kind.Settings { return &d.set }

// Image is what topics are like.
func (d *desk) Image() *metadata.Image { return d.image }

// Rand is chance.
func (d *desk) Rand() *rand.Rand { return d.cfg.Rand }

// Write adds a record to the decision.
func (d *desk) Write(r kind.Record) { d.write(r) }

// Reply answers a ticket.
func (d *desk) Reply(to machine.Ticket, resp kmsg.Response) { d.reply(to, resp) }

// Note tells the operator.
func (d *desk) Note(n kind.Notice) { d.note(n) }

// Effect adds an effect.
func (d *desk) Effect(e machine.Effect) { d.out.Effects = append(d.out.Effects, e) }

// Timer sets, puts off or stops a timer.
func (d *desk) Timer(group, key string, deadline time.Time) {
	t := d.alarms[group][key]
	switch {
	case deadline.IsZero():
		t.stop()
		d.forget(t)
	case t != nil && !t.deadline.IsZero() && !deadline.Before(t.at):
		t.deadline = deadline
	default:
		t.stop()
		if d.alarms[group] == nil {
			d.alarms[group] = make(map[string]*timer)
		}
		d.alarms[group][key] = d.clock.start(timer{kind: kindTimer, group: group, member: key, desk: d, deadline: deadline})
	}
}

// StopTimers stops all timers of a group.
func (d *desk) StopTimers(group string) {
	for _, t := range d.alarms[group] {
		t.stop()
	}
	delete(d.alarms, group)
}

// forget takes a timer that is over off the alarms.
func (d *desk) forget(t *timer) {
	if t == nil || d.alarms[t.group][t.member] != t {
		return
	}
	delete(d.alarms[t.group], t.member)
	if len(d.alarms[t.group]) == 0 {
		delete(d.alarms, t.group)
	}
}

// fire calls the kind for a timer that came due.
func (d *desk) fire(t *timer) {
	if d.alarms[t.group][t.member] == t {
		d.forget(t)
		d.kind.Fire(d, t.group, t.member)
	}
}

// remove removes a group's own records and what is due for it.
func (d *desk) remove(group string) {
	d.StopTimers(group)
	d.kind.Remove(d, group)
}

// TypeOf is the type of a group.
func (d *desk) TypeOf(group string) kind.Type { return d.typeOf(group) }

// Claim makes a group id the kind's own.
func (d *desk) Claim(group string, from ...kind.Type) bool {
	t := d.typeOf(group)
	if t == kind.None || t == d.kind.Type() {
		return true
	}
	if !slices.Contains(from, t) {
		return false
	}
	if owner := d.owner(group); owner != nil {
		if !owner.kind.Empty(group) {
			return false
		}
		owner.remove(group)
		return true
	}
	if d.peek(group).state != Empty {
		return false
	}
	d.DropClassic(group)
	return true
}

// Committed is a committed offset.
func (d *desk) Committed(group, topic string, partition int32) (offset int64, ok bool) {
	if o := d.hard.offset(group, topic, partition); o != nil {
		return o.Offset, true
	}
	return 0, false
}

// Commits tells when offsets were committed.
func (d *desk) Commits(group string) iter.Seq2[record.TopicPartition, time.Time] {
	return d.hard.commits(group)
}

// Offsets lists what has committed offsets.
func (d *desk) Offsets(group string) []record.TopicPartition {
	var all []record.TopicPartition
	for _, topic := range sortedKeys(d.hard.offsets[group]) {
		for _, p := range sortedPartitions(d.hard.offsets[group][topic]) {
			all = append(all, record.TopicPartition{Topic: topic, Partition: p})
		}
	}
	return all
}

// Classic is the classic group with the id.
func (d *desk) Classic(group string) *kind.ClassicGroup {
	if !d.exists(group) {
		return nil
	}
	g := d.peek(group)
	c := &kind.ClassicGroup{
		Group: group, State: string(g.state), ProtocolType: g.protocolType, Generation: g.generation,
		Protocol: g.protocol, Leader: nullable(g.leader), StateTimestamp: g.stateTimestamp,
	}
	for _, p := range g.members {
		m := kind.ClassicMember{
			ID: p.id, InstanceID: p.instanceID, ClientID: p.clientID, ClientHost: p.clientHost,
			RebalanceTimeout: p.rebalanceTimeout, SessionTimeout: p.sessionTimeout, Assignment: p.assignment,
			Joining: p.joining, Syncing: p.syncing,
		}
		for i := range p.protocols {
			m.Protocols = append(m.Protocols, kind.Protocol{Name: p.protocols[i].Name, Metadata: p.protocols[i].Metadata})
		}
		c.Members = append(c.Members, m)
	}
	return c
}

// DropClassic removes a classic group's record and soft state.
func (d *desk) DropClassic(group string) {
	d.write(&MetadataRecord{Group: group})
	g := d.live[group]
	if g == nil {
		return
	}
	for _, p := range g.members {
		d.answerBeat(p, 0)
		p.session.stop()
	}
	for _, t := range g.pending {
		t.stop()
	}
	g.joinTimer.stop()
	g.syncTimer.stop()
	delete(d.live, group)
}

// RestoreClassic makes the group a classic one again.
func (d *desk) RestoreClassic(c *kind.ClassicGroup) {
	g := &liveGroup{
		id: c.Group, state: Stable, previous: Stable, protocolType: c.ProtocolType, generation: c.Generation, stateTimestamp: c.StateTimestamp,
	}
	for i := range c.Members {
		s := &c.Members[i]
		p := &member{
			id: s.ID, instanceID: s.InstanceID, clientID: s.ClientID, clientHost: s.ClientHost,
			rebalanceTimeout: s.RebalanceTimeout, sessionTimeout: s.SessionTimeout, assignment: s.Assignment,
			joining: s.Joining, syncing: s.Syncing,
		}
		for _, pr := range s.Protocols {
			p.protocols = append(p.protocols, kmsg.JoinGroupRequestProtocol{Name: pr.Name, Metadata: pr.Metadata})
		}
		g.insert(p)
		d.startSession(g, p, p.sessionTimeout)
	}
	protocol := g.selectProtocol()
	g.protocol = &protocol
	g.subscribed = g.subscriptions()
	d.live[c.Group] = g
	d.writeGeneration(g, nil)
	if State(c.State) != Stable {
		d.prepareRebalance(g, "the group is a classic one again")
	}
}
