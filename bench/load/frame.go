package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions of the requests that are written by hand here; they name topics, not their ids, so no metadata is needed.
const (
	ProduceVersion = 11
	FetchVersion   = 12
)

// Codecs are the names of codecs as Kafka's configuration has them, at the place of their number in a batch.
var Codecs = [...]string{"none", "gzip", "snappy", "lz4", "zstd"}

// BatchSpec says what a batch to be sent looks like.
type BatchSpec struct {
	RecordSize int    // bytes of each value
	BatchSize  int    // bytes of the whole batch before compression; as many records as fit, one at least
	Codec      string // one of Codecs; empty: none
}

// Batch is a batch ready to be sent, and what is in it.
type Batch struct {
	Bytes   []byte
	Records int
}

// batchOverhead is the length of the header of a batch: what comes before the records.
const batchOverhead = 61

// castagnoli is the table of the polynomial that batches are checked with.
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// NewBatch builds a batch with base offset 0.
func NewBatch(spec BatchSpec) (Batch, error) {
	source := NewPayload(1)
	var records []byte
	count := 0
	for {
		next := appendRecord(records, count, source.Value(spec.RecordSize))
		if count > 0 && batchOverhead+len(next) > spec.BatchSize {
			break
		}
		records = next
		count++
	}
	codec, packed, err := compress(spec.Codec, records)
	if err != nil {
		return Batch{}, err
	}
	return Batch{sealBatch(packed, codec, count), count}, nil
}

// appendRecord encodes a record without key and headers. The timestamp is that of the batch.
func appendRecord(dst []byte, delta int, value []byte) []byte {
	var scratch [32]byte
	body := append(scratch[:0], 0, 0) // attributes, timestamp delta
	body = binary.AppendVarint(body, int64(delta))
	body = append(body, 1) // no key
	body = binary.AppendVarint(body, int64(len(value)))
	dst = binary.AppendVarint(dst, int64(len(body)+len(value)+1))
	dst = append(dst, body...)
	dst = append(dst, value...)
	return append(dst, 0) // no headers
}

func compress(name string, records []byte) (int16, []byte, error) {
	var codec kgo.CompressionCodec
	switch name {
	case "", "none":
		return 0, records, nil
	case "gzip":
		codec = kgo.GzipCompression()
	case "snappy":
		codec = kgo.SnappyCompression()
	case "lz4":
		codec = kgo.Lz4Compression()
	case "zstd":
		codec = kgo.ZstdCompression()
	default:
		return 0, nil, fmt.Errorf("codec %q: one of %v", name, Codecs)
	}
	c, err := kgo.DefaultCompressor(codec)
	if err != nil {
		return 0, nil, err
	}
	var dst bytes.Buffer
	packed, kind := c.Compress(&dst, records)
	if int(kind) >= len(Codecs) || Codecs[kind] != name {
		return 0, nil, fmt.Errorf("codec %s: %d bytes were compressed with codec %d", name, len(records), kind)
	}
	return int16(kind), packed, nil
}

// sealBatch puts a header before records: now as their time, no producer id, and the CRC.
func sealBatch(records []byte, codec int16, count int) []byte {
	return appendBatch(make([]byte, 0, batchOverhead+len(records)), records, codec, count)
}

func appendBatch(dst, records []byte, codec int16, count int) []byte {
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{
		Length:               int32(batchOverhead - 12 + len(records)),
		PartitionLeaderEpoch: -1,
		Magic:                2,
		Attributes:           codec,
		LastOffsetDelta:      int32(count - 1),
		FirstTimestamp:       now,
		MaxTimestamp:         now,
		ProducerID:           -1,
		ProducerEpoch:        -1,
		FirstSequence:        -1,
		NumRecords:           int32(count),
		Records:              records,
	}
	start := len(dst)
	dst = batch.AppendTo(dst)
	b := dst[start:]
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], castagnoli))
	return dst
}

// formatter gives every request the same client id.
var formatter = kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench"))

// ProduceFrame is a whole produce request of one batch, length prefix included. Its correlation id is that of the partition,
// so that a frame can be sent any number of times and its answer still be told from that of another partition.
func ProduceFrame(topic string, partition int32, acks int16, batch []byte) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.Version = ProduceVersion
	req.Acks = acks
	req.TimeoutMillis = 30000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Partition = partition
	p.Records = batch
	t.Partitions = append(t.Partitions, p)
	req.Topics = append(req.Topics, t)
	return formatter.AppendRequest(nil, req, partition)
}

// appendProduce is ProduceFrame for batches that are built while a load runs: it appends, and allocates nothing.
func appendProduce(dst []byte, topic string, partition int32, acks int16, batch []byte) []byte {
	const clientID = "bench"
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, ProduceVersion) // size, key, version
	dst = binary.BigEndian.AppendUint32(dst, uint32(partition))
	dst = append(dst, 0, byte(len(clientID)))
	dst = append(dst, clientID...)
	dst = append(dst, 0, 0) // tags, no transactional id
	dst = binary.BigEndian.AppendUint16(dst, uint16(acks))
	dst = binary.BigEndian.AppendUint32(dst, 30000)
	dst = append(dst, 2)
	dst = binary.AppendUvarint(dst, uint64(len(topic)+1))
	dst = append(dst, topic...)
	dst = append(dst, 2)
	dst = binary.BigEndian.AppendUint32(dst, uint32(partition))
	dst = binary.AppendUvarint(dst, uint64(len(batch)+1))
	dst = append(dst, batch...)
	dst = append(dst, 0, 0, 0) // tags of partition, topic and request
	binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
	return dst
}

// fetchRequest asks for some partitions from some offsets on, outside a fetch session.
func fetchRequest(topic string, offsets []int64, limits FetchLimits) *kmsg.FetchRequest {
	req := kmsg.NewPtrFetchRequest()
	req.Version = FetchVersion
	req.MaxWaitMillis = int32(limits.Wait.Milliseconds())
	req.MinBytes = 1
	req.MaxBytes = limits.Bytes
	req.SessionEpoch = -1
	t := kmsg.NewFetchRequestTopic()
	t.Topic = topic
	for i, offset := range offsets {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition = int32(i)
		p.FetchOffset = offset
		p.CurrentLeaderEpoch = -1
		p.PartitionMaxBytes = limits.PartitionBytes
		t.Partitions = append(t.Partitions, p)
	}
	req.Topics = append(req.Topics, t)
	return req
}

// FetchLimits bound one fetch; DefaultLimits are those of Kafka's consumer.
type FetchLimits struct {
	Bytes          int32
	PartitionBytes int32
	Wait           time.Duration
}

// DefaultLimits are the defaults of Kafka's consumer.
var DefaultLimits = FetchLimits{Bytes: 50 << 20, PartitionBytes: 1 << 20, Wait: 500 * time.Millisecond}
