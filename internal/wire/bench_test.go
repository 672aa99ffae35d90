package wire

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// produceBody is a request of 100 partitions of one topic with 100 bytes each.
func produceBody(version int16) []byte {
	req := kmsg.NewPtrProduceRequest()
	req.Version = version
	topic := kmsg.NewProduceRequestTopic()
	topic.Topic = "orders"
	for i := range 100 {
		p := kmsg.NewProduceRequestTopicPartition()
		p.Partition, p.Records = int32(i), make([]byte, 100)
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	return req.AppendTo(nil)
}

func BenchmarkProduceDecode100(b *testing.B) {
	for _, version := range []int16{7, 12, 13} {
		b.Run(fmt.Sprint("v", version), func(b *testing.B) {
			h := RequestHeader{Version: version}
			body := produceBody(version)
			b.ReportAllocs()
			for b.Loop() {
				p, err := ParseProduce(h, body)
				if err != nil {
					b.Fatal(err)
				}
				n := 0
				for part := range p.Partitions {
					n += len(part.Records)
				}
				if n != 10000 {
					b.Fatal(n)
				}
			}
		})
	}
}

func BenchmarkProduceEncode100(b *testing.B) {
	h := RequestHeader{Version: 13}
	p, err := ParseProduce(h, produceBody(13))
	if err != nil {
		b.Fatal(err)
	}
	results := make([]ProduceResult, 100)
	b.ReportAllocs()
	for b.Loop() {
		EncodeProduce(h, &p, results, nil, 0).Release()
	}
}

func BenchmarkFetchEncode100(b *testing.B) {
	for _, size := range []int{0, 100, 16 << 10, 64 << 10} {
		b.Run(fmt.Sprint(size, " bytes each"), func(b *testing.B) {
			h := RequestHeader{Key: keyFetch, Version: 17}
			records := newRange(make([]byte, size))
			resp := &FetchResponse{Topics: []FetchTopic{{Partitions: make([]FetchPartition, 100)}}}
			for i := range resp.Topics[0].Partitions {
				p := &resp.Topics[0].Partitions[i]
				*p = NewFetchPartition(int32(i))
				p.Records = records
			}
			b.ReportAllocs()
			for b.Loop() {
				EncodeFetch(h, resp).Release()
			}
		})
	}
}

// BenchmarkFetchDecode100 is the price of the walk before kmsg, too.
func BenchmarkFetchDecode100(b *testing.B) {
	req := kmsg.NewPtrFetchRequest()
	req.Version = 17
	topic := kmsg.NewFetchRequestTopic()
	for i := range 100 {
		p := kmsg.NewFetchRequestTopicPartition()
		p.Partition = int32(i)
		topic.Partitions = append(topic.Partitions, p)
	}
	req.Topics = append(req.Topics, topic)
	h, body := RequestHeader{Key: keyFetch, Version: 17}, req.AppendTo(nil)
	l := layoutOf(request, keyFetch, 17)
	b.Run("walk", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := walk(l, body, 100); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("whole", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := Decode(h, body); err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkParseHeader(b *testing.B) {
	frame := AppendRequest(nil, 1, "console-producer", kmsg.NewPtrHeartbeatRequest())[4:]
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := ParseHeader(frame); err != nil {
			b.Fatal(err)
		}
	}
}
