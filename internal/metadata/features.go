package metadata

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
