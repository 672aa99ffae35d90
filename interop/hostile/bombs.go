package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"net"
	"time"

	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// bombBytes is what most bombs hold: far more than max.decompressed.message.bytes, and than may be resident.
const bombBytes = 512 << 20

// zeros reads as n bytes that begin with a record's length and hold one record that claims the rest.
func zeros(n int64) io.Reader {
	head := binary.AppendVarint(nil, n)
	return io.MultiReader(bytes.NewReader(head), io.LimitReader(endless{}, n))
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// makeBombs are payloads of batches by codec.
func makeBombs() (map[int16][]byte, error) {
	var zipped, framed, squeezed bytes.Buffer
	gz := gzip.NewWriter(&zipped)
	lz := lz4.NewWriter(&framed)
	zs, err := zstd.NewWriter(&squeezed, zstd.WithEncoderConcurrency(1))
	if err != nil {
		return nil, err
	}
	for _, w := range []io.WriteCloser{gz, lz, zs} {
		size := int64(bombBytes)
		if w == io.WriteCloser(lz) {
			size = 200 << 20 // so that it is a request that may be sent
		}
		if _, err := io.Copy(struct{ io.Writer }{w}, zeros(size)); err != nil { // without ReadFrom, which lz4 gets wrong
			return nil, err
		}
		if err := w.Close(); err != nil {
			return nil, err
		}
	}
	raw := append(binary.AppendVarint(nil, 15<<20), make([]byte, 15<<20)...)
	return map[int16][]byte{1: zipped.Bytes(), 2: snappy.Encode(nil, raw), 3: framed.Bytes(), 4: squeezed.Bytes()}, nil
}

// claimed is a frame of zstd of some bytes that claims a window and content as large as the format allows without words.
func claimed() []byte {
	b := []byte{0x28, 0xb5, 0x2f, 0xfd, 0x80 | 0x40, 17 << 3} // content size of 8 bytes; a window of 128 MiB
	b = binary.LittleEndian.AppendUint64(b, 1<<40)
	return append(b, 0x02|1, 0, 0x10, 0) // one block that repeats a byte
}

// expanders are batches that break no rule, but hold a thousand times their size; the compacted topic's are looked at once more, and who asks for an offset by
// time has the broker look into them again.
func expanders(ctx context.Context, c *camp) (func(context.Context), error) {
	var all [][]byte
	for _, shape := range []struct{ count, size int }{{4, 7 << 20}, {300, 80 << 10}, {400_000, 30}, {20, 7 << 20}} {
		var records []byte
		for i := range shape.count {
			records = appendSound(records, i, shape.size)
		}
		for codec := int16(1); codec <= wide; codec++ {
			payload, err := squeeze(codec, records)
			if err != nil {
				return nil, err
			}
			of := min(codec, 4)
			for _, topic := range []string{guarded, recoded, compacted, readable, delayed} {
				if len(payload) < 1<<20 { // or it is not looked at
					all = append(all, produce(topic, sealed(of, payload, int32(shape.count))))
				}
			}
		}
	}
	ask := kmsg.NewPtrListOffsetsRequest()
	ask.Version, ask.ReplicaID = 7, -1
	t, p := kmsg.NewListOffsetsRequestTopic(), kmsg.NewListOffsetsRequestTopicPartition()
	t.Topic, p.Timestamp = readable, 1
	t.Partitions = append(t.Partitions, p)
	ask.Topics = append(ask.Topics, t)
	offsets := frame(ask)
	return func(ctx context.Context) {
		c.steadily(ctx, 20, func(ctx context.Context, i int) {
			if i%10 == 0 {
				if nc, err := c.connect(ctx, "PLAINTEXT", ""); err == nil {
					_, _ = nc.Write(offsets)
					c.outcome(nc, time.Second)
					c.drop(nc)
				}
				return
			}
			c.send(ctx, all[i%len(all)])
		})
	}, nil
}

// wide stands for zstd with a window of 64 MB: whoever reads it must have as much at hand.
const wide = 5

// squeeze compresses by the codec of that number.
func squeeze(codec int16, b []byte) ([]byte, error) {
	var out bytes.Buffer
	var w io.WriteCloser
	switch codec {
	case 1:
		w = gzip.NewWriter(&out)
	case 2:
		return snappy.Encode(nil, b), nil
	case 3:
		w = lz4.NewWriter(&out)
	default:
		window := zstd.WithWindowSize(8 << 20)
		if codec == wide {
			window = zstd.WithWindowSize(64 << 20)
		}
		zs, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1), window)
		if err != nil {
			return nil, err
		}
		w = zs
	}
	_, err := w.Write(b)
	err = errors.Join(err, w.Close())
	return out.Bytes(), err
}

// appendSound appends a record with a key and a value of so many bytes.
func appendSound(dst []byte, index, size int) []byte {
	body := append([]byte{0, 0}, binary.AppendVarint(nil, int64(index))...)
	body = append(binary.AppendVarint(body, 1), 'k')
	body = append(binary.AppendVarint(body, int64(size)), make([]byte, size)...)
	return append(append(binary.AppendVarint(dst, int64(len(body)+1)), body...), 0)
}

// nested is one bomb within another, as records of the older formats could be.
func nested(bomb []byte) []byte {
	var out bytes.Buffer
	gz := gzip.NewWriter(&out)
	_, _ = gz.Write(bomb) // to memory: it cannot fail
	_ = gz.Close()
	return out.Bytes()
}

func sealed(codec int16, payload []byte, count int32) []byte {
	now := time.Now().UnixMilli()
	batch := kmsg.RecordBatch{Length: int32(49 + len(payload)), PartitionLeaderEpoch: -1, Magic: 2, Attributes: codec, LastOffsetDelta: count - 1,
		FirstTimestamp: now, MaxTimestamp: now, ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: count, Records: payload}
	b := batch.AppendTo(nil)
	binary.BigEndian.PutUint32(b[17:], crc32.Checksum(b[21:], crc32.MakeTable(crc32.Castagnoli)))
	return b
}

func produce(topic string, batch []byte) []byte {
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.Acks, rq.TimeoutMillis = 9, -1, 5000
	t := kmsg.NewProduceRequestTopic()
	t.Topic = topic
	p := kmsg.NewProduceRequestTopicPartition()
	p.Records = batch
	t.Partitions = append(t.Partitions, p)
	rq.Topics = append(rq.Topics, t)
	return frame(rq)
}

// bombs are small batches that hold very much, for topics whose records the broker must see, now or when it compacts them.
func bombs(ctx context.Context, c *camp) (func(context.Context), error) {
	payloads, err := makeBombs()
	if err != nil {
		return nil, err
	}
	var all [][]byte
	for _, topic := range []string{guarded, recoded, compacted, readable, delayed} {
		for codec, payload := range payloads {
			for _, count := range []int32{1, 1000} {
				all = append(all, produce(topic, sealed(codec, payload, count)))
			}
		}
		all = append(all, produce(topic, sealed(4, claimed(), 1)), produce(topic, sealed(1, nested(payloads[1]), 1)))
	}
	return func(ctx context.Context) {
		c.steadily(ctx, 8, func(ctx context.Context, i int) { c.send(ctx, all[i%len(all)]) })
	}, nil
}

// send sends a produce request over a connection of its own.
func (c *camp) send(ctx context.Context, request []byte) {
	nc, err := c.connect(ctx, "PLAINTEXT", "")
	if err != nil {
		return
	}
	defer c.drop(nc)
	if _, err := nc.Write(request); err == nil {
		c.answered(nc)
	}
}

// answered reads the answer to a produce request and notes the error in it.
func (c *camp) answered(nc net.Conn) {
	_ = nc.SetReadDeadline(time.Now().Add(10 * time.Second))
	head := make([]byte, 4)
	if _, err := io.ReadFull(nc, head); err != nil {
		c.note("without answer")
		return
	}
	body := make([]byte, min(binary.BigEndian.Uint32(head), 1<<20))
	if _, err := io.ReadFull(nc, body); err != nil || len(body) < 5 {
		c.note("without answer")
		return
	}
	rp := kmsg.NewPtrProduceResponse()
	rp.Version = 9
	if err := rp.ReadFrom(body[5:]); err != nil || len(rp.Topics) != 1 || len(rp.Topics[0].Partitions) != 1 {
		c.note("strange answers")
		return
	}
	switch rp.Topics[0].Partitions[0].ErrorCode {
	case 0:
		c.note("accepted")
	case kerr.ThrottlingQuotaExceeded.Code:
		c.note("told to come again")
	default:
		c.note("refused")
	}
}

// hogs send half of large requests and then stay, or go on with a byte a second; who is sent away comes again.
func hogs(ctx context.Context, c *camp) (func(context.Context), error) {
	const claims, sent = 20 << 20, 1 << 20
	head := binary.BigEndian.AppendUint32(nil, claims)
	head = append(head, 0, 0, 0, 9, 0, 0, 0, 1, 0xff, 0xff)
	head = append(head, make([]byte, sent)...)
	half := func(ctx context.Context) net.Conn {
		nc, err := c.connect(ctx, "PLAINTEXT", "")
		if err != nil {
			return nil
		}
		go func() { _, _ = nc.Write(head) }() // the broker may not read all of it
		return nc
	}
	all := make([]net.Conn, c.many(150))
	for i := range all {
		all[i] = half(ctx)
	}
	return func(ctx context.Context) {
		everySecond(ctx, all, func(i int, nc net.Conn) {
			if nc == nil || ctx.Err() != nil {
				return
			}
			_ = nc.SetReadDeadline(time.Now().Add(time.Millisecond))
			_, err := nc.Read(make([]byte, 1))
			var timeout net.Error
			if errors.As(err, &timeout) && timeout.Timeout() {
				_ = nc.SetWriteDeadline(time.Now().Add(time.Millisecond))
				_, _ = nc.Write([]byte{0})
				return
			}
			c.note("sent away")
			c.drop(nc)
			all[i] = half(ctx)
		})
	}, nil
}
