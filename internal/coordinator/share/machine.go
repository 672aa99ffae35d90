package share

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// Event is one thing that happens to the share partitions of a partition of the topic.
type Event struct {
	Ticket machine.Ticket
	// Request is about one share partition: InitializeShareGroupState, ReadShareGroupState, WriteShareGroupState, DeleteShareGroupState
	// or ReadShareGroupStateSummary with one topic that has one partition. Its answer is a machine.Reply with the response of its kind.
	Request kmsg.Request
	Loaded  bool
	// Image, if not nil, is what the cluster looks like from now on, and DeletedTopics what is gone since the last one.
	Image         *metadata.Image
	DeletedTopics []record.UUID
}

// Prune is an effect: records below the offset are redundant.
type Prune struct{ Offset int64 }

// Settings are the configs that the machine follows.
type Settings struct {
	UpdatesPerSnapshot int           // share.coordinator.snapshot.update.records.per.snapshot
	ColdSnapshotAfter  time.Duration // share.coordinator.cold.partition.snapshot.interval.ms
	PruneInterval      time.Duration // share.coordinator.state.topic.prune.interval.ms
}

// DefaultSettings are Kafka's defaults.
var DefaultSettings = Settings{UpdatesPerSnapshot: 500, ColdSnapshotAfter: 5 * time.Minute, PruneInterval: 5 * time.Minute}

// Config is what New needs.
type Config struct{ Settings func() Settings } // cheap

// Machine is the share coordinator of one partition.
type Machine struct {
	cfg  Config
	hard state

	// Soft state.
	image     *metadata.Image
	forgotten map[record.UUID]bool // topics that are gone, while there may be states of them
	forgetAt  time.Time
	coldAt    time.Time // when to look for cold states; zero: not loaded yet
	pruneAt   time.Time
	pruned    int64 // what was last asked to be cut

	// What follows lives during one call.
	now time.Time
	set Settings
	out machine.Result[Record]
}

var _ machine.Machine[Event, Record] = (*Machine)(nil)

// New returns a machine without states.
func New(cfg Config) *Machine {
	return &Machine{cfg: cfg, hard: state{partitions: make(map[Key]*partition)}}
}

func (m *Machine) begin(now time.Time) {
	m.now, m.set, m.out = now, m.cfg.Settings(), machine.Result[Record]{}
}

// Handle decides on an event.
func (m *Machine) Handle(now time.Time, e Event) machine.Result[Record] {
	m.begin(now)
	if e.Image != nil {
		m.image = e.Image
	}
	if e.Loaded {
		m.coldAt, m.pruneAt = now.Add(m.set.ColdSnapshotAfter), now.Add(m.set.PruneInterval)
	}
	if len(e.DeletedTopics) > 0 && len(m.hard.partitions) > 0 {
		if m.forgotten == nil {
			m.forgotten = make(map[record.UUID]bool)
		}
		for _, id := range e.DeletedTopics {
			m.forgotten[id] = true
		}
		m.forgetAt = now
	}
	if e.Request != nil {
		resp := m.request(e.Request)
		if e.Ticket != 0 {
			m.out.Effects = append(m.out.Effects, machine.Reply{To: e.Ticket, Response: resp})
		}
	}
	return m.out
}

// Apply changes the hard state.
func (m *Machine) Apply(e machine.Entry[Record]) { m.hard.apply(e) }

// Due is when states are looked through next.
func (m *Machine) Due() time.Time {
	if len(m.hard.partitions) == 0 && m.hard.redundant() <= m.pruned {
		return time.Time{}
	}
	due := m.coldAt
	for _, at := range []time.Time{m.pruneAt, m.forgetAt} {
		if !at.IsZero() && (due.IsZero() || at.Before(due)) {
			due = at
		}
	}
	return due
}

// Tick does what is due.
func (m *Machine) Tick(now time.Time) machine.Result[Record] {
	m.begin(now)
	if !m.forgetAt.IsZero() && !m.forgetAt.After(now) {
		m.forgetTopics()
	}
	if !m.coldAt.IsZero() && !m.coldAt.After(now) {
		m.snapshotCold()
	}
	if !m.pruneAt.IsZero() && !m.pruneAt.After(now) {
		m.prune()
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
	bytes := 0
	for _, r := range m.out.Records {
		bytes += r.Size()
	}
	return len(m.out.Records) >= maxRecordsPerTick || bytes >= maxBytesPerTick
}

// forgetTopics removes the states of topics that are gone.
func (m *Machine) forgetTopics() {
	for _, k := range m.hard.keys() {
		if !m.forgotten[k.TopicID] {
			continue
		}
		if m.full() {
			return
		}
		m.out.Records = append(m.out.Records, &Snapshot{Key: k})
	}
	m.forgotten, m.forgetAt = nil, time.Time{}
}

// forgetOrphans removes the states of topics that went while nobody coordinated them. The image is one by which this node has led for long: a
// state in the log is of a topic that an earlier image had. It reports whether it got through.
func (m *Machine) forgetOrphans() bool {
	for _, k := range m.hard.keys() {
		if _, ok := m.image.TopicByID(k.TopicID); ok || m.forgotten[k.TopicID] {
			continue
		}
		if m.full() {
			return false
		}
		m.out.Records = append(m.out.Records, &Snapshot{Key: k})
	}
	return true
}

// snapshotCold writes anew what nobody has written for long, so that old snapshots do not hold the log. When every state is one that
// was written so already, there is nothing to win.
func (m *Machine) snapshotCold() {
	m.coldAt = m.now.Add(m.set.ColdSnapshotAfter)
	if m.image == nil {
		return
	}
	if !m.forgetOrphans() || len(m.out.Records) > 0 {
		m.coldAt = m.now
		return
	}
	hot := false
	for _, p := range m.hard.partitions {
		hot = hot || p.State.CreateTimestamp == p.State.WriteTimestamp
	}
	if !hot {
		return
	}
	oldest := m.now.Add(-m.set.ColdSnapshotAfter).UnixMilli()
	for _, k := range m.hard.keys() {
		p := m.hard.partitions[k]
		if p.State.WriteTimestamp > oldest || m.forgotten[k.TopicID] {
			continue
		}
		if m.full() {
			m.coldAt = m.now
			return
		}
		s := p.State
		s.SnapshotEpoch, s.WriteTimestamp = s.SnapshotEpoch+1, m.now.UnixMilli()
		m.out.Records = append(m.out.Records, &Snapshot{Key: k, State: &s})
	}
}

// prune has the log cut below what is needed.
func (m *Machine) prune() {
	m.pruneAt = m.now.Add(m.set.PruneInterval)
	if offset := m.hard.redundant(); offset > m.pruned {
		m.pruned = offset
		m.out.Effects = append(m.out.Effects, Prune{Offset: offset})
	}
}

// keys lists the states in order.
func (s *state) keys() []Key {
	keys := make([]Key, 0, len(s.partitions))
	for k := range s.partitions {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, compareKeys)
	return keys
}
