package metadata

import "fmt"

// Names of the features of Kafka 4.4 that are finalised in the metadata log.
const (
	FeatureMetadataVersion    = "metadata.version"
	FeatureKRaftVersion       = "kraft.version"
	FeatureTransactionVersion = "transaction.version"
	FeatureGroupVersion       = "group.version"
	FeatureELRVersion         = "eligible.leader.replicas.version"
	FeatureShareVersion       = "share.version"
	FeatureStreamsVersion     = "streams.version"
)

// SupportedFeature is a feature and the levels of it that this build understands.
type SupportedFeature struct {
	Name  string
	Range FeatureRange
	// Default is the level that a cluster formatted by this build gets.
	Default int16
}

// SupportedFeatures lists what this build understands, by name. The levels are those of Kafka 4.4: a node that joins must understand
// every finalised level, whether or not clients can use the feature yet.
func SupportedFeatures() []SupportedFeature {
	return []SupportedFeature{
		{FeatureELRVersion, FeatureRange{0, 1}, 1},
		{FeatureGroupVersion, FeatureRange{0, 1}, 1},
		{FeatureKRaftVersion, FeatureRange{0, 1}, 0},
		{FeatureMetadataVersion, FeatureRange{7, 33}, 33},
		{FeatureShareVersion, FeatureRange{0, 2}, 2},
		{FeatureStreamsVersion, FeatureRange{0, 1}, 1},
		{FeatureTransactionVersion, FeatureRange{0, 2}, 2},
	}
}

// understood tells whether this build understands a level of a feature; none is understood of any.
func understood(name string, level int16) error {
	if level == 0 {
		return nil
	}
	for _, f := range SupportedFeatures() {
		if f.Name == name && level <= f.Range.Max {
			return nil
		}
		if f.Name == name {
			return fmt.Errorf("%s is at level %d, known is up to %d: %s", name, level, f.Range.Max, useNewer)
		}
	}
	return fmt.Errorf("feature %s, at level %d, is not known: %s", name, level, useNewer)
}

const useNewer = "it was written by a newer version, use that one or a later one"

// changedLevels are the levels of metadata.version with records, or versions of records, that the level before does not have.
var changedLevels = []int16{7, 8, 11, 13, 14, 15, 17, 23, 30, 32, 33}

// MetadataChanged reports whether nodes at the lower of two levels of metadata.version could not read what is written at the other.
func MetadataChanged(a, b int16) bool {
	for _, level := range changedLevels {
		if level > min(a, b) && level <= max(a, b) {
			return true
		}
	}
	return false
}
