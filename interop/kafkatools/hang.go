package kafkatools

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Hang writes a batch of a transaction that no coordinator knows to partition 0, which the broker leads, as if an hour ago. The broker must not ask coordinators
// at that time: transaction.partition.verification.enable=false.
func Hang(ctx context.Context, broker *kgo.Broker, topic string) error {
	id := "nobody"
	rq := kmsg.NewPtrProduceRequest()
	rq.Acks, rq.TimeoutMillis, rq.TransactionID = -1, 5000, &id
	rq.Topics = []kmsg.ProduceRequestTopic{{Topic: topic, Partitions: []kmsg.ProduceRequestTopicPartition{{Records: openBatch(time.Now().Add(-time.Hour))}}}}
	answer, err := broker.RetriableRequest(ctx, &older{rq})
	if err != nil {
		return err
	}
	return kerr.ErrorForCode(answer.(*kmsg.ProduceResponse).Topics[0].Partitions[0].ErrorCode)
}

// older is a produce request of a client that adds partitions to its transactions itself.
type older struct{ *kmsg.ProduceRequest }

// MaxVersion is that of such clients.
func (*older) MaxVersion() int16 { return 9 }

// openBatch is a transactional batch of one record.
func openBatch(at time.Time) []byte {
	const transactional = 1 << 4
	body := []byte{0, 0, 0, 1, 2, 'x', 0} // attributes, deltas of time and offset, no key, one byte, no headers
	batch := binary.BigEndian.AppendUint16(nil, transactional)
	batch = binary.BigEndian.AppendUint32(batch, 0)
	batch = binary.BigEndian.AppendUint64(batch, uint64(at.UnixMilli()))
	batch = binary.BigEndian.AppendUint64(batch, uint64(at.UnixMilli()))
	batch = binary.BigEndian.AppendUint64(batch, 4711) // producer id
	batch = binary.BigEndian.AppendUint16(batch, 3)    // producer epoch
	batch = binary.BigEndian.AppendUint32(batch, 0)    // sequence
	batch = binary.BigEndian.AppendUint32(batch, 1)    // records
	batch = append(binary.AppendVarint(batch, int64(len(body))), body...)
	out := make([]byte, 8)
	out = binary.BigEndian.AppendUint32(out, uint32(9+len(batch)))
	out = append(out, 0xff, 0xff, 0xff, 0xff, 2)
	out = binary.BigEndian.AppendUint32(out, crc32.Checksum(batch, crc32.MakeTable(crc32.Castagnoli)))
	return append(out, batch...)
}
