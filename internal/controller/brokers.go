package controller

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// registerBroker registers a broker. What an earlier incarnation led is taken from it first, so the answer may take several decisions.
func (m *Machine) registerBroker(now time.Time, r *kmsg.BrokerRegistrationRequest) answer {
	resp := r.ResponseKind().(*kmsg.BrokerRegistrationResponse)
	if problem := m.checkRegistration(now, r); problem != nil {
		resp.ErrorCode, resp.BrokerEpoch = problem.Code(), -1
		return answer{response: resp}
	}
	reg := registration(r)
	if m.image().Feature(metadata.FeatureMetadataVersion) < levelDirs {
		reg.LogDirs = nil
	}
	m.sessions.touch(r.BrokerID, now)
	old, again := m.image().Broker(r.BrokerID)
	if again && old.Incarnation == r.IncarnationID {
		// The same process again, with other endpoints or directories: it stays as it is.
		reg.BrokerEpoch, reg.Fenced, reg.InControlledShutdown = old.Epoch, old.Fenced, old.InControlledShutdown
		reg.CordonedLogDirs = among(old.CordonedDirs, reg.LogDirs)
		resp.BrokerEpoch = reg.BrokerEpoch
		if same(reg, old.Record()) {
			return answer{response: resp}
		}
		return answer{response: resp, records: []Record{reg}}
	}
	t := newTask()
	t.broker, t.find = r.BrokerID, func() []place { return nil }
	led := m.index.leading[r.BrokerID]
	if again {
		// One that did not stop cleanly may have lost records that were acknowledged, so its replicas are not eligible to lead.
		t = m.removal(r.BrokerID, m.elrEnabled() && r.PreviousBrokerEpoch != old.Epoch)
	}
	t.last = func(now time.Time, d *decision) any {
		m.sessions.touch(r.BrokerID, now)
		reg.BrokerEpoch, reg.Fenced = m.nextOffset+int64(len(d.records)), true
		resp.BrokerEpoch = reg.BrokerEpoch
		d.add(reg)
		if again && !old.Fenced {
			d.notices = append(d.notices, Notice{What: BrokerFenced, BrokerID: old.ID, BrokerEpoch: old.Epoch, Led: led, Why: "its process was started anew"})
		}
		return resp
	}
	return m.run(now, t)
}

// among is the directories of a list that are in another, nil if none is.
func among(list, in []record.UUID) []record.UUID {
	var out []record.UUID
	for _, dir := range list {
		if slices.Contains(in, dir) {
			out = append(out, dir)
		}
	}
	return out
}

func registration(r *kmsg.BrokerRegistrationRequest) *metadata.RegisterBrokerRecord {
	reg := &metadata.RegisterBrokerRecord{BrokerID: r.BrokerID, IncarnationID: r.IncarnationID, Rack: r.Rack}
	for _, l := range r.Listeners {
		reg.EndPoints = append(reg.EndPoints, metadata.RecordEndpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: l.SecurityProtocol})
	}
	for _, f := range r.Features {
		reg.Features = append(reg.Features, metadata.RecordFeature{
			Name: f.Name, MinSupportedVersion: f.MinSupportedVersion, MaxSupportedVersion: f.MaxSupportedVersion})
	}
	for _, dir := range r.LogDirs {
		reg.LogDirs = append(reg.LogDirs, dir)
	}
	return reg
}

func (m *Machine) checkRegistration(now time.Time, r *kmsg.BrokerRegistrationRequest) *refusal {
	if r.ClusterID != m.cfg.ClusterID {
		return refuse(kerr.InconsistentClusterID, "Expected cluster ID %s, but got cluster ID %s", m.cfg.ClusterID, r.ClusterID)
	}
	if old, ok := m.image().Broker(r.BrokerID); ok && old.Incarnation != r.IncarnationID && m.sessions.valid(r.BrokerID, now) && !m.succeeds(old, r) {
		return refuse(kerr.DuplicateBrokerRegistration, "Another broker is registered with that broker id.")
	}
	if r.IsMigratingZkBroker {
		return refuse(kerr.BrokerIDNotRegistered, "Controller does not support registering ZK brokers.")
	}
	if problem := m.checkRegisteredDirs(r); problem != nil {
		return problem
	}
	return m.checkRegisteredFeatures(r)
}

// checkRegisteredDirs refuses ids that say nothing or belong to another broker: a disk that moved would serve two of them.
func (m *Machine) checkRegisteredDirs(r *kmsg.BrokerRegistrationRequest) *refusal {
	if m.image().Feature(metadata.FeatureMetadataVersion) < levelDirs {
		return nil
	}
	if len(r.LogDirs) == 0 {
		return refuse(kerr.InvalidRegistration, "No directories specified in request")
	}
	seen := map[record.UUID]bool{}
	for _, dir := range r.LogDirs {
		switch {
		case metadata.ReservedUUID(dir):
			return refuse(kerr.InvalidRegistration, "Reserved directory ID in request")
		case seen[dir]:
			return refuse(kerr.InvalidRegistration, "Duplicate directory ID in request")
		}
		seen[dir] = true
		for _, b := range m.image().Brokers() {
			if b.ID != r.BrokerID && slices.Contains(b.Dirs, dir) {
				return refuse(kerr.InvalidRegistration, "Broker %d is already registered with directory %s", b.ID, record.UUID(dir))
			}
		}
	}
	return nil
}

func (m *Machine) checkRegisteredFeatures(r *kmsg.BrokerRegistrationRequest) *refusal {
	offered := map[string]metadata.FeatureRange{}
	for _, f := range r.Features {
		offered[f.Name] = metadata.FeatureRange{Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion}
	}
	if _, ok := offered[metadata.FeatureMetadataVersion]; !ok {
		return refuse(kerr.InvalidRegistration, "Request features do not contain 'metadata.version'")
	}
	for name, level := range m.image().Features() {
		if has := offered[name]; level < has.Min || level > has.Max {
			return refuse(kerr.UnsupportedVersion, "Unable to register because the broker does not support finalized version %d of %s. "+
				"The broker wants a version between %d and %d, inclusive.", level, name, has.Min, has.Max)
		}
	}
	return nil
}

// checkBrokerEpoch refuses a broker that is not the registered incarnation.
func (m *Machine) checkBrokerEpoch(id int32, epoch int64) (*metadata.Broker, *refusal) {
	b, ok := m.image().Broker(id)
	if !ok {
		return nil, refuse(kerr.StaleBrokerEpoch, "No broker registration found for broker id %d", id)
	}
	if b.Epoch != epoch {
		return nil, refuse(kerr.StaleBrokerEpoch, "Expected broker epoch %d, but got broker epoch %d", b.Epoch, epoch)
	}
	return b, nil
}

// The states of a broker that a heartbeat moves between.
type brokerState int8

const (
	fenced brokerState = iota
	unfenced
	controlledShutdown
	shutdownNow
)

func (m *Machine) brokerHeartbeat(now time.Time, r *kmsg.BrokerHeartbeatRequest) answer {
	resp := r.ResponseKind().(*kmsg.BrokerHeartbeatResponse)
	b, problem := m.checkBrokerEpoch(r.BrokerID, r.BrokerEpoch)
	if problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	s := m.sessions.touch(r.BrokerID, now)
	s.offset = r.CurrentMetadataOffset
	resp.IsCaughtUp = r.CurrentMetadataOffset >= s.registered
	if m.busy(b.ID) { // what is being done about it comes first
		resp.IsFenced = b.Fenced || m.leaving(b.ID) && !b.InControlledShutdown
		return answer{response: resp}
	}
	var tasks []*task
	was, next := stateOf(b), m.nextState(b, s, r)
	lost := m.lostDirs(b, r)
	switch {
	case next == unfenced && len(lost) > 0 && len(lost) == len(b.Dirs):
		next = fenced // it has nothing left to serve from, and is about to halt
	case next == unfenced && len(lost) > 0:
		next = was // first it is known what it cannot lead any more; it will ask again
	}
	switch {
	case next == controlledShutdown && (was != next || m.leads(b.ID)):
		tasks = append(tasks, m.shuttingDown(b, s))
	case was != next && next == unfenced:
		tasks = append(tasks, m.unfencing(b))
	case was != next && !b.Fenced:
		tasks = append(tasks, m.fencingFor(b, whyFenced(next, r, len(lost))))
	}
	if next == shutdownNow {
		s.heard = false // it takes its leave, so its next incarnation need not wait for the session to run out
	}
	resp.IsFenced = next == fenced || next == shutdownNow
	resp.ShouldShutdown = next == shutdownNow
	if len(lost) > 0 {
		tasks = append(tasks, m.losingDirs(b, lost))
	}
	if len(tasks) == 0 && !m.cordons(b, r) { // almost always: nothing to wait for, whatever is under way about other brokers
		return answer{response: resp}
	}
	return m.run(now, append(tasks, m.cordoning(b, r, resp))...)
}

// whyFenced says why a heartbeat fences a broker.
func whyFenced(next brokerState, r *kmsg.BrokerHeartbeatRequest, lost int) Notice {
	switch {
	case next == shutdownNow:
		return Notice{Why: "it stopped in order", InOrder: true}
	case lost > 0 && !r.WantFence:
		return Notice{Why: "all of its log directories failed"}
	}
	return Notice{Why: "it asked for it"}
}

func stateOf(b *metadata.Broker) brokerState {
	switch {
	case b.Fenced:
		return fenced
	case b.InControlledShutdown:
		return controlledShutdown
	default:
		return unfenced
	}
}

// nextState decides what a broker becomes by what it asks for. A broker in controlled shutdown is let go when it leads nothing and all
// active brokers have read so.
func (m *Machine) nextState(b *metadata.Broker, s *session, r *kmsg.BrokerHeartbeatRequest) brokerState {
	switch stateOf(b) {
	case fenced:
		switch {
		case r.WantShutdown:
			return shutdownNow
		case !r.WantFence && r.CurrentMetadataOffset >= s.registered && !b.InControlledShutdown:
			return unfenced // one that was on its way out stays so: only its next incarnation may lead
		}
		return fenced
	case unfenced:
		switch {
		case r.WantFence && r.WantShutdown:
			return shutdownNow
		case r.WantFence:
			return fenced
		case r.WantShutdown && m.leads(b.ID):
			return controlledShutdown
		case r.WantShutdown:
			return shutdownNow
		}
		return unfenced
	default:
		if m.leads(b.ID) || s.leaving > m.sessions.lowestActiveOffset(m.image()) {
			return controlledShutdown
		}
		return shutdownNow
	}
}

// leads reports whether a broker leads any partition.
func (m *Machine) leads(id int32) bool { return m.index.leading[id] > 0 }

// unregisterBroker forgets a broker. Its replicas stay in the lists of their partitions, as in Kafka: what becomes of them is for a
// reassignment to say.
func (m *Machine) unregisterBroker(now time.Time, r *kmsg.UnregisterBrokerRequest) answer {
	resp := r.ResponseKind().(*kmsg.UnregisterBrokerResponse)
	unknown := func() any {
		problem := refuse(kerr.BrokerIDNotRegistered, "Broker ID %d is not currently registered", r.BrokerID)
		resp.ErrorCode, resp.ErrorMessage = problem.Code(), problem.Message()
		return resp
	}
	if _, ok := m.image().Broker(r.BrokerID); !ok {
		return answer{response: unknown()}
	}
	t := m.removal(r.BrokerID, true)
	t.last = func(_ time.Time, d *decision) any {
		b, ok := m.image().Broker(r.BrokerID)
		if !ok {
			return unknown()
		}
		d.add(&metadata.UnregisterBrokerRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch})
		return resp
	}
	return m.run(now, t)
}

// same reports whether two records say the same.
func same(a, b Record) bool {
	return a.Key() == b.Key() && bytes.Equal(metadata.AppendRecord(nil, a), metadata.AppendRecord(nil, b))
}
