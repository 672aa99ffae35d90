package broker

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/storage"
)

// errDamagedRecords means that a log is served, but not what was asked for: as in Kafka, consumers pass that on to those who run them. After a storage
// error they would ask for ever and say nothing.
var errDamagedRecords = errors.New("records damaged")

// codes is the one place where the kinds of error of the rooms below become Kafka's codes. The first kind that an error wraps counts.
var codes = []struct {
	kind error
	code *kerr.Error
}{
	{replication.ErrUnknownPartition, kerr.UnknownTopicOrPartition},
	{replication.ErrUnknownTopicID, kerr.UnknownTopicID},
	{replication.ErrInconsistentID, kerr.InconsistentTopicID},
	{replication.ErrNotLeader, kerr.NotLeaderForPartition},
	{replication.ErrFencedEpoch, kerr.FencedLeaderEpoch},
	{replication.ErrUnknownEpoch, kerr.UnknownLeaderEpoch},
	{replication.ErrNotEnoughReplicas, kerr.NotEnoughReplicas},
	{replication.ErrTimedOut, kerr.RequestTimedOut},
	{replication.ErrOffsetNotAvailable, kerr.OffsetNotAvailable},
	{replication.ErrNoReplica, kerr.ReplicaNotAvailable},
	{replication.ErrNoDir, kerr.LogDirNotFound},
	{replication.ErrNoSession, kerr.FetchSessionIDNotFound},
	{replication.ErrSessionEpoch, kerr.InvalidFetchSessionEpoch},

	{errDamagedRecords, kerr.CorruptMessage},
	{storage.ErrOffsetOutOfRange, kerr.OffsetOutOfRange},
	{storage.ErrTooLarge, kerr.MessageTooLarge},
	{storage.ErrSegmentTooSmall, kerr.RecordListTooLarge},
	{storage.ErrInvalidTimestamp, kerr.InvalidTimestamp},
	{storage.ErrInvalidRecord, kerr.InvalidRecord},
	{storage.ErrCorruptBatch, kerr.CorruptMessage},
	{storage.ErrOutOfOrder, kerr.OutOfOrderSequenceNumber},
	{storage.ErrUnknownProducer, kerr.UnknownProducerID},
	{storage.ErrProducerFenced, kerr.InvalidProducerEpoch},
	{storage.ErrTxnState, kerr.InvalidTxnState},
	{storage.ErrStaleCoordinator, kerr.TransactionCoordinatorFenced},
	{storage.ErrDisk, kerr.KafkaStorageError},
	{storage.ErrNoRoom, kerr.KafkaStorageError},
	{storage.ErrCorrupt, kerr.KafkaStorageError},
	// A log is closed because its partition goes away: the client must look for the leader again.
	{storage.ErrClosed, kerr.NotLeaderForPartition},

	{record.ErrBusy, kerr.ThrottlingQuotaExceeded},
	{record.ErrInvalidRecord, kerr.InvalidRecord},
	{record.ErrCorrupt, kerr.CorruptMessage},
	{record.ErrIncomplete, kerr.CorruptMessage},
	{record.ErrUnsupportedMagic, kerr.InvalidRecord},
	{record.ErrTooLarge, kerr.MessageTooLarge},

	{context.DeadlineExceeded, kerr.RequestTimedOut},
	{context.Canceled, kerr.RequestTimedOut},
}

// codeOf turns a room's error into Kafka's code; nil is 0. An error that is Kafka's already keeps its code, any other is UNKNOWN_SERVER_ERROR.
func codeOf(err error) int16 {
	if err == nil {
		return 0
	}
	for i := range codes {
		if errors.Is(err, codes[i].kind) {
			return codes[i].code.Code
		}
	}
	var known *kerr.Error
	if errors.As(err, &known) {
		return known.Code
	}
	return kerr.UnknownServerError.Code
}

// partitionCode is codeOf for one partition; it logs what nobody expects, once per answer, because the client learns only that something went wrong.
func (h *Handlers) partitionCode(err error, tp record.TopicPartition) int16 {
	code := codeOf(err)
	if code == kerr.UnknownServerError.Code {
		h.Logger.Error("unexpected error", "topic", tp.Topic, "partition", tp.Partition, "err", err)
	}
	return code
}
