package storage

import (
	"log/slog"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// LogConfig is the topic-level configuration of one log: Kafka's topic configs as typed values. It is comparable, so that
// thousands of logs of equal config share one copy.
type LogConfig struct {
	SegmentBytes           int64
	SegmentMs              time.Duration
	SegmentJitter          time.Duration
	SegmentIndexBytes      int64
	IndexIntervalBytes     int64
	Preallocate            bool
	RetentionMs            time.Duration // negative: for ever
	RetentionBytes         int64         // negative: no limit
	FlushMessages          int64
	FlushMs                time.Duration
	FileDeleteDelay        time.Duration
	MaxMessageBytes        int
	MaxDecompressedBytes   int  // of one batch that a client sends; 0: Settings.MaxDecompressedBatchBytes
	Compact                bool // cleanup.policy contains compact
	Delete                 bool // cleanup.policy contains delete
	MinCleanableDirtyRatio float64
	MinCompactionLag       time.Duration
	MaxCompactionLag       time.Duration
	DeleteRetention        time.Duration
	CompressionType        string // "producer" or a codec name or "uncompressed"
	GzipLevel              int
	LZ4Level               int
	ZstdLevel              int
	LogAppendTime          bool          // message.timestamp.type=LogAppendTime
	TimestampBeforeMax     time.Duration // message.timestamp.before.max.ms; the largest Duration: no bound
	TimestampAfterMax      time.Duration
	RemoteStorage          bool
	Encrypted              bool // leat.encryption: segments that begin from now on are encrypted
}

// Settings are the node-level settings that may change at run time. Zero means Kafka's default.
type Settings struct {
	RetentionCheck            time.Duration // log.retention.check.interval.ms
	FlushCheck                time.Duration // log.flush.scheduler.interval.ms
	RecoveryPointCheckpoint   time.Duration // log.flush.offset.checkpoint.interval.ms
	LogStartOffsetCheckpoint  time.Duration // log.flush.start.offset.checkpoint.interval.ms
	HighWatermarkCheckpoint   time.Duration // replica.high.watermark.checkpoint.interval.ms
	InitialTaskDelay          time.Duration // log.initial.task.delay.ms
	RecoveryThreadsPerDir     int           // num.recovery.threads.per.data.dir
	ProducerIDExpiration      time.Duration // producer.id.expiration.ms
	ProducerExpiryCheck       time.Duration // producer.id.expiration.check.interval.ms: how often silent producers are looked for
	TransactionMaxTimeout     time.Duration
	MaxDecompressedBatchBytes int
	CheckCompressed           bool // whether the records of every compressed batch of a client are looked at, and not of some
	// WriteOutAfter and WriteOutBytes are for how long, and how many, records of a log may be unsynced until it is synced quietly; 0: for ever.
	WriteOutAfter time.Duration
	WriteOutBytes int64
	MaxOpenFiles  int // segment files kept open by the LRU
	// DiskSoftFree and DiskHardFree are the free bytes below which producers are slowed and refused: 0: never, -1: a share of the disk.
	DiskSoftFree, DiskHardFree int64
	Cleaner                    CleanerSettings
}

// CleanerSettings are those of compaction, log.cleaner.*. Zero means Kafka's default.
type CleanerSettings struct {
	Disabled       bool    // log.cleaner.enable=false
	Threads        int     // negative: none
	DedupeBuffer   int64   // bytes of offset maps, of all threads together
	LoadFactor     float64 // how full a map may get, above 0 up to 1
	IOBuffer       int     // bytes read and written at once, of all threads together
	BytesPerSecond float64 // read and written, by all threads together; 0: no limit
	Backoff        time.Duration
}

// StoreConfig is what Open needs.
type StoreConfig struct {
	FS        fs.FS
	Dirs      []string
	NodeID    int32
	ClusterID string // as in meta.properties; a directory without one is formatted with it
	// NewDirIDs are the ids that directories get which have none yet, by path; others draw one.
	NewDirIDs map[string]record.UUID
	// Settings returns the current node settings; cheap.
	Settings func() Settings
	// LogConfig returns the config that a log of topic is opened with. Later changes arrive by Log.Configure.
	LogConfig func(topic string) LogConfig
	// DirFailed is called (once per directory) when a directory went offline, with the reason.
	DirFailed func(dir string, err error)
	Opening   *Opening // is told how far Open is; may be nil
	Logger    *slog.Logger
}

// withDefaults replaces zero fields by Kafka's defaults.
func (s Settings) withDefaults() Settings {
	orDuration(&s.RetentionCheck, 5*time.Minute)
	orDuration(&s.RecoveryPointCheckpoint, time.Minute)
	orDuration(&s.LogStartOffsetCheckpoint, time.Minute)
	orDuration(&s.HighWatermarkCheckpoint, 5*time.Second)
	orDuration(&s.ProducerExpiryCheck, 10*time.Minute)
	orDuration(&s.InitialTaskDelay, 30*time.Second)
	orDuration(&s.ProducerIDExpiration, 24*time.Hour)
	orInt(&s.RecoveryThreadsPerDir, 2)
	orInt(&s.MaxDecompressedBatchBytes, unboundedBytes)
	orInt(&s.MaxOpenFiles, 4096)
	s.Cleaner = s.Cleaner.withDefaults()
	return s
}

func (c CleanerSettings) withDefaults() CleanerSettings {
	if c.Threads == 0 {
		c.Threads = 1
	}
	if c.DedupeBuffer <= 0 {
		c.DedupeBuffer = 128 << 20
	}
	if c.LoadFactor <= 0 || c.LoadFactor > 1 {
		c.LoadFactor = 0.9
	}
	orInt(&c.IOBuffer, 512<<10)
	orDuration(&c.Backoff, 15*time.Second)
	return c
}

func orDuration(d *time.Duration, def time.Duration) {
	if *d <= 0 {
		*d = def
	}
}

func orInt(n *int, def int) {
	if *n <= 0 {
		*n = def
	}
}

// normalized replaces fields that would make a log misbehave (zero sizes of a config built by hand) by Kafka's defaults.
func (c LogConfig) normalized() LogConfig {
	if c.SegmentBytes <= 0 || c.SegmentBytes > maxSegmentBytes {
		c.SegmentBytes = maxSegmentBytes
	}
	orDuration(&c.SegmentMs, 7*24*time.Hour)
	if c.SegmentIndexBytes <= 0 {
		c.SegmentIndexBytes = 10 << 20
	}
	if c.MaxMessageBytes <= 0 {
		c.MaxMessageBytes = 1<<20 + 12
	}
	if c.TimestampAfterMax <= 0 {
		c.TimestampAfterMax = time.Hour
	}
	if c.TimestampBeforeMax <= 0 {
		c.TimestampBeforeMax = forever
	}
	if c.FlushMessages <= 0 {
		c.FlushMessages = 1<<63 - 1
	}
	orDuration(&c.FlushMs, forever)
	if c.CompressionType == "" {
		c.CompressionType = "producer"
	}
	return c
}

const (
	// forever is a bound in time that is never reached.
	forever time.Duration = 1<<63 - 1
	// maxSegmentBytes is the largest segment: positions in an index are int32.
	maxSegmentBytes = 1<<31 - 1
)
