package metadata

import (
	"cmp"
	"maps"
	"slices"

	"leat/internal/record"
	"leat/internal/security"
)

// Topic is one topic. Partitions are dense: Partitions[i] is partition i. Never modify it.
type Topic struct {
	Name       string
	ID         record.UUID
	Partitions []*Partition
}

// Partition is the registration of one partition. Never modify it.
type Partition struct {
	Replicas, ISR     []int32
	Removing, Adding  []int32
	Dirs              []record.UUID // one per replica
	ELR, LastKnownELR []int32
	Leader            int32 // -1: none
	LeaderEpoch       int32
	PartitionEpoch    int32
	LeaderRecovering  bool
}

// Directory ids that name no directory; Kafka writes them for replicas whose directory is not known.
var (
	DirMigrating  = record.UUID{}      // was placed before directories were recorded
	DirUnassigned = record.UUID{15: 1} // the broker shall choose
	DirLost       = record.UUID{15: 2} // was in a directory that is offline
)

// ReservedUUID reports whether an id is among the hundred that Kafka keeps for itself and never gives to a topic or directory.
func ReservedUUID(id record.UUID) bool {
	zero := record.UUID{}
	return [15]byte(id[:15]) == [15]byte(zero[:15]) && id[15] < 100
}

// Record is the partition as a record that creates it as it is.
func (p *Partition) Record(topicID record.UUID, index int32) *PartitionRecord {
	r := &PartitionRecord{
		PartitionID: index, TopicID: topicID,
		Replicas: p.Replicas, ISR: p.ISR, RemovingReplicas: p.Removing, AddingReplicas: p.Adding,
		Leader: p.Leader, LeaderEpoch: p.LeaderEpoch, PartitionEpoch: p.PartitionEpoch, Directories: p.Dirs,
	}
	if p.LeaderRecovering {
		r.LeaderRecoveryState = 1
	}
	// These two are left out rather than written empty: tagged fields that say nothing only cost space.
	if len(p.ELR) > 0 {
		r.EligibleLeaderReplicas = p.ELR
	}
	if len(p.LastKnownELR) > 0 {
		r.LastKnownELR = p.LastKnownELR
	}
	return r
}

// DirOf is the directory that a replica on a broker is assigned to; DirMigrating if the broker holds no replica.
func (p *Partition) DirOf(brokerID int32) record.UUID {
	if i := slices.Index(p.Replicas, brokerID); i >= 0 && i < len(p.Dirs) {
		return p.Dirs[i]
	}
	return DirMigrating
}

// Broker is a registered broker. Never modify it.
type Broker struct {
	ID                   int32
	Epoch                int64
	Incarnation          record.UUID
	Endpoints            []Endpoint
	Rack                 string // "": none
	Fenced               bool
	InControlledShutdown bool
	Dirs                 []record.UUID // sorted
	CordonedDirs         []record.UUID
	Features             map[string]FeatureRange
}

// Endpoint is an advertised listener.
type Endpoint struct {
	Name     string
	Host     string
	Port     uint16
	Protocol security.Protocol
}

// FeatureRange is the levels of a feature that a node supports.
type FeatureRange struct{ Min, Max int16 }

// Active reports whether the broker may lead partitions.
func (b *Broker) Active() bool { return !b.Fenced && !b.InControlledShutdown }

// Record is the registration as a record.
func (b *Broker) Record() *RegisterBrokerRecord {
	r := &RegisterBrokerRecord{
		BrokerID: b.ID, IncarnationID: b.Incarnation, BrokerEpoch: b.Epoch,
		Fenced: b.Fenced, InControlledShutdown: b.InControlledShutdown, LogDirs: b.Dirs,
	}
	if b.Rack != "" {
		r.Rack = &b.Rack
	}
	if len(b.CordonedDirs) > 0 {
		r.CordonedLogDirs = b.CordonedDirs
	}
	for _, e := range b.Endpoints {
		r.EndPoints = append(r.EndPoints, RecordEndpoint{Name: e.Name, Host: e.Host, Port: e.Port, SecurityProtocol: int16(e.Protocol)})
	}
	for _, name := range slices.Sorted(maps.Keys(b.Features)) {
		f := b.Features[name]
		r.Features = append(r.Features, RecordFeature{Name: name, MinSupportedVersion: f.Min, MaxSupportedVersion: f.Max})
	}
	return r
}

func brokerFrom(r *RegisterBrokerRecord) *Broker {
	b := &Broker{
		ID: r.BrokerID, Epoch: r.BrokerEpoch, Incarnation: r.IncarnationID,
		Fenced: r.Fenced, InControlledShutdown: r.InControlledShutdown,
		Dirs: sortedIDs(r.LogDirs), CordonedDirs: sortedIDs(r.CordonedLogDirs), Features: map[string]FeatureRange{},
	}
	if r.Rack != nil {
		b.Rack = *r.Rack
	}
	for _, e := range r.EndPoints {
		b.Endpoints = append(b.Endpoints, Endpoint{Name: e.Name, Host: e.Host, Port: e.Port, Protocol: security.Protocol(e.SecurityProtocol)})
	}
	for _, f := range r.Features {
		b.Features[f.Name] = FeatureRange{Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion}
	}
	return b
}

func sortedIDs(ids []record.UUID) []record.UUID {
	out := slices.Clone(ids)
	slices.SortFunc(out, func(a, b record.UUID) int { return slices.Compare(a[:], b[:]) })
	return out
}

// ResourceType is the kind of a config resource; numbers are the protocol's.
type ResourceType int8

// Config resource types.
const (
	TopicResource         ResourceType = 2
	BrokerResource        ResourceType = 4 // name: node id, "" for the cluster default
	BrokerLoggerResource  ResourceType = 8
	ClientMetricsResource ResourceType = 16
	GroupResource         ResourceType = 32
)

// ConfigKey names a config resource.
type ConfigKey struct {
	Type ResourceType
	Name string
}

// quotas are those of one entity.
type quotas struct {
	entity []QuotaEntityPart // by type
	values map[string]float64
}

func (q *quotas) clone() *quotas { return &quotas{entity: q.entity, values: maps.Clone(q.values)} }

// quotaKey is the same for the same entity however its parts are ordered.
func quotaKey(entity []QuotaEntityPart) (string, []QuotaEntityPart) {
	parts := slices.Clone(entity)
	slices.SortFunc(parts, func(a, b QuotaEntityPart) int { return cmp.Compare(a.EntityType, b.EntityType) })
	key := cursor{}
	for i := range parts {
		parts[i].visit(&key)
	}
	return string(key.dst), parts
}

func scramKey(name string, mechanism int8) string {
	return name + "\x00" + string([]byte{byte(mechanism)})
}
