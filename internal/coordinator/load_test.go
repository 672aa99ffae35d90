package coordinator

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/record"
)

// bytesLeader is a log that cannot be written to.
type bytesLeader struct {
	Leader
	bytes []byte
	end   int64
}

func (l *bytesLeader) Bounds() (start, end int64) { return 0, l.end }

func (l *bytesLeader) Read(buf []byte, offset int64) ([]byte, error) {
	b := l.bytes
	for {
		batch, rest, err := record.Split(b)
		if err != nil {
			return nil, nil
		}
		if batch.NextOffset() > offset {
			return b[:min(len(b), max(len(buf), len(batch)))], nil
		}
		b = rest
	}
}

// load reads a log of group records into a machine.
func load(l Leader, m machine.Machine[group.Event, group.Record], bufferSize int, stop func() bool) (*loading[group.Event, group.Record], error) {
	reading := &loading[group.Event, group.Record]{leader: l, machine: m, decode: decodeGroupRecord, stop: stop}
	err := reading.run(bufferSize)
	return reading, err
}

func TestLoadReadsEveryCodec(t *testing.T) {
	l := &bytesLeader{}
	for _, codec := range []record.Codec{record.Uncompressed, record.Gzip, record.Snappy, record.LZ4, record.Zstd} {
		spec := record.NewSpec()
		spec.BaseOffset, spec.Codec = l.end, codec
		var records []record.Record
		for p := range int32(30) {
			r := group.OffsetRecord{Group: "g", Topic: fmt.Sprint("codec", codec), Partition: p, Offset: &group.Offset{Offset: 100 + int64(p), ExpireTimestamp: -1}}
			key, value := r.Encode()
			records = append(records, record.Record{Timestamp: 1, Key: key, Value: value})
		}
		var err error
		if l.bytes, err = record.AppendBatch(l.bytes, spec, records); err != nil {
			t.Fatal(err)
		}
		l.end += 30
	}
	for _, size := range []int{1, 100, 1000, 1 << 20} {
		m := group.New(group.Config{Settings: func() group.Settings { return group.DefaultSettings }, Rand: rand.New(rand.NewPCG(1, 2))})
		got, err := load(l, m, size, func() bool { return false })
		if err != nil || got.records != 150 || got.next != 150 {
			t.Fatalf("buffer of %d: %+v, %v", size, got, err)
		}
		rq := kmsg.NewPtrOffsetFetchRequest()
		rq.Groups = []kmsg.OffsetFetchRequestGroup{{Group: "g"}}
		reply := m.Handle(time.Now(), group.Event{Ticket: 1, Request: rq}).Effects[0].(machine.Reply)
		topics := reply.Response.(*kmsg.OffsetFetchResponse).Groups[0].Topics
		if len(topics) != 5 {
			t.Fatalf("%d topics", len(topics))
		}
		for _, topic := range topics {
			for p, part := range topic.Partitions {
				if part.Offset != 100+int64(p) {
					t.Errorf("%s/%d is at %d", topic.Topic, p, part.Offset)
				}
			}
		}
	}
}

func TestLoadStopsWhenTold(t *testing.T) {
	l := &bytesLeader{end: 1}
	m := group.New(group.Config{})
	if _, err := load(l, m, 1, func() bool { return true }); err != ErrNotCoordinator {
		t.Error(err)
	}
}

func BenchmarkLoad(b *testing.B) {
	const batches, each = 1000, 100
	l := &chunkLeader{}
	for range batches {
		spec := record.NewSpec()
		spec.BaseOffset = l.end
		var records []record.Record
		for p := range int32(each) {
			r := group.OffsetRecord{Group: fmt.Sprint("group-", l.end%1000), Topic: "orders", Partition: p, Offset: &group.Offset{Offset: l.end, ExpireTimestamp: -1}}
			key, value := r.Encode()
			records = append(records, record.Record{Timestamp: 1, Key: key, Value: value})
		}
		batch, err := record.AppendBatch(nil, spec, records)
		if err != nil {
			b.Fatal(err)
		}
		l.batches = append(l.batches, batch)
		l.end += each
	}
	for b.Loop() {
		m := group.New(group.Config{})
		if got, err := load(l, m, 5<<20, func() bool { return false }); err != nil || got.records != batches*each {
			b.Fatal(got, err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batches*each), "ns/record")
}

// chunkLeader finds batches by number: all hold as many records.
type chunkLeader struct {
	Leader
	batches [][]byte
	end     int64
}

func (l *chunkLeader) Bounds() (start, end int64) { return 0, l.end }

func (l *chunkLeader) Read(buf []byte, offset int64) ([]byte, error) {
	out := buf[:0]
	for _, b := range l.batches[int(offset)*len(l.batches)/int(l.end):] {
		if len(out)+len(b) > len(buf) {
			break
		}
		out = append(out, b...)
	}
	return out, nil
}

// frail is a machine that cannot take its records.
type frail struct {
	machine.Machine[group.Event, group.Record]
}

func (frail) Apply(machine.Entry[group.Record]) { panic("cannot take it") }

func TestARecordThatPanicsIsAnErrorOfTheLoad(t *testing.T) {
	r := group.OffsetRecord{Group: "g", Topic: "t", Offset: &group.Offset{Offset: 1, ExpireTimestamp: -1}}
	key, value := r.Encode()
	b, err := record.AppendBatch(nil, record.NewSpec(), []record.Record{{Timestamp: 1, Key: key, Value: value}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = load(&bytesLeader{bytes: b, end: 1}, frail{}, 1<<20, func() bool { return false })
	var fault *machine.Fault
	if !errors.As(err, &fault) || fault.Value != "cannot take it" {
		t.Fatalf("load ended with %v", err)
	}
}
