// Package metadata holds the records of the metadata log, the immutable image of the cluster that replaying them gives, and
// deltas between images. It is the only place that turns such a record into state.
//
// A reader holds one Image for a whole request and never looks twice. Terms: image, delta, record.
package metadata

import (
	"iter"

	"leat/internal/record"
	"leat/internal/security"
)

// Record is one record of the metadata log (facts: metadata-records.txt); every type in records.go is one.
type Record interface {
	// Key is the API key of the record type in the frame.
	Key() int16
	// MaxVersion is the highest version known.
	MaxVersion() int16
	// AppendTo encodes the fields at a version.
	AppendTo(dst []byte, version int16) []byte
	// ReadFrom decodes the fields.
	ReadFrom(src []byte, version int16) error
}

// AppendRecord encodes a record with its frame (frame version, key, version), as the value of a log record.
func AppendRecord(dst []byte, r Record) []byte { panic("unbuilt") }

// ParseRecord decodes the value of a log record.
func ParseRecord(value []byte) (Record, error) { panic("unbuilt") }

// Image is the state of the cluster at one offset of the metadata log. It never changes.
type Image struct {
	Offset    int64 // of the last record in it; -1: empty
	Epoch     int32
	Timestamp int64 // ms
	unbuilt   int
}

// Empty is the image before the first record.
var Empty *Image

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

// Broker is a registered broker.
type Broker struct {
	ID                   int32
	Epoch                int64
	Incarnation          record.UUID
	Endpoints            []Endpoint
	Rack                 string // "": none
	Fenced               bool
	InControlledShutdown bool
	Dirs                 []record.UUID
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

// Topic finds a topic by name.
func (im *Image) Topic(name string) (*Topic, bool) { panic("unbuilt") }

// TopicByID finds a topic by id.
func (im *Image) TopicByID(id record.UUID) (*Topic, bool) { panic("unbuilt") }

// Topics yields topics in order of name, from the given name on (inclusive; "": all).
func (im *Image) Topics(from string) iter.Seq[*Topic] { panic("unbuilt") }

// TopicCount and PartitionCount count.
func (im *Image) TopicCount() int     { panic("unbuilt") }
func (im *Image) PartitionCount() int { panic("unbuilt") }

// Broker finds a broker.
func (im *Image) Broker(id int32) (*Broker, bool) { panic("unbuilt") }

// Brokers lists brokers by id, fenced ones too.
func (im *Image) Brokers() []*Broker { panic("unbuilt") }

// Feature returns the finalised level of a feature (metadata.version included), 0 if none.
func (im *Image) Feature(name string) int16 { panic("unbuilt") }

// Features lists finalised features by name.
func (im *Image) Features() iter.Seq2[string, int16] { panic("unbuilt") }

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

// Config returns the overrides set for a resource, nil if none. Never modify it.
func (im *Image) Config(t ResourceType, name string) map[string]string { panic("unbuilt") }

// ConfigNames lists the resources of a type that have overrides, sorted.
func (im *Image) ConfigNames(t ResourceType) []string { panic("unbuilt") }

// Delta collects records on top of an image.
type Delta struct{ unbuilt int }

// NewDelta starts from an image.
func NewDelta(base *Image) *Delta { panic("unbuilt") }

// Replay applies one record. An error means the record contradicts the state (a bug, or a foreign log).
func (d *Delta) Replay(r Record) error { panic("unbuilt") }

// Image finishes the delta.
func (d *Delta) Image(offset int64, epoch int32, timestamp int64) *Image { panic("unbuilt") }

// ChangedTopics lists topics created or changed; DeletedTopics those gone, as they were; by name.
func (d *Delta) ChangedTopics() []*Topic { panic("unbuilt") }
func (d *Delta) DeletedTopics() []*Topic { panic("unbuilt") }

// ConfigKey names a config resource.
type ConfigKey struct {
	Type ResourceType
	Name string
}

// ChangedConfigs lists resources whose overrides changed.
func (d *Delta) ChangedConfigs() []ConfigKey { panic("unbuilt") }

// BrokersChanged reports whether any broker registration changed.
func (d *Delta) BrokersChanged() bool { panic("unbuilt") }
