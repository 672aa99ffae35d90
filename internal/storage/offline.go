package storage

import (
	"leat/internal/record"
)

// This file is what offline tools need of the formats: parsers that open and change nothing.

// FileNames are the names of the files beside the logs and in them.
var FileNames = struct {
	RecoveryPoints, LogStarts, HighWatermarks, MetaProperties, CleanShutdown, Lock, Epochs, PartitionMetadata, MetadataLog string
}{recoveryPointFile, logStartFile, highWatermarkFile, metaPropertiesFile, cleanShutdownFile, lockFile, epochFile, partitionMetaFile, metadataLogDir}

// SegmentSuffixes are the suffixes of a segment's files, that of the log first.
func SegmentSuffixes() []string { return segmentSuffixes[:] }

// ParseOffsetName reads the offset of a file named by 20 digits and a suffix.
func ParseOffsetName(name, suffix string) (int64, bool) { return parseOffsetName(name, suffix) }

// ParsePartitionDir reads "<topic>-<partition>".
func ParsePartitionDir(name string) (record.TopicPartition, bool) { return parsePartitionDir(name) }

// ParseOffsets reads a checkpoint file with an offset per partition.
func ParseOffsets(b []byte) (map[record.TopicPartition]int64, error) { return parseOffsets(b) }

// EpochStart is a line of leader-epoch-checkpoint: Epoch begins at StartOffset.
type EpochStart struct {
	Epoch       int32 `json:"epoch"`
	StartOffset int64 `json:"start_offset"`
}

// ParseEpochs reads leader-epoch-checkpoint.
func ParseEpochs(b []byte) ([]EpochStart, error) {
	h, err := parseEpochs(b)
	list := make([]EpochStart, len(h.starts))
	for i, s := range h.starts {
		list[i] = EpochStart{s.epoch, s.startOffset}
	}
	return list, err
}

// AbortedTxn is an entry of a .txnindex file.
type AbortedTxn struct {
	ProducerID       int64 `json:"producer_id"`
	FirstOffset      int64 `json:"first_offset"`
	LastOffset       int64 `json:"last_offset"` // of the marker
	LastStableOffset int64 `json:"last_stable_offset"`
}

// ParseTxnIndex reads a .txnindex file.
func ParseTxnIndex(b []byte) ([]AbortedTxn, error) {
	parsed, err := parseTxnIndex(b)
	list := make([]AbortedTxn, len(parsed))
	for i, t := range parsed {
		list[i] = AbortedTxn{t.producerID, t.firstOffset, t.lastOffset, t.lastStableOffset}
	}
	return list, err
}

// SnapshotEntry is one producer in a .snapshot file.
type SnapshotEntry struct {
	ProducerState
	LastOffset    int64 // -1: no batch is remembered
	OffsetDelta   int32
	FirstSequence int32
}

// ParseSnapshot reads a .snapshot file.
func ParseSnapshot(b []byte) ([]SnapshotEntry, error) {
	parsed, err := parseSnapshot(b)
	list := make([]SnapshotEntry, len(parsed))
	for i := range parsed {
		e := &parsed[i]
		last := e.last()
		list[i] = SnapshotEntry{
			ProducerState: ProducerState{
				ProducerID: e.id, ProducerEpoch: e.epoch, LastSequence: last.lastSequence, LastTimestamp: e.lastTimestamp,
				CoordinatorEpoch: e.coordinatorEpoch, TxnStartOffset: e.txnFirstOffset,
			},
			LastOffset: last.lastOffset, OffsetDelta: last.offsetDelta, FirstSequence: last.firstSequence(),
		}
	}
	return list, err
}

// MetaProperties is what meta.properties says.
type MetaProperties struct {
	ClusterID   string
	NodeID      int32
	HasNode     bool
	DirectoryID record.UUID
	Changed     bool // since it was written, by hand or by damage
}

// ParseMetaProperties reads meta.properties.
func ParseMetaProperties(b []byte) (MetaProperties, error) {
	m, err := parseMetaProperties(b)
	return MetaProperties{m.clusterID, m.nodeID, m.hasNode, m.dirID, m.changed}, err
}

// ParsePartitionMetadata reads the topic id in partition.metadata.
func ParsePartitionMetadata(b []byte) (record.UUID, error) { return parsePartitionMetadata(b) }
