package group

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/metadata"
)

// Event is one thing that happens to the groups of a partition: a request, the end of a load, or a new image.
type Event struct {
	Ticket machine.Ticket
	// Request is about one group: DescribeGroups, DeleteGroups and OffsetFetch (in the form of version 8 and later) name one, ListGroups
	// none. Its answer is a machine.Reply with the response of its kind. Topic names and ids are filled in; unknown ones are left out.
	// Bytes in it may be used again once it is answered: the machine copies what it keeps.
	Request    kmsg.Request
	ClientID   string
	ClientHost string                  // Kafka's form: "/127.0.0.1"
	Sees       func(topic string) bool // see kind.Event
	Leave      any                     // of TxnOffsetCommit, for the log
	Hold       bool                    // the answer to a heartbeat may wait until there is something to tell, or until it is released

	// Release is the ticket of a heartbeat whose answer must wait no longer.
	Release machine.Ticket

	Loaded  bool             // the first event after a load: sessions of the stored members begin
	Control *machine.Control // a marker to be written
	Survey  bool             // the answer lists all groups with their offsets: []Surveyed
	Roster  string           // the answer is who is in this group, of whatever type: Roster

	// Image comes with Loaded and then with every image that changed what groups are decided by.
	Image         *metadata.Image
	CreatedTopics []*metadata.Topic
	ChangedTopics []*metadata.Topic // with other partitions or other replicas, neither created nor deleted
	DeletedTopics []string          // their offsets go
}

// Notice is an effect: something an operator may want to read in the log.
type Notice = kind.Notice

// Quiet is part of a Notice: what a member that left without a word had not done.
type Quiet = kind.Quiet

// Rebalanced is an effect: a group of a newer kind moved to a new epoch.
type Rebalanced = kind.Rebalanced

// Config is what New needs.
type Config struct {
	Settings func() Settings // cheap
	Rand     *rand.Rand      // member ids
}

// Machine is the group coordinator of one partition.
type Machine struct {
	cfg   Config
	hard  state
	live  map[string]*liveGroup
	held  map[machine.Ticket]*timer // heartbeats whose answers wait: the member's beating is the same ticket
	clock timers
	// cleanup is when expired offsets are looked for next, and cleanupFrom the group to go on with.
	cleanup     time.Time
	cleanupFrom string
	forgotten   []string  // topics that are gone, while there are offsets of them
	forgetAt    time.Time // when to go on removing those

	image *metadata.Image
	kinds []*desk // the newer kinds of groups

	// What follows lives during one call.
	now   time.Time
	set   Settings
	out   machine.Result[Record]
	bytes int // of the records in out, at most
}

var _ machine.Machine[Event, Record] = (*Machine)(nil)

// New returns a machine without groups.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, hard: newState(), live: make(map[string]*liveGroup), held: make(map[machine.Ticket]*timer), image: metadata.Empty}
	for _, k := range newKinds() {
		m.kinds = append(m.kinds, &desk{Machine: m, kind: k, alarms: make(map[string]map[string]*timer)})
	}
	return m
}

// begin sets the scene of one decision.
func (m *Machine) begin(now time.Time) {
	m.now, m.set, m.out, m.bytes = now, m.cfg.Settings(), machine.Result[Record]{}, 0
}

// Handle decides on an event.
func (m *Machine) Handle(now time.Time, e Event) machine.Result[Record] {
	m.begin(now)
	if e.Image != nil {
		m.image = e.Image
	}
	switch {
	case e.Loaded:
		m.loaded()
	case e.Control != nil:
		m.out.Control = e.Control
		m.out.Effects = append(m.out.Effects, machine.Reply{To: e.Ticket})
	case e.Survey:
		m.out.Effects = append(m.out.Effects, machine.Reply{To: e.Ticket, Response: m.survey()})
	case e.Roster != "":
		m.out.Effects = append(m.out.Effects, machine.Reply{To: e.Ticket, Response: m.roster(e.Roster)})
	case e.Release != 0:
		m.release(e.Release)
	case e.Request == nil:
		if len(e.DeletedTopics) > 0 {
			m.forgotten, m.forgetAt = append(m.forgotten, e.DeletedTopics...), now
		}
		m.imageChanged(kind.Topics{Created: e.CreatedTopics, Changed: e.ChangedTopics, Deleted: e.DeletedTopics})
	case !m.requestOfKind(&e):
		m.request(&e)
		m.releaseSender(e.Request)
	}
	return m.out
}

func (m *Machine) request(e *Event) {
	switch rq := e.Request.(type) {
	case *kmsg.HeartbeatRequest:
		if resp := m.heartbeat(e, rq); resp != nil {
			m.reply(e.Ticket, resp)
		}
	case *kmsg.OffsetCommitRequest:
		m.reply(e.Ticket, m.commitOffsets(rq))
	case *kmsg.OffsetFetchRequest:
		m.reply(e.Ticket, m.fetchOffsets(rq))
	case *kmsg.JoinGroupRequest:
		m.join(e, rq)
	case *kmsg.SyncGroupRequest:
		m.sync(e.Ticket, rq)
	case *kmsg.LeaveGroupRequest:
		m.reply(e.Ticket, m.leave(rq))
	case *kmsg.TxnOffsetCommitRequest:
		m.reply(e.Ticket, m.commitTxnOffsets(rq, e.Leave))
	case *kmsg.OffsetDeleteRequest:
		m.reply(e.Ticket, m.deleteOffsets(rq))
	case *kmsg.DeleteGroupsRequest:
		m.reply(e.Ticket, m.deleteGroups(rq))
	case *kmsg.DescribeGroupsRequest:
		m.reply(e.Ticket, m.describe(rq))
	case *kmsg.ListGroupsRequest:
		m.reply(e.Ticket, m.list(rq))
	}
}

// reply answers a ticket; 0 is nobody.
func (m *Machine) reply(to machine.Ticket, resp kmsg.Response) {
	if to != 0 {
		m.out.Effects = append(m.out.Effects, machine.Reply{To: to, Response: resp})
	}
}

// write adds a record to the decision.
func (m *Machine) write(r Record) {
	m.out.Records = append(m.out.Records, r)
	m.bytes += r.Size()
}

// note tells the operator.
func (m *Machine) note(n Notice) { m.out.Effects = append(m.out.Effects, n) }

// Apply changes the hard state.
func (m *Machine) Apply(e machine.Entry[Record]) {
	if e.Marker == machine.NoMarker {
		for _, d := range m.kinds {
			if d.kind.Apply(e) {
				return
			}
		}
	}
	m.hard.apply(e)
}

// Hard is the hard state, for comparison with that of a replay.
func (m *Machine) Hard() any {
	all := []any{m.hard}
	for _, d := range m.kinds {
		all = append(all, d.kind.Hard())
	}
	return all
}

// Due is when the next session ends, or a group waits no longer, or offsets are to be removed.
func (m *Machine) Due() time.Time {
	due := m.clock.next()
	if len(m.forgotten) > 0 && (due.IsZero() || m.forgetAt.Before(due)) {
		due = m.forgetAt
	}
	if m.cleanup.IsZero() || len(m.hard.groups) == 0 && len(m.hard.offsets) == 0 && len(m.kindGroups()) == 0 {
		return due
	}
	if due.IsZero() || m.cleanup.Before(due) {
		return m.cleanup
	}
	return due
}

// Tick does what is due. What is much at once is spread over several ticks.
func (m *Machine) Tick(now time.Time) machine.Result[Record] {
	m.begin(now)
	for !m.full() {
		t := m.clock.pop(now)
		if t == nil {
			break
		}
		m.fire(t)
	}
	m.forgetTopics()
	if !m.cleanup.IsZero() && !m.cleanup.After(now) {
		m.expireOffsets()
	}
	return m.out
}

// What one tick writes is one batch, and one that is too large for the log would be refused whole, again and again.
const (
	maxRecordsPerTick = 1000
	maxBytesPerTick   = 256 << 10
)

// full reports whether a tick has written enough.
func (m *Machine) full() bool {
	return len(m.out.Records) >= maxRecordsPerTick || m.bytes >= maxBytesPerTick
}

// loaded starts the sessions of all stored members, and the search for expired offsets.
func (m *Machine) loaded() {
	for _, id := range sortedKeys(m.hard.groups) {
		if len(m.hard.groups[id].Members) == 0 {
			continue
		}
		g := m.group(id)
		for _, p := range g.members {
			m.startSession(g, p, p.sessionTimeout)
		}
		if len(g.members) > m.set.MaxSize {
			m.prepareRebalance(g, "the group was loaded with more members than group.max.size")
		}
	}
	for _, d := range m.kinds {
		d.kind.Loaded(d)
	}
	m.cleanup = m.now.Add(m.set.RetentionCheckInterval)
}

// Refused takes back what a decision did to soft state when its records were refused: the groups concerned go back to what is
// stored, and whoever waits in them is sent to ask again.
func (m *Machine) Refused(now time.Time, records []Record) []machine.Effect {
	m.begin(now)
	for _, r := range records {
		if r, ok := r.(*MetadataRecord); ok {
			m.dropLive(r.Group)
		}
	}
	for _, d := range m.kinds {
		d.kind.Refused(d, records)
	}
	return m.out.Effects
}

// dropLive forgets the soft state of a group.
func (m *Machine) dropLive(id string) {
	g := m.live[id]
	if g == nil {
		return
	}
	for _, p := range g.members {
		m.answerJoin(p, joinError(p.id, codeNotAvailable))
		m.answerSync(p, syncError(codeNotAvailable))
		m.answerBeat(p, codeNotAvailable)
		p.session.stop()
	}
	for _, t := range g.pending {
		t.stop()
	}
	g.joinTimer.stop()
	g.syncTimer.stop()
	delete(m.live, id)
	if stored := m.hard.groups[id]; stored != nil && len(stored.Members) > 0 {
		g := m.group(id)
		for _, p := range g.members {
			m.startSession(g, p, p.sessionTimeout)
		}
	}
}

// sortedKeys lists the keys of a map in order.
func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
