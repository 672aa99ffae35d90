package kind

// ShareSettings are the configs of share groups (KIP-932).
type ShareSettings struct{}

// DefaultShareSettings are Kafka's defaults.
var DefaultShareSettings = ShareSettings{}
