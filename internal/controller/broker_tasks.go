package controller

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// removal takes a broker out of the in-sync sets and leaderships of all partitions. If its replicas may have lost the tails of their logs,
// they are not eligible to lead any more either (KIP-966).
func (m *Machine) removal(id int32, unclean bool) *task {
	t := newTask()
	t.broker, t.going = id, id
	t.find = func() []place { return m.in(m.index.inSync[id]) }
	if unclean {
		t.unclean = id
		t.find = func() []place { return m.in(m.index.inSync[id], m.index.eligible[id]) }
	}
	t.each = t.remove
	return t
}

// remove takes the broker that goes out of the in-sync set of one partition.
func (t *task) remove(d *decision, at place) {
	p := d.partition(at)
	if p == nil {
		return
	}
	c := d.begin(at)
	c.unclean = t.unclean
	if slices.Contains(c.isr, t.broker) {
		c.isr = without(c.isr, []int32{t.broker})
	}
	d.end(c)
}

// fencing fences a broker, and says why.
func (m *Machine) fencing(was *metadata.Broker, why string) *task {
	return m.fencingFor(was, Notice{Why: why})
}

// fencingFor is fencing, with a notice that says why and is filled in with whom it is about.
func (m *Machine) fencingFor(was *metadata.Broker, about Notice) *task {
	id, led := was.ID, m.index.leading[was.ID]
	t := m.removal(id, false)
	t.last = func(_ time.Time, d *decision) any {
		if b, ok := m.image().Broker(id); ok && b.Epoch == was.Epoch && !b.Fenced {
			d.add(&metadata.BrokerRegistrationChangeRecord{BrokerID: id, BrokerEpoch: b.Epoch, Fenced: 1})
			about.What, about.BrokerID, about.BrokerEpoch, about.Led = BrokerFenced, id, b.Epoch, led
			d.notices = append(d.notices, about)
		}
		return nil
	}
	return t
}

// unfencing unfences a broker, and looks for leaders where there are none, now that it is there.
func (m *Machine) unfencing(b *metadata.Broker) *task {
	t := m.electing()
	t.broker, t.coming = b.ID, b.ID
	t.first = func(d *decision) {
		d.add(&metadata.BrokerRegistrationChangeRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch, Fenced: -1})
		d.notices = append(d.notices, Notice{What: BrokerUnfenced, BrokerID: b.ID, BrokerEpoch: b.Epoch, Why: "it has read the metadata log"})
	}
	return t
}

// electing looks for leaders where there are none.
func (m *Machine) electing() *task {
	t := newTask()
	t.find = func() []place { return m.in(m.index.inSync[nobody]) }
	t.each = func(d *decision, at place) {
		if p := d.partition(at); p != nil && p.Leader == nobody {
			d.end(d.begin(at))
		}
	}
	return t
}

// shuttingDown moves everything away from a broker that wants to stop. It is known to be in controlled shutdown first, so that nobody
// makes it a leader again.
func (m *Machine) shuttingDown(b *metadata.Broker, s *session) *task {
	t := m.removal(b.ID, false)
	if !b.InControlledShutdown {
		led := m.index.leading[b.ID]
		t.first = func(d *decision) {
			d.notices = append(d.notices, Notice{What: BrokerLeaving, BrokerID: b.ID, BrokerEpoch: b.Epoch, Led: led, Why: "it wants to stop"})
			d.add(&metadata.BrokerRegistrationChangeRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch, InControlledShutdown: 1})
		}
	}
	t.last = func(_ time.Time, d *decision) any {
		s.leaving = m.nextOffset + int64(len(d.records)) - 1
		return nil
	}
	return t
}

// losingDirs takes a broker out of the in-sync sets of the partitions in directories that failed.
func (m *Machine) losingDirs(b *metadata.Broker, lost []record.UUID) *task {
	t := newTask()
	t.broker = b.ID
	t.find = func() []place {
		return slices.DeleteFunc(m.in(m.index.inSync[b.ID]), func(at place) bool {
			return !slices.Contains(lost, partitionAt(m.image(), at).DirOf(b.ID))
		})
	}
	t.each = func(d *decision, at place) {
		if p := d.partition(at); p != nil && slices.Contains(lost, p.DirOf(b.ID)) {
			d.going = b.ID // for this partition
			t.remove(d, at)
			d.going = t.going
		}
	}
	t.last = func(_ time.Time, d *decision) any {
		now, ok := m.image().Broker(b.ID)
		if !ok || now.Epoch != b.Epoch {
			return nil
		}
		// A broker without any directory halts by itself; an empty list in the record would mean that nothing changed.
		rest := slices.DeleteFunc(slices.Clone(now.Dirs), func(dir record.UUID) bool { return slices.Contains(lost, dir) })
		if len(rest) > 0 && len(rest) < len(now.Dirs) {
			d.add(&metadata.BrokerRegistrationChangeRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch, LogDirs: rest})
		}
		return nil
	}
	return t
}

// resume goes on with what another controller left half done: brokers that may not lead any more and still do, partitions that somebody
// could lead and nobody does.
func (m *Machine) resume() {
	someone := false
	for _, b := range m.image().Brokers() {
		someone = someone || b.Active()
		if !b.Active() && m.leads(b.ID) {
			m.tasks = append(m.tasks, m.removal(b.ID, false))
		}
	}
	if someone && len(m.index.inSync[nobody]) > 0 {
		m.tasks = append(m.tasks, m.electing())
	}
}

// levelCordonedDirs is the level of metadata.version from which registrations know cordoned directories (4.3-IV0).
const levelCordonedDirs = 30

// lostDirs is the directories of a broker of which its heartbeat says for the first time that they failed.
func (m *Machine) lostDirs(b *metadata.Broker, r *kmsg.BrokerHeartbeatRequest) []record.UUID {
	if m.image().Feature(metadata.FeatureMetadataVersion) < levelDirs {
		return nil
	}
	return among(b.Dirs, uuids(r.OfflineLogDirs))
}

// cordoning notes which directories take no new replicas (KIP-1066), and gives the answer to the heartbeat that said so.
func (m *Machine) cordoning(b *metadata.Broker, r *kmsg.BrokerHeartbeatRequest, resp *kmsg.BrokerHeartbeatResponse) *task {
	t := newTask()
	t.broker, t.find = b.ID, func() []place { return nil }
	t.last = func(_ time.Time, d *decision) any {
		if now, ok := m.image().Broker(b.ID); ok && m.cordons(now, r) {
			d.add(&metadata.BrokerRegistrationChangeRecord{BrokerID: b.ID, BrokerEpoch: now.Epoch, CordonedLogDirs: uuids(r.CordonedLogDirs)})
		}
		return resp
	}
	return t
}

// cordons reports whether a heartbeat changes which directories of its broker take no new replicas.
func (m *Machine) cordons(b *metadata.Broker, r *kmsg.BrokerHeartbeatRequest) bool {
	return r.CordonedLogDirs != nil && m.image().Feature(metadata.FeatureMetadataVersion) >= levelCordonedDirs &&
		!sameDirs(uuids(r.CordonedLogDirs), b.CordonedDirs)
}

// uuids is ids as this module's type, never nil.
func uuids(ids [][16]byte) []record.UUID {
	out := make([]record.UUID, 0, len(ids))
	for _, id := range ids {
		out = append(out, id)
	}
	return out
}

// sameDirs reports whether two lists have the same directories.
func sameDirs(a, b []record.UUID) bool {
	return len(among(a, b)) == len(a) && len(among(b, a)) == len(b)
}
