package storage

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"leat/internal/record"
)

// Suffixes of the files of a segment, and of files on their way in or out.
const (
	logSuffix       = ".log"
	indexSuffix     = ".index"
	timeIndexSuffix = ".timeindex"
	txnIndexSuffix  = ".txnindex"
	snapshotSuffix  = ".snapshot"
	deletedSuffix   = ".deleted"
	cleanedSuffix   = ".cleaned"
	swapSuffix      = ".swap"
)

// Names of the files beside the logs and in them.
const (
	recoveryPointFile  = "recovery-point-offset-checkpoint"
	logStartFile       = "log-start-offset-checkpoint"
	highWatermarkFile  = "replication-offset-checkpoint"
	metaPropertiesFile = "meta.properties"
	cleanShutdownFile  = ".kafka_cleanshutdown"
	lockFile           = ".lock"
	epochFile          = "leader-epoch-checkpoint"
	partitionMetaFile  = "partition.metadata"
	manifestFile       = "leat-clean-logs"

	deleteDirSuffix = "-delete"
	futureDirSuffix = "-future"
	strayDirSuffix  = "-stray"
	// metadataLogDir belongs to the quorum, also when it shares a directory with the partitions.
	metadataLogDir = "__cluster_metadata-0"
)

// segmentSuffixes are the files that go when a segment goes.
var segmentSuffixes = [...]string{logSuffix, indexSuffix, timeIndexSuffix, txnIndexSuffix}

// offsetName is the 20 digit name of a file that begins (or, for a snapshot, ends) at offset.
func offsetName(offset int64, suffix string) string {
	return fmt.Sprintf("%020d%s", offset, suffix)
}

// parseOffsetName reads the offset of a file name with the given suffix.
func parseOffsetName(name, suffix string) (int64, bool) {
	digits, ok := strings.CutSuffix(name, suffix)
	if !ok || len(digits) != 20 {
		return 0, false
	}
	offset, err := strconv.ParseInt(digits, 10, 64)
	return offset, err == nil && offset >= 0
}

// parsePartitionDir reads "<topic>-<partition>".
func parsePartitionDir(name string) (record.TopicPartition, bool) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return record.TopicPartition{}, false
	}
	n, err := strconv.ParseInt(name[i+1:], 10, 32)
	if err != nil || n < 0 || name[i+1:] != strconv.FormatInt(n, 10) {
		return record.TopicPartition{}, false
	}
	return record.TopicPartition{Topic: name[:i], Partition: int32(n)}, true
}

// maxDirName is how long the name of a directory may be, in bytes.
const maxDirName = 255

// retiredDirName is the name that a partition's directory has when it is no partition any more: with deleteDirSuffix between its
// deletion and its removal, with strayDirSuffix for good. Kafka cuts a long topic name so that the whole stays within 255 bytes.
func retiredDirName(tp record.TopicPartition, unique record.UUID, suffix string) string {
	suffix = "-" + strconv.Itoa(int(tp.Partition)) + "." + hex.EncodeToString(unique[:]) + suffix
	topic := tp.Topic
	if keep := maxDirName - len(suffix); len(topic) > keep {
		topic = topic[:keep]
	}
	return topic + suffix
}
