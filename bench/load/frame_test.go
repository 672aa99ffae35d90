package load

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

func TestBatchesAreWhatARecordRoomAccepts(t *testing.T) {
	for _, codec := range Codecs {
		for _, size := range []int{100, 1000} {
			for _, bytes := range []int{1, 16 << 10, 64 << 10, 1 << 20} {
				t.Run(fmt.Sprintf("%s, %d B in %d", codec, size, bytes), func(t *testing.T) {
					batch, err := NewBatch(BatchSpec{RecordSize: size, BatchSize: bytes, Codec: codec})
					if err != nil {
						t.Fatal(err)
					}
					b, rest, err := record.Split(batch.Bytes)
					if err != nil || len(rest) != 0 {
						t.Fatalf("split: %v, %d bytes left", err, len(rest))
					}
					if err := b.Check(); err != nil {
						t.Fatal(err)
					}
					summary, err := b.Validate(record.Rules{RequireKey: false})
					if err != nil {
						t.Fatal(err)
					}
					if int(b.Count()) != batch.Records || b.LastOffset() != int64(batch.Records-1) || b.ProducerID() != record.NoProducerID {
						t.Errorf("%d records up to offset %d of producer %d, want %d", b.Count(), b.LastOffset(), b.ProducerID(), batch.Records)
					}
					if full := batchOverhead + summary.PayloadSize; full > bytes && batch.Records > 1 || bytes > 1 && full < bytes-2*size {
						t.Errorf("%d bytes before compression, want nearly %d", full, bytes)
					}
					want := int(b.Codec())
					if Codecs[want] != codec {
						t.Errorf("codec %s, want %s", Codecs[want], codec)
					}
				})
			}
		}
	}
}

func TestBatchesCompressAboutThreeToOne(t *testing.T) {
	plain, err := NewBatch(BatchSpec{RecordSize: 1000, BatchSize: 64 << 10})
	if err != nil {
		t.Fatal(err)
	}
	for _, codec := range Codecs[1:] {
		packed, err := NewBatch(BatchSpec{RecordSize: 1000, BatchSize: 64 << 10, Codec: codec})
		if err != nil {
			t.Fatal(err)
		}
		if ratio := float64(len(plain.Bytes)) / float64(len(packed.Bytes)); ratio < 2.4 || ratio > 3.6 {
			t.Errorf("%s: %.2f : 1", codec, ratio)
		}
	}
}

func TestProduceFrameIsReadBack(t *testing.T) {
	batch, err := NewBatch(BatchSpec{RecordSize: 100, BatchSize: 1000})
	if err != nil {
		t.Fatal(err)
	}
	frame := ProduceFrame("orders", 3, -1, batch.Bytes)
	if int(binary.BigEndian.Uint32(frame)) != len(frame)-4 {
		t.Fatalf("length %d in a frame of %d", binary.BigEndian.Uint32(frame), len(frame))
	}
	header, body := frame[4:4+8+2+5+1], frame[4+8+2+5+1:]
	if want := []byte("\x00\x00\x00\x0b\x00\x00\x00\x03\x00\x05bench\x00"); !bytes.Equal(header, want) {
		t.Errorf("header %x, want %x", header, want)
	}
	req := kmsg.NewPtrProduceRequest()
	req.Version = ProduceVersion
	if err := req.ReadFrom(body); err != nil {
		t.Fatal(err)
	}
	p := req.Topics[0].Partitions[0]
	if req.Acks != -1 || req.TransactionID != nil || req.Topics[0].Topic != "orders" || p.Partition != 3 || !bytes.Equal(p.Records, batch.Bytes) {
		t.Errorf("got %+v", req)
	}
	if !bytes.Equal(appendProduce(nil, "orders", 3, -1, batch.Bytes), frame) {
		t.Error("a frame that is built while a load runs differs")
	}
}

func TestProduceResponseIsHeldAgainstTheRequest(t *testing.T) {
	answer := func(change func(*kmsg.ProduceResponse)) []byte {
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = ProduceVersion
		p := kmsg.NewProduceResponseTopicPartition()
		p.Partition, p.BaseOffset = 2, 640
		topic := kmsg.NewProduceResponseTopic()
		topic.Topic, topic.Partitions = "orders", append(topic.Partitions, p)
		resp.Topics = append(resp.Topics, topic)
		change(resp)
		return resp.AppendTo([]byte{0}) // no tags in the header
	}
	base, err := parseProduced(answer(func(*kmsg.ProduceResponse) {}), "orders", 2)
	if err != nil || base != 640 {
		t.Fatalf("base %d, %v", base, err)
	}
	for name, change := range map[string]func(*kmsg.ProduceResponse){
		"error code":      func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].ErrorCode = 6 },
		"other partition": func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].Partition = 1 },
		"other topic":     func(r *kmsg.ProduceResponse) { r.Topics[0].Topic = "others" },
		"no topic":        func(r *kmsg.ProduceResponse) { r.Topics = nil },
		"no offset":       func(r *kmsg.ProduceResponse) { r.Topics[0].Partitions[0].BaseOffset = -1 },
	} {
		if _, err := parseProduced(answer(change), "orders", 2); err == nil {
			t.Errorf("%s: passed", name)
		}
	}
	for n := range 20 {
		if _, err := parseProduced(answer(func(*kmsg.ProduceResponse) {})[:n], "orders", 2); err == nil {
			t.Errorf("cut off at %d: passed", n)
		}
	}
}

func TestValuesOfBatchesAreReadInOrder(t *testing.T) {
	var b []byte
	for i, count := range []int{3, 1, 2} {
		var records []byte
		for j := range count {
			records = appendRecord(records, j, binary.BigEndian.AppendUint64(nil, uint64(10*i+j)))
		}
		start := len(b)
		b = appendBatch(b, records, 0, count)
		binary.BigEndian.PutUint64(b[start:], uint64([]int{7, 10, 11}[i]))
	}
	var got []uint64
	offset := int64(7)
	take := func(value []byte) error {
		got = append(got, binary.BigEndian.Uint64(value))
		return nil
	}
	if err := eachValue(b[:len(b)-1], &offset, take); err != nil {
		t.Fatal(err)
	}
	if fmt.Sprint(got) != "[0 1 2 10]" || offset != 11 {
		t.Errorf("the last batch is cut off: got %v up to %d", got, offset)
	}
	if err := eachValue(b, &offset, take); err == nil {
		t.Error("a batch at offset 7 passed for one at 11")
	}
}
