package controller

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

func (m *Machine) registerBroker(now time.Time, r *kmsg.BrokerRegistrationRequest) answer {
	resp := r.ResponseKind().(*kmsg.BrokerRegistrationResponse)
	if problem := m.checkRegistration(now, r); problem != nil {
		resp.ErrorCode, resp.BrokerEpoch = problem.Code(), -1
		return answer{response: resp}
	}
	reg := registration(r)
	var records []Record
	if old, ok := m.image().Broker(r.BrokerID); ok && old.Incarnation == r.IncarnationID {
		// The same process again, with other endpoints or directories: it stays as it is.
		reg.BrokerEpoch, reg.Fenced, reg.InControlledShutdown = old.Epoch, old.Fenced, old.InControlledShutdown
	} else {
		if ok {
			records = m.shutDown(r.BrokerID, r.PreviousBrokerEpoch == old.Epoch)
		}
		reg.BrokerEpoch, reg.Fenced = m.nextOffset+int64(len(records)), true
	}
	m.sessions.touch(r.BrokerID, now)
	resp.BrokerEpoch = reg.BrokerEpoch
	return answer{resp, append(records, reg)}
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
	if old, ok := m.image().Broker(r.BrokerID); ok && old.Incarnation != r.IncarnationID && m.sessions.valid(r.BrokerID, now) {
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
	var records []Record
	was, next := stateOf(b), m.nextState(b, s, r)
	if was != next {
		switch next {
		case fenced, shutdownNow:
			if !b.Fenced {
				records = m.fence(b.ID)
			}
		case unfenced:
			records = m.unfence(b)
		case controlledShutdown:
			records = m.beginShutdown(b)
			s.leaving = m.nextOffset + int64(len(records))
		}
	}
	if next == shutdownNow {
		s.heard = false // it takes its leave, so its next incarnation need not wait for the session to run out
	}
	resp.IsCaughtUp = r.CurrentMetadataOffset >= s.registered
	resp.IsFenced = next == fenced || next == shutdownNow
	resp.ShouldShutdown = next == shutdownNow
	return answer{resp, records}
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
		case !r.WantFence && r.CurrentMetadataOffset >= s.registered:
			return unfenced
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
func (m *Machine) leads(id int32) bool {
	for t := range m.image().Topics("") {
		for _, p := range t.Partitions {
			if p.Leader == id {
				return true
			}
		}
	}
	return false
}

func (m *Machine) fence(id int32) []Record {
	b, ok := m.image().Broker(id)
	if !ok {
		return nil
	}
	records := m.without(id, keptReplicas)
	return append(records, &metadata.BrokerRegistrationChangeRecord{BrokerID: id, BrokerEpoch: b.Epoch, Fenced: 1})
}

func (m *Machine) unfence(b *metadata.Broker) []Record {
	change := &metadata.BrokerRegistrationChangeRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch, Fenced: -1}
	return append([]Record{change}, m.electWith(b.ID)...)
}

func (m *Machine) beginShutdown(b *metadata.Broker) []Record {
	change := &metadata.BrokerRegistrationChangeRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch, InControlledShutdown: 1}
	return append([]Record{change}, m.without(b.ID, keptReplicas)...)
}

// shutDown takes what an earlier incarnation of a broker led from it. If that one did not stop cleanly and eligible leaders are kept, its
// replicas may have lost records that were acknowledged, so they are no longer eligible.
func (m *Machine) shutDown(id int32, clean bool) []Record {
	if m.elrEnabled() && !clean {
		return m.without(id, uncleanReplicas)
	}
	return m.without(id, keptReplicas)
}

func (m *Machine) unregisterBroker(r *kmsg.UnregisterBrokerRequest) answer {
	resp := r.ResponseKind().(*kmsg.UnregisterBrokerResponse)
	b, ok := m.image().Broker(r.BrokerID)
	if !ok {
		problem := refuse(kerr.BrokerIDNotRegistered, "Broker ID %d is not currently registered", r.BrokerID)
		resp.ErrorCode, resp.ErrorMessage = problem.Code(), problem.Message()
		return answer{response: resp}
	}
	records := m.without(r.BrokerID, uncleanReplicas)
	return answer{resp, append(records, &metadata.UnregisterBrokerRecord{BrokerID: b.ID, BrokerEpoch: b.Epoch})}
}

func (m *Machine) registerController(r *kmsg.ControllerRegistrationRequest) answer {
	resp := r.ResponseKind().(*kmsg.ControllerRegistrationResponse)
	reg := &metadata.RegisterControllerRecord{ControllerID: r.ControllerID, IncarnationID: r.IncarnationID, ZkMigrationReady: r.ZkMigrationReady}
	for _, l := range r.Listeners {
		reg.EndPoints = append(reg.EndPoints, metadata.RecordEndpoint{Name: l.Name, Host: l.Host, Port: l.Port, SecurityProtocol: l.SecurityProtocol})
	}
	for _, f := range r.Features {
		reg.Features = append(reg.Features, metadata.RecordFeature{
			Name: f.Name, MinSupportedVersion: f.MinSupportedVersion, MaxSupportedVersion: f.MaxSupportedVersion})
	}
	return answer{resp, []Record{reg}}
}
