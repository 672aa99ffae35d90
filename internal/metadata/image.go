package metadata

import (
	"cmp"
	"encoding/binary"
	"iter"
	"slices"

	"github.com/tidwall/btree"

	"leat/internal/record"
	"leat/internal/security/acl"
)

// Image is the state of the cluster at one offset of the metadata log. It never changes.
//
// Images share what did not change: the large maps are copy-on-write trees, the small lists are replaced when one of their elements is.
type Image struct {
	Offset    int64 // of the last record in it; -1: empty
	Epoch     int32
	Timestamp int64 // ms

	topics     btree.Map[string, *Topic]
	topicIDs   btree.Map[uint64, []*Topic] // by idHash; nearly always one topic each
	partitions int

	brokers     []*Broker                   // by id
	controllers []*RegisterControllerRecord // by id
	features    []finalized                 // by name

	configs        btree.Map[string, map[string]string] // by configKey
	quotas         btree.Map[string, *quotas]           // by quotaKey
	acls           btree.Map[string, *AccessControlEntryRecord]
	rules          *acl.Index                                    // of acls
	scram          btree.Map[string, *UserScramCredentialRecord] // by scramKey
	tokens         btree.Map[string, *DelegationTokenRecord]
	nextProducerID int64 // -1: none was ever handed out
}

// Empty is the image before the first record.
var Empty = &Image{Offset: -1, Epoch: -1, Timestamp: -1, nextProducerID: -1, rules: acl.None}

// finalized is a feature and its level.
type finalized struct {
	name  string
	level int16
}

// fork returns an image that may be changed without changing im.
//
// Copying a tree marks both sides, so each is copied out of im before it is marked: an image that others read is never written.
func (im *Image) fork() *Image {
	out := *im
	out.topics, out.topicIDs = *out.topics.Copy(), *out.topicIDs.Copy()
	out.configs, out.quotas = *out.configs.Copy(), *out.quotas.Copy()
	out.acls, out.scram, out.tokens = *out.acls.Copy(), *out.scram.Copy(), *out.tokens.Copy()
	return &out
}

// idHash folds a topic id into a key of the tree. Ids are random, so two topics hardly ever meet.
func idHash(id record.UUID) uint64 {
	return binary.BigEndian.Uint64(id[:]) ^ binary.BigEndian.Uint64(id[8:])
}

// Topic finds a topic by name.
func (im *Image) Topic(name string) (*Topic, bool) { return im.topics.Get(name) }

// TopicByID finds a topic by id.
func (im *Image) TopicByID(id record.UUID) (*Topic, bool) {
	bucket, _ := im.topicIDs.Get(idHash(id))
	for _, t := range bucket {
		if t.ID == id {
			return t, true
		}
	}
	return nil, false
}

// Topics yields topics in order of name, from the given name on (inclusive; "": all).
func (im *Image) Topics(from string) iter.Seq[*Topic] {
	return func(yield func(*Topic) bool) {
		im.topics.Ascend(from, func(_ string, t *Topic) bool { return yield(t) })
	}
}

// TopicCount is the number of topics.
func (im *Image) TopicCount() int { return im.topics.Len() }

// PartitionCount is the number of partitions over all topics.
func (im *Image) PartitionCount() int { return im.partitions }

// Broker finds a broker.
func (im *Image) Broker(id int32) (*Broker, bool) {
	i, ok := slices.BinarySearchFunc(im.brokers, id, func(b *Broker, id int32) int { return cmp.Compare(b.ID, id) })
	if !ok {
		return nil, false
	}
	return im.brokers[i], true
}

// Brokers lists brokers by id, fenced ones too. The caller must not modify the slice.
func (im *Image) Brokers() []*Broker { return im.brokers }

// Controllers lists the registered controllers by id. The caller must not modify them.
func (im *Image) Controllers() []*RegisterControllerRecord { return im.controllers }

// Feature returns the finalised level of a feature (metadata.version included), 0 if none.
func (im *Image) Feature(name string) int16 {
	if i, ok := im.featureAt(name); ok {
		return im.features[i].level
	}
	return 0
}

func (im *Image) featureAt(name string) (int, bool) {
	return slices.BinarySearchFunc(im.features, name, func(f finalized, name string) int { return cmp.Compare(f.name, name) })
}

// Features lists finalised features by name.
func (im *Image) Features() iter.Seq2[string, int16] {
	return func(yield func(string, int16) bool) {
		for _, f := range im.features {
			if !yield(f.name, f.level) {
				return
			}
		}
	}
}

// NextProducerID is the first producer id that no block handed out contains.
func (im *Image) NextProducerID() int64 { return max(im.nextProducerID, 0) }

// configKey orders resources by type, then name.
func configKey(t ResourceType, name string) string { return string([]byte{byte(t)}) + name }

// Config returns the overrides set for a resource, nil if none. Never modify it.
func (im *Image) Config(t ResourceType, name string) map[string]string {
	c, _ := im.configs.Get(configKey(t, name))
	return c
}

// ConfigNames lists the resources of a type that have overrides, sorted.
func (im *Image) ConfigNames(t ResourceType) []string {
	var names []string
	im.configs.Ascend(configKey(t, ""), func(key string, _ map[string]string) bool {
		if key[0] != byte(t) {
			return false
		}
		names = append(names, key[1:])
		return true
	})
	return names
}
