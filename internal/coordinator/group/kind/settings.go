package kind

import "time"

// Settings are the configs that the machine follows. They may change at run time; a change holds from the next event on.
type Settings struct {
	MinSessionTimeout      time.Duration // group.min.session.timeout.ms
	MaxSessionTimeout      time.Duration // group.max.session.timeout.ms
	InitialRebalanceDelay  time.Duration // group.initial.rebalance.delay.ms
	HeartbeatHold          time.Duration // leat.group.heartbeat.hold.ms
	MaxSize                int           // group.max.size
	OffsetMetadataMaxBytes int           // offset.metadata.max.bytes
	OffsetsRetention       time.Duration // offsets.retention.minutes
	RetentionCheckInterval time.Duration // offsets.retention.check.interval.ms

	Consumer ConsumerSettings
	Share    ShareSettings
	Streams  StreamsSettings
}

// DefaultSettings are Kafka's defaults.
var DefaultSettings = Settings{
	MinSessionTimeout:      6 * time.Second,
	MaxSessionTimeout:      30 * time.Minute,
	InitialRebalanceDelay:  3 * time.Second,
	MaxSize:                1<<31 - 1,
	OffsetMetadataMaxBytes: 4096,
	OffsetsRetention:       7 * 24 * time.Hour,
	RetentionCheckInterval: 10 * time.Minute,
	Consumer:               DefaultConsumerSettings,
	Share:                  DefaultShareSettings,
	Streams:                DefaultStreamsSettings,
}
