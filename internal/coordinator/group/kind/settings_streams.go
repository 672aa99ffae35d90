package kind

// StreamsSettings are the configs of streams groups (KIP-1071).
type StreamsSettings struct{}

// DefaultStreamsSettings are Kafka's defaults.
var DefaultStreamsSettings = StreamsSettings{}
