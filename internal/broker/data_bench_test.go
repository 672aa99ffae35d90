package broker

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// exchange writes a finished frame and reads one response into buf.
func exchange(b *testing.B, conn net.Conn, frame, buf []byte) []byte {
	if _, err := conn.Write(frame); err != nil {
		b.Fatal(err)
	}
	if _, err := io.ReadFull(conn, buf[:4]); err != nil {
		b.Fatal(err)
	}
	size := binary.BigEndian.Uint32(buf)
	if _, err := io.ReadFull(conn, buf[:size]); err != nil {
		b.Fatal(err)
	}
	return buf[:size]
}

func frameOf(rq kmsg.Request, version int16) []byte {
	rq.SetVersion(version)
	return kmsg.NewRequestFormatter(kmsg.FormatterClientID("bench")).AppendRequest(nil, rq, 1)
}

func BenchmarkProduce(b *testing.B) {
	for _, acks := range []int16{1, -1} {
		b.Run(fmt.Sprintf("acks=%d/batch=1KiB", acks), func(b *testing.B) {
			n := newNode(b)
			defer n.stop()
			n.makeTopic("orders", 1)
			c := n.dial()
			defer c.close()
			batch := plainBatch(strings.Repeat("x", (1024-record.HeaderSize-12)/2))
			frame := frameOf(produceRequest("orders", acks, batch), 12)
			buf := make([]byte, 4096)
			b.SetBytes(int64(len(batch)))
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, c.conn, frame, buf)
			}
		})
	}
}

func BenchmarkFetch(b *testing.B) {
	for _, tc := range []struct{ batches, size int }{{1, 1024}, {64, 16 << 10}} {
		b.Run(fmt.Sprintf("%dx%dKiB", tc.batches, tc.size>>10), func(b *testing.B) {
			n := newNode(b)
			defer n.stop()
			n.makeTopic("orders", 1)
			for range tc.batches {
				n.produceTo("orders", 0, strings.Repeat("x", tc.size))
			}
			c := n.dial()
			defer c.close()
			rq := fetchRequest("orders", 0)
			rq.MaxBytes = 10 << 20
			rq.Topics[0].Partitions[0].PartitionMaxBytes = 10 << 20
			frame := frameOf(rq, 12)
			buf := make([]byte, 3*tc.batches*tc.size+4096)
			b.SetBytes(int64(tc.batches * tc.size))
			b.ReportAllocs()
			for b.Loop() {
				exchange(b, c.conn, frame, buf)
			}
		})
	}
}

// BenchmarkFetchSession is a consumer of many partitions of which none has anything new: what an idle cluster does all day.
func BenchmarkFetchSession(b *testing.B) {
	for _, partitions := range []int{10, 1000} {
		b.Run(fmt.Sprintf("partitions=%d", partitions), func(b *testing.B) {
			n := newNode(b)
			defer n.stop()
			n.makeTopic("orders", partitions)
			c := n.dial()
			defer c.close()
			full := sessionFetch(0, 0)
			for i := range partitions {
				addFetch(full, "orders", int32(i), 0)
			}
			id := c.fetch(13, full).SessionID
			frame := frameOf(sessionFetch(id, 1), 13)
			epochAt := len(frame) - 4 - 4 // two empty arrays, rack and tags follow, a byte each
			buf := make([]byte, 1<<16)
			epoch := int32(1)
			if got := int32(binary.BigEndian.Uint32(frame[epochAt:])); got != epoch {
				b.Fatalf("session epoch not where it was expected: %d in %x", got, frame)
			}
			b.ReportAllocs()
			for b.Loop() {
				binary.BigEndian.PutUint32(frame[epochAt:], uint32(epoch))
				exchange(b, c.conn, frame, buf)
				epoch++
			}
		})
	}
}
