package server

import (
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"leat/internal/config"
	"leat/internal/coordinator"
	"leat/internal/coordinator/group"
	"leat/internal/coordinator/share"
	"leat/internal/coordinator/timers"
	"leat/internal/coordinator/txn"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/storage"
	"leat/internal/tenant"
)

// settings is the typed form of the node's configuration at one moment: the file and --set, with the dynamic overrides of the metadata
// log on top. Rooms read the part they need, often once per request, so it is formed once per change.
type settings struct {
	values      *config.Values
	storage     storage.Settings
	limits      listener.Limits
	coordinator coordinator.Settings
	group       group.Settings

	transactions     coordinator.Settings
	shareCoordinator coordinator.Settings
	share            share.Settings
	txn              txn.Settings
	timerCoordinator coordinator.Settings
	timers           timers.Settings

	tenants *tenant.Directory // nil: none

	slow   time.Duration // above which a request is logged; below 0: never
	traced float64       // part of all requests
}

// settingsFeed holds the newest settings.
type settingsFeed struct {
	nodeID int32
	newest atomic.Pointer[settings]
	usages tenant.Usages

	mu     sync.Mutex
	static *config.Values  // guarded by mu, as is image
	image  *metadata.Image // the last; nil before the first
}

func newSettingsFeed(static *config.Values, nodeID int32) *settingsFeed {
	f := &settingsFeed{static: static, nodeID: nodeID}
	f.store(static)
	return f
}

func (f *settingsFeed) now() *settings { return f.newest.Load() }

// publish takes the dynamic overrides of an image in.
func (f *settingsFeed) publish(im *metadata.Image) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.image = im
	f.form()
}

// form makes the settings of what there is. f.mu is held.
func (f *settingsFeed) form() {
	if f.image == nil {
		f.store(f.static)
		return
	}
	f.store(f.static.With(
		f.image.Config(metadata.BrokerResource, ""),
		f.image.Config(metadata.BrokerResource, strconv.Itoa(int(f.nodeID))),
	))
}

func (f *settingsFeed) store(v *config.Values) {
	s := typed(v)
	s.tenants = tenant.NewDirectory(v, &f.usages)
	f.newest.Store(s)
}

// renew takes in what has changed in the files that values refer to: fresh are made anew from what was said at the start.
func (f *settingsFeed) renew(fresh *config.Values) (changed, later []string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.static, changed, later = f.static.Renewed(fresh); len(changed) > 0 {
		f.form()
	}
	return changed, later
}

func typed(v *config.Values) *settings {
	return &settings{
		values:      v,
		storage:     storageSettings(v),
		limits:      limits(v),
		coordinator: coordinatorSettings(v),
		group:       groupSettings(v),

		transactions:     transactionSettings(v),
		shareCoordinator: shareCoordinatorSettings(v),
		share:            shareStateSettings(v),
		txn:              txnSettings(v),
		timerCoordinator: timerCoordinatorSettings(v),
		timers:           timerSettings(v),

		slow:   time.Duration(v.Int64("leat.slow.request.log.ms")) * time.Millisecond,
		traced: v.Float("leat.trace.ratio"),
	}
}

// logConfig is the config of the logs of one topic.
func logConfig(v *config.Values) storage.LogConfig {
	cleanup := v.List("cleanup.policy")
	return storage.LogConfig{
		SegmentBytes:           segmentBytes(v),
		SegmentMs:              v.Millis("segment.ms"),
		SegmentJitter:          v.Millis("segment.jitter.ms"),
		SegmentIndexBytes:      int64(v.Int("segment.index.bytes")),
		IndexIntervalBytes:     int64(v.Int("index.interval.bytes")),
		Preallocate:            v.Bool("preallocate"),
		RetentionMs:            v.Millis("retention.ms"),
		RetentionBytes:         v.Int64("retention.bytes"),
		FlushMessages:          v.Int64("flush.messages"),
		FlushMs:                v.Millis("flush.ms"),
		FileDeleteDelay:        v.Millis("file.delete.delay.ms"),
		MaxMessageBytes:        v.Int("max.message.bytes"),
		MaxDecompressedBytes:   v.Int("max.decompressed.message.bytes"),
		Compact:                slices.Contains(cleanup, "compact"),
		Delete:                 slices.Contains(cleanup, "delete"),
		MinCleanableDirtyRatio: v.Float("min.cleanable.dirty.ratio"),
		MinCompactionLag:       v.Millis("min.compaction.lag.ms"),
		MaxCompactionLag:       v.Millis("max.compaction.lag.ms"),
		DeleteRetention:        v.Millis("delete.retention.ms"),
		CompressionType:        v.String("compression.type"),
		GzipLevel:              v.Int("compression.gzip.level"),
		LZ4Level:               v.Int("compression.lz4.level"),
		ZstdLevel:              v.Int("compression.zstd.level"),
		LogAppendTime:          v.String("message.timestamp.type") == "LogAppendTime",
		TimestampBeforeMax:     v.Millis("message.timestamp.before.max.ms"),
		TimestampAfterMax:      v.Millis("message.timestamp.after.max.ms"),
		RemoteStorage:          v.Bool("remote.storage.enable"),
		Encrypted:              v.String("leat.encryption") == "aes-gcm",
	}
}

// segmentBytes is how large a segment of a topic may become. What Kafka has for tests goes before segment.bytes: with it segments may be smaller than the
// megabyte that segment.bytes has at least (KIP-1030).
func segmentBytes(v *config.Values) int64 {
	if small := v.Int64("internal.segment.bytes"); small > 0 {
		return small
	}
	return v.Int64("segment.bytes")
}

// storageSettings are the node's settings for its log directories.
func storageSettings(v *config.Values) storage.Settings {
	return storage.Settings{
		RetentionCheck:            v.Millis("log.retention.check.interval.ms"),
		FlushCheck:                v.Millis("log.flush.scheduler.interval.ms"),
		RecoveryPointCheckpoint:   v.Millis("log.flush.offset.checkpoint.interval.ms"),
		LogStartOffsetCheckpoint:  v.Millis("log.flush.start.offset.checkpoint.interval.ms"),
		HighWatermarkCheckpoint:   v.Millis("replica.high.watermark.checkpoint.interval.ms"),
		InitialTaskDelay:          v.Millis("log.initial.task.delay.ms"),
		RecoveryThreadsPerDir:     v.Int("num.recovery.threads.per.data.dir"),
		ProducerIDExpiration:      v.Millis("producer.id.expiration.ms"),
		ProducerExpiryCheck:       v.Millis("producer.id.expiration.check.interval.ms"),
		TransactionMaxTimeout:     v.Millis("transaction.max.timeout.ms"),
		MaxDecompressedBatchBytes: v.Int("max.decompressed.message.bytes"),
		CheckCompressed:           v.String("leat.compressed.records.check") == "all",
		WriteOutAfter:             v.Millis("leat.log.writeout.ms"),
		WriteOutBytes:             v.Int64("leat.log.writeout.bytes"),
		MaxOpenFiles:              openFiles(),
		DiskSoftFree:              v.Int64("leat.disk.soft.free.bytes"),
		DiskHardFree:              v.Int64("leat.disk.hard.free.bytes"),
		Cleaner:                   cleanerSettings(v),
	}
}

// cleanerSettings are those of compaction.
func cleanerSettings(v *config.Values) storage.CleanerSettings {
	c := storage.CleanerSettings{
		Disabled:       !v.Bool("log.cleaner.enable"),
		Threads:        v.Int("log.cleaner.threads"),
		DedupeBuffer:   v.Int64("log.cleaner.dedupe.buffer.size"),
		LoadFactor:     v.Float("log.cleaner.io.buffer.load.factor"),
		IOBuffer:       v.Int("log.cleaner.io.buffer.size"),
		BytesPerSecond: v.Float("log.cleaner.io.max.bytes.per.second"),
		Backoff:        max(v.Millis("log.cleaner.backoff.ms"), time.Millisecond), // 0 stands for the default where it goes
	}
	if c.Threads == 0 {
		c.Threads = -1
	}
	return c
}

// limits are what a listener allows. maxInFlight is leat's own bound: Kafka works on one request of a connection at a time.
func limits(v *config.Values) listener.Limits {
	const maxInFlight = 128
	return listener.Limits{
		MaxRequestBytes:     v.Int("socket.request.max.bytes"),
		QueuedMaxBytes:      v.Int64("queued.max.request.bytes"),
		MaxConnections:      v.Int("max.connections"),
		MaxConnectionsPerIP: v.Int("max.connections.per.ip"),
		PerIPOverrides:      perIP(v.String("max.connections.per.ip.overrides")),
		MaxIdle:             v.Millis("connections.max.idle.ms"),
		MinRequestRate:      v.Int64("leat.request.min.bytes.per.second"),
		MaxInFlight:         maxInFlight,
		SendBuffer:          v.Int("socket.send.buffer.bytes"),
		RecvBuffer:          receiveBuffer(v),

		AuthenticationTimeout: v.Millis("leat.authentication.timeout.ms"),
		PendingMax:            v.Int("leat.authentication.pending.max"),
	}
}

// receiveBuffer leaves the size to the system, which lets it grow with what a connection brings, unless somebody set one: Kafka's default, set
// as a size, would fix it, and requests of a megabyte then come in ten pieces.
func receiveBuffer(v *config.Values) int {
	const key = "socket.receive.buffer.bytes"
	if _, set, _ := v.Lookup(key); !set {
		return -1
	}
	return v.Int(key)
}

// perIP reads the overrides, which config has checked.
func perIP(text string) map[string]int {
	overrides, err := config.ParseAddressLimits(text)
	if err != nil {
		return nil
	}
	return overrides
}

// coordinatorSettings are those of the shell around group machines.
func coordinatorSettings(v *config.Values) coordinator.Settings {
	s := coordinator.DefaultSettings
	s.Codec = record.Codec(v.Int("offsets.topic.compression.codec"))
	s.LoadBuffer = v.Int("offsets.load.buffer.size")
	s.CommitTimeout = v.Millis("offsets.commit.timeout.ms")
	s.MaxBatchBytes = v.Int("message.max.bytes")
	s.Linger = v.Millis("group.coordinator.append.linger.ms")
	s.KeptBuffers = v.Int("group.coordinator.cached.buffer.max.bytes")
	return s
}

// groupSettings are those of the group machine.
func groupSettings(v *config.Values) group.Settings {
	s := group.DefaultSettings
	s.MinSessionTimeout = v.Millis("group.min.session.timeout.ms")
	s.MaxSessionTimeout = v.Millis("group.max.session.timeout.ms")
	s.InitialRebalanceDelay = v.Millis("group.initial.rebalance.delay.ms")
	s.HeartbeatHold = v.Millis("leat.group.heartbeat.hold.ms")
	s.MaxSize = v.Int("group.max.size")
	s.OffsetMetadataMaxBytes = v.Int("offset.metadata.max.bytes")
	s.OffsetsRetention = minutes(v.Int64("offsets.retention.minutes"))
	s.RetentionCheckInterval = v.Millis("offsets.retention.check.interval.ms")
	setConsumer(&s, v)
	setStreams(&s, v)
	s.Share = shareGroupSettings(v)
	return s
}
