// Package storage is one partition as a log on disk, and the set of all such logs in a node's log directories.
//
// Formats are those of Apache Kafka 4.4: .log, .index, .timeindex, .txnindex, .snapshot, leader-epoch-checkpoint,
// recovery-point-offset-checkpoint, log-start-offset-checkpoint, replication-offset-checkpoint, meta.properties, partition.metadata,
// .kafka_cleanshutdown. The package knows offsets, files and byte positions. It does not know requests, replicas or coordinators.
package storage

import (
	"context"
	"errors"
	"io"
	"iter"
	"log/slog"
	"syscall"
	"time"

	"leat/internal/fs"
	"leat/internal/record"
)

// Kinds of failure; errors wrap one and say topic-partition, file and position.
var (
	ErrOffsetOutOfRange = errors.New("offset out of range")         // read below the log start offset or above the log end offset
	ErrCorrupt          = errors.New("corrupt log")                 // the files contradict themselves; this partition stops
	ErrDisk             = errors.New("log directory failed")        // KAFKA_STORAGE_ERROR: write, sync or read failed; the error names the directory
	ErrClosed           = errors.New("log closed")                  // deleted or shut down meanwhile
	ErrTooLarge         = errors.New("batch too large")             // MESSAGE_TOO_LARGE: above max.message.bytes
	ErrSegmentTooSmall  = errors.New("batch larger than a segment") // RECORD_LIST_TOO_LARGE: above segment.bytes
	ErrInvalidTimestamp = errors.New("invalid timestamp")           // INVALID_TIMESTAMP
	ErrInvalidRecord    = errors.New("invalid record")              // INVALID_RECORD, e.g. no key for a compacted topic; see RecordErrors
	ErrCorruptBatch     = errors.New("corrupt batch from a client") // CORRUPT_MESSAGE
	ErrOutOfOrder       = errors.New("out of order sequence")       // OUT_OF_ORDER_SEQUENCE_NUMBER
	ErrUnknownProducer  = errors.New("unknown producer id")         // UNKNOWN_PRODUCER_ID
	ErrProducerFenced   = errors.New("invalid producer epoch")      // INVALID_PRODUCER_EPOCH
	ErrTxnState         = errors.New("invalid transaction state")   // INVALID_TXN_STATE
	ErrStaleCoordinator = errors.New("transaction coordinator fenced")
	ErrDirLocked        = errors.New("log directory in use") // by another process; the error names the directory
	ErrForeignDir       = errors.New("log directory of another node or cluster")
)

// RecordErrors carries the per-record errors of a refused batch (ProduceResponse v8+). errors.As finds it.
type RecordErrors struct {
	Kind    error // ErrInvalidRecord or ErrInvalidTimestamp
	Message string
	Records []RecordError
}

// RecordError says what is wrong with the record at Index (position in the batch, from 0).
type RecordError struct {
	Index   int32
	Message string
}

func (e *RecordErrors) Error() string { return e.Message }
func (e *RecordErrors) Unwrap() error { return e.Kind }

// LogConfig is the topic-level configuration of one log: keys of facts/kafka-4.4-topic-configs.tsv as typed values.
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
}

// Settings are the node-level settings that may change at run time.
type Settings struct {
	RetentionCheck            time.Duration // log.retention.check.interval.ms
	FlushCheck                time.Duration // log.flush.scheduler.interval.ms
	RecoveryPointCheckpoint   time.Duration // log.flush.offset.checkpoint.interval.ms
	LogStartOffsetCheckpoint  time.Duration // log.flush.start.offset.checkpoint.interval.ms
	InitialTaskDelay          time.Duration // log.initial.task.delay.ms
	RecoveryThreadsPerDir     int           // num.recovery.threads.per.data.dir
	ProducerIDExpiration      time.Duration // producer.id.expiration.ms
	TransactionMaxTimeout     time.Duration
	MaxDecompressedBatchBytes int
	MaxOpenFiles              int // segment files kept open by the LRU
}

// StoreConfig is what Open needs.
type StoreConfig struct {
	FS        fs.FS
	Dirs      []string
	NodeID    int32
	ClusterID string // as in meta.properties; a directory without one is formatted with it
	// Settings returns the current node settings; cheap.
	Settings func() Settings
	// LogConfig returns the config that a log of topic is opened with. Later changes arrive by Log.Configure.
	LogConfig func(topic string) LogConfig
	// DirFailed is called (once per directory) when a directory went offline, with the reason.
	DirFailed func(dir string, err error)
	Logger    *slog.Logger
}

// Dir is the state of one log directory.
type Dir struct {
	Path      string
	ID        record.UUID
	Offline   error // nil while it serves
	Total     int64 // bytes of its file system
	Available int64
}

// Store is all logs of one node. No goroutine, timer or open file belongs to a single log.
type Store struct{ unbuilt StoreConfig }

// Open locks the directories, checks or writes meta.properties, loads all logs (recovering those that were not cleanly closed),
// and starts the shared schedulers (retention, flush, checkpoints, delayed deletes). With a ClusterID of "" it takes the one
// found in the directories. It fails only if no directory is usable or one is foreign or locked.
func Open(ctx context.Context, cfg StoreConfig) (*Store, error) { panic("unbuilt") }

// ReadClusterID returns the cluster id and node id in the meta.properties of the given directories without locking them; ok is
// false if none is formatted. Directories that contradict each other are an ErrForeignDir.
func ReadClusterID(fsys fs.FS, dirs []string) (clusterID string, nodeID int32, ok bool, err error) {
	panic("unbuilt")
}

// Close flushes everything, writes checkpoints, producer snapshots and clean-shutdown markers, and unlocks.
func (s *Store) Close() error { panic("unbuilt") }

// Dirs returns the state of every directory, in the order configured.
func (s *Store) Dirs() []Dir { panic("unbuilt") }

// Log returns an open log.
func (s *Store) Log(tp record.TopicPartition) (*Log, bool) { panic("unbuilt") }

// Logs yields all open logs, in no particular order.
func (s *Store) Logs() iter.Seq[*Log] { panic("unbuilt") }

// Create opens the log of a partition, making it if it does not exist, in the directory with id dir, or in the one with the
// fewest logs if dir is zero. A log of another topic id under the same name is an ErrCorrupt.
func (s *Store) Create(tp record.TopicPartition, topicID record.UUID, dir record.UUID) (*Log, error) {
	panic("unbuilt")
}

// Delete renames the log's directory away at once and removes it after file.delete.delay.ms.
func (s *Store) Delete(tp record.TopicPartition) error { panic("unbuilt") }

// OpenLog opens a single log directory by itself, outside any Store: the metadata log, and offline tools. Its retention and
// flushes are the caller's.
func OpenLog(ctx context.Context, fsys fs.FS, dir string, tp record.TopicPartition, cfg LogConfig, set Settings, logger *slog.Logger) (*Log, error) {
	panic("unbuilt")
}

// Log is one partition on disk. All methods may be called concurrently; appends and truncations exclude each other, reads
// exclude nobody.
type Log struct{ unbuilt LogConfig }

// Offsets are the marks of a log, taken at one instant.
// Invariant: LogStart <= HighWatermark <= LogEnd, LogStart <= LastStable <= HighWatermark.
type Offsets struct{ LogStart, HighWatermark, LastStable, LogEnd int64 }

// Origin says who appends, which decides what is checked.
type Origin int8

// The origins of an append as leader.
const (
	FromClient      Origin = iota // everything is checked
	FromCoordinator               // internal topics' records and transaction markers: no sequence and no key checks
)

// AppendOptions are the circumstances of an append as leader.
type AppendOptions struct {
	LeaderEpoch int32
	Origin      Origin
	Now         time.Time
}

// AppendInfo is the outcome of an append. For a duplicate of one of the producer's last five batches nothing is written and the
// offsets are those of the first time (Duplicate true).
type AppendInfo struct {
	BaseOffset    int64
	LastOffset    int64 // inclusive
	LogAppendTime int64 // ms, -1 unless the topic uses log append time
	LogStart      int64
	LogEnd        int64 // after the append
	Duplicate     bool
}

// TopicPartition, TopicID and Dir identify the log.
func (l *Log) TopicPartition() record.TopicPartition { panic("unbuilt") }
func (l *Log) TopicID() record.UUID                  { panic("unbuilt") }
func (l *Log) Dir() record.UUID                      { panic("unbuilt") }

// Append validates one or more batches from a client or coordinator where they lie, assigns offsets and leader epoch in place, and writes them.
// batches is modified and may be reused after the return. It does not wait for a sync. All or nothing.
func (l *Log) Append(batches []byte, opts AppendOptions) (AppendInfo, error) { panic("unbuilt") }

// AppendFetched writes batches as they came from a leader: offsets and epochs stand in them and must continue the log.
func (l *Log) AppendFetched(batches []byte) (AppendInfo, error) { panic("unbuilt") }

// Offsets returns the log's marks.
func (l *Log) Offsets() Offsets { panic("unbuilt") }

// SetHighWatermark moves the high watermark (clamped to [LogStart, LogEnd]) and returns the offsets after it.
func (l *Log) SetHighWatermark(hw int64) Offsets { panic("unbuilt") }

// Isolation is the upper bound of a read.
type Isolation int8

// The isolations: followers read to the log end, consumers to the high watermark or last stable offset.
const (
	ReadLogEnd Isolation = iota
	ReadUncommitted
	ReadCommitted
)

// Read returns the batches from the one that contains offset on, at most maxBytes; with minOne at least the first batch whole even if larger.
// An offset equal to the bound gives an empty Slice. The caller must Release the slice.
func (l *Log) Read(offset int64, maxBytes int, iso Isolation, minOne bool) (Slice, error) {
	panic("unbuilt")
}

// Aborted is a transaction that a read_committed reader must skip.
type Aborted struct{ ProducerID, FirstOffset int64 }

// Slice is a contiguous range of bytes of one segment file, held open until Release. The zero value is empty.
type Slice struct {
	unbuilt  int
	Aborted  []Aborted // for ReadCommitted, ordered by FirstOffset
	Diverged bool
}

// Len is the length in bytes.
func (s Slice) Len() int { panic("unbuilt") }

// Position is the byte position in the file.
func (s Slice) Position() int64 { panic("unbuilt") }

// ReadAt reads from the slice, off relative to its beginning.
func (s Slice) ReadAt(p []byte, off int64) (int, error) { panic("unbuilt") }

// SyscallConn gives the file's descriptor for sendfile (see fs.File).
func (s Slice) SyscallConn() (syscall.RawConn, error) { panic("unbuilt") }

// Release lets go of the file. Call it once; on an empty slice it does nothing.
func (s Slice) Release() { panic("unbuilt") }

var _ io.ReaderAt = Slice{}

// TimestampOffset is the answer to a lookup by time. Offset -1: none.
type TimestampOffset struct {
	Timestamp   int64
	Offset      int64
	LeaderEpoch int32
}

// OffsetForTimestamp finds the first record whose timestamp is >= ts, among those in [LogStart, LogEnd); the caller bounds by isolation.
func (l *Log) OffsetForTimestamp(ts int64) (TimestampOffset, error) { panic("unbuilt") }

// OffsetForMaxTimestamp finds the record with the greatest timestamp (the first such).
func (l *Log) OffsetForMaxTimestamp() (TimestampOffset, error) { panic("unbuilt") }

// LatestEpoch is the leader epoch of the last batch or assignment; -1 if none.
func (l *Log) LatestEpoch() int32 { panic("unbuilt") }

// EndOffsetForEpoch returns the largest known epoch <= epoch and the offset after its last record (OffsetForLeaderEpoch, KIP-101); (-1, -1) if unknown.
func (l *Log) EndOffsetForEpoch(epoch int32) (int32, int64) { panic("unbuilt") }

// EpochOf returns the leader epoch under which the record at offset was written, -1 if unknown.
func (l *Log) EpochOf(offset int64) int32 { panic("unbuilt") }

// AssignEpoch records that a new leader epoch begins at the log end offset.
func (l *Log) AssignEpoch(epoch int32) error { panic("unbuilt") }

// TruncateTo drops everything at and above offset.
func (l *Log) TruncateTo(offset int64) error { panic("unbuilt") }

// TruncateFullyAndStartAt empties the log and continues at offset.
func (l *Log) TruncateFullyAndStartAt(offset int64) error { panic("unbuilt") }

// AdvanceLogStart raises the log start offset (DeleteRecords, retention); never above the high watermark, never back.
func (l *Log) AdvanceLogStart(offset int64) error { panic("unbuilt") }

// Configure changes the log's config.
func (l *Log) Configure(cfg LogConfig) { panic("unbuilt") }

// Flush syncs everything below the log end offset and raises the recovery point.
func (l *Log) Flush() error { panic("unbuilt") }

// Size is the bytes of all segments.
func (l *Log) Size() int64 { panic("unbuilt") }

// ProducerState is what DescribeProducers tells of one producer.
type ProducerState struct {
	ProducerID       int64
	ProducerEpoch    int16
	LastSequence     int32
	LastTimestamp    int64
	CoordinatorEpoch int32
	TxnStartOffset   int64 // -1: no open transaction
}

// Producers returns the active producers, ordered by id.
func (l *Log) Producers() []ProducerState { panic("unbuilt") }

// Close flushes and closes a log opened by OpenLog.
func (l *Log) Close() error { panic("unbuilt") }
