package metadata

import (
	"iter"
	"maps"
	"slices"
)

// Snapshot yields the records that build the image from nothing, in the order in which Kafka writes them: features first, because
// metadata.version decides how the rest is written.
func (im *Image) Snapshot() iter.Seq[Record] {
	return func(yield func(Record) bool) {
		for _, part := range []func(*Image, func(Record) bool) bool{
			snapshotFeatures, snapshotNodes, snapshotTopics, snapshotConfigs, snapshotQuotas, snapshotSecurity,
		} {
			if !part(im, yield) {
				return
			}
		}
	}
}

func snapshotFeatures(im *Image, yield func(Record) bool) bool {
	if level := im.Feature(FeatureMetadataVersion); level != 0 {
		if !yield(&FeatureLevelRecord{Name: FeatureMetadataVersion, FeatureLevel: level}) {
			return false
		}
	}
	for name, level := range im.Features() {
		if name != FeatureMetadataVersion && !yield(&FeatureLevelRecord{Name: name, FeatureLevel: level}) {
			return false
		}
	}
	return true
}

func snapshotNodes(im *Image, yield func(Record) bool) bool {
	for _, b := range im.brokers {
		if !yield(b.Record()) {
			return false
		}
	}
	for _, c := range im.controllers {
		if !yield(c) {
			return false
		}
	}
	return true
}

func snapshotTopics(im *Image, yield func(Record) bool) bool {
	for t := range im.Topics("") {
		if !yield(&TopicRecord{Name: t.Name, TopicID: t.ID}) {
			return false
		}
		for i, p := range t.Partitions {
			if !yield(p.Record(t.ID, int32(i))) {
				return false
			}
		}
	}
	return true
}

func snapshotConfigs(im *Image, yield func(Record) bool) bool {
	more := true
	im.configs.Scan(func(key string, values map[string]string) bool {
		for _, name := range slices.Sorted(maps.Keys(values)) {
			value := values[name]
			more = more && yield(&ConfigRecord{ResourceType: int8(key[0]), ResourceName: key[1:], Name: name, Value: &value})
		}
		return more
	})
	return more
}

func snapshotQuotas(im *Image, yield func(Record) bool) bool {
	more := true
	im.quotas.Scan(func(_ string, q *quotas) bool {
		for _, key := range slices.Sorted(maps.Keys(q.values)) {
			more = more && yield(&ClientQuotaRecord{Entity: q.entity, QuotaKey: key, Value: q.values[key]})
		}
		return more
	})
	if more && im.nextProducerID >= 0 {
		more = yield(&ProducerIdsRecord{BrokerID: -1, BrokerEpoch: -1, NextProducerID: im.nextProducerID})
	}
	return more
}

func snapshotSecurity(im *Image, yield func(Record) bool) bool {
	more := true
	im.acls.Scan(func(_ string, r *AccessControlEntryRecord) bool { more = yield(r); return more })
	if more {
		im.scram.Scan(func(_ string, r *UserScramCredentialRecord) bool { more = yield(r); return more })
	}
	if more {
		im.tokens.Scan(func(_ string, r *DelegationTokenRecord) bool { more = yield(r); return more })
	}
	return more
}
