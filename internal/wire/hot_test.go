package wire

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// memRange is a file range without a file.
type memRange struct {
	data     []byte
	size     int   // what Len claims; more than data: the file has become shorter
	err      error // instead of io.EOF at the end
	released int
}

func newRange(data []byte) *memRange { return &memRange{data: data, size: len(data)} }

func (m *memRange) Len() int                              { return m.size }
func (m *memRange) Position() int64                       { return 0 }
func (m *memRange) SyscallConn() (syscall.RawConn, error) { return nil, errors.ErrUnsupported }
func (m *memRange) Release()                              { m.released++ }
func (m *memRange) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, m.data[min(int(off), len(m.data)):])
	if n == len(p) {
		return n, nil
	}
	if m.err != nil {
		return n, m.err
	}
	return n, io.EOF
}

// content joins the parts of a frame.
func content(t testing.TB, f *Frame) []byte {
	t.Helper()
	var b []byte
	for _, p := range f.Parts {
		if p.File == nil {
			b = append(b, p.Bytes...)
			continue
		}
		piece := make([]byte, p.File.Len())
		if _, err := p.File.ReadAt(piece, 0); err != nil {
			t.Fatal(err)
		}
		b = append(b, piece...)
	}
	if len(b) != f.Size {
		t.Errorf("parts have %d bytes, Size says %d", len(b), f.Size)
	}
	return b
}

// hotFrames yields Kafka's frames of one key and side.
func hotFrames(t *testing.T, key int16, side string, test func(*testing.T, RequestHeader, []byte)) {
	n := 0
	for _, r := range recordedFrames(t) {
		if r.key == key && r.side == side {
			n++
			t.Run(r.String(), func(t *testing.T) {
				test(t, RequestHeader{Key: key, Version: r.version, CorrelationID: 7}, r.frame)
			})
		}
	}
	if n == 0 {
		t.Fatal("no frames")
	}
}

// fetchOf says in our words what a kmsg response says.
func fetchOf(resp *kmsg.FetchResponse) *FetchResponse {
	out := &FetchResponse{ThrottleMillis: resp.ThrottleMillis, ErrorCode: resp.ErrorCode, SessionID: resp.SessionID}
	for _, t := range resp.Topics {
		topic := FetchTopic{Topic: t.Topic, TopicID: t.TopicID}
		for _, p := range t.Partitions {
			q := FetchPartition{
				Partition: p.Partition, ErrorCode: p.ErrorCode, HighWatermark: p.HighWatermark, LastStableOffset: p.LastStableOffset,
				LogStartOffset: p.LogStartOffset, DivergingEpoch: p.DivergingEpoch.Epoch, DivergingEndOffset: p.DivergingEpoch.EndOffset,
				LeaderID: p.CurrentLeader.LeaderID, LeaderEpoch: p.CurrentLeader.LeaderEpoch,
				SnapshotEpoch: p.SnapshotID.Epoch, SnapshotEndOffset: p.SnapshotID.EndOffset,
				AbortedNull: p.AbortedTransactions == nil, PreferredReadReplica: p.PreferredReadReplica,
			}
			for _, a := range p.AbortedTransactions {
				q.Aborted = append(q.Aborted, FetchAborted{a.ProducerID, a.FirstOffset})
			}
			if p.RecordBatches != nil {
				q.Records = newRange(p.RecordBatches)
			}
			topic.Partitions = append(topic.Partitions, q)
		}
		out.Topics = append(out.Topics, topic)
	}
	for _, b := range resp.Brokers {
		out.Nodes = append(out.Nodes, NodeEndpoint{b.NodeID, b.Host, b.Port, b.Rack})
	}
	return out
}

func TestFetchResponsesAreKafkasBytes(t *testing.T) {
	hotFrames(t, keyFetch, "response", func(t *testing.T, h RequestHeader, frame []byte) {
		resp := kmsg.NewPtrFetchResponse()
		resp.Version = h.Version
		if err := DecodeResponse(resp, frame[len(appendResponseHeader(nil, h)):]); err != nil {
			t.Fatal(err)
		}
		f := EncodeFetch(h, fetchOf(resp))
		defer f.Release()
		if got := content(t, f); !bytes.Equal(got[4:], frame) {
			t.Error(cmp.Diff(frame, got[4:]))
		}
	})
}

func TestLargeFetchResponsesAreKmsgsBytes(t *testing.T) {
	for _, h := range []RequestHeader{{Key: 1, Version: 4}, {Key: 1, Version: 12}, {Key: 1, Version: 18}} {
		resp := kmsg.NewPtrFetchResponse()
		resp.Version = h.Version
		for i := range 3 {
			topic := kmsg.NewFetchResponseTopic()
			topic.Topic, topic.TopicID = fmt.Sprint("topic-", i), [16]byte{byte(i)}
			for j, size := range []int{0, 1, copyBelow - 1, copyBelow, 300_000, 100} {
				p := kmsg.NewFetchResponseTopicPartition()
				p.Partition = int32(j)
				p.RecordBatches = bytes.Repeat([]byte{byte(i), byte(j)}, size)[:size]
				topic.Partitions = append(topic.Partitions, p)
			}
			resp.Topics = append(resp.Topics, topic)
		}
		want := resp.AppendTo(appendResponseHeader(nil, h))
		in := fetchOf(resp)
		f := EncodeFetch(h, in)
		if got := content(t, f); !bytes.Equal(got[4:], want) {
			t.Errorf("v%d differs", h.Version)
		}
		if len(f.Parts) != 13 {
			t.Errorf("v%d: %d parts, want 6 of files and 7 around them", h.Version, len(f.Parts))
		}
		f.Release()
		for _, topic := range in.Topics {
			for _, p := range topic.Partitions {
				if n := p.Records.(*memRange).released; n != 1 {
					t.Errorf("v%d: a range of %d bytes was released %d times", h.Version, p.Records.Len(), n)
				}
			}
		}
	}
}

func TestAFetchOfManyPartitionsCopiesLittle(t *testing.T) {
	h := RequestHeader{Key: keyFetch, Version: 17}
	topic := FetchTopic{}
	var want []byte
	for i := range 500 {
		p := NewFetchPartition(int32(i))
		data := bytes.Repeat([]byte{byte(i)}, 20<<10)
		p.Records = newRange(data)
		want = append(want, data...)
		topic.Partitions = append(topic.Partitions, p)
	}
	f := EncodeFetch(h, &FetchResponse{Topics: []FetchTopic{topic}})
	defer f.Release()
	held := 0
	for _, p := range f.Parts {
		held += len(p.Bytes)
	}
	if held > copyTotal+500*128 {
		t.Errorf("%d bytes are held for a response of %d", held, f.Size)
	}
	resp := kmsg.NewPtrFetchResponse()
	resp.Version = h.Version
	if err := DecodeResponse(resp, content(t, f)[9:]); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for _, p := range resp.Topics[0].Partitions {
		got = append(got, p.RecordBatches...)
	}
	if !bytes.Equal(got, want) {
		t.Error("the records differ")
	}
}

func TestFetchSaysWhatItCouldNotRead(t *testing.T) {
	for _, c := range []struct {
		name    string
		records *memRange
		code    int16
	}{
		{"the disk fails", &memRange{data: []byte("abc"), size: 300, err: errors.New("input/output error")}, 56},
		{"the log became shorter", &memRange{data: []byte("abc"), size: 300}, 0},
	} {
		for _, version := range []int16{4, 11, 18} {
			h := RequestHeader{Key: keyFetch, Version: version}
			p, q := NewFetchPartition(3), NewFetchPartition(4)
			p.Records, q.Records = c.records, newRange([]byte("whole"))
			c.records.released = 0
			f := EncodeFetch(h, &FetchResponse{Topics: []FetchTopic{{Topic: "t", Partitions: []FetchPartition{p, q}}}})
			resp := kmsg.NewPtrFetchResponse()
			resp.Version = version
			if err := DecodeResponse(resp, content(t, f)[4+len(appendResponseHeader(nil, h)):]); err != nil {
				t.Fatalf("%s, v%d: %v", c.name, version, err)
			}
			got := resp.Topics[0].Partitions
			if got[0].ErrorCode != c.code || len(got[0].RecordBatches) != 0 || c.records.released != 1 {
				t.Errorf("%s, v%d: error %d with %d bytes, released %d times, want %d, 0, 1",
					c.name, version, got[0].ErrorCode, len(got[0].RecordBatches), c.records.released, c.code)
			}
			if string(got[1].RecordBatches) != "whole" {
				t.Errorf("%s, v%d: the next partition has %q", c.name, version, got[1].RecordBatches)
			}
			f.Release()
		}
	}
}

func TestProduceRequestsAreReadWhereTheyLie(t *testing.T) {
	hotFrames(t, keyProduce, "request", func(t *testing.T, _ RequestHeader, frame []byte) {
		h, body, err := ParseHeader(frame)
		if err != nil {
			t.Fatal(err)
		}
		req := kmsg.NewPtrProduceRequest()
		req.Version = h.Version
		if err := req.ReadFrom(body); err != nil {
			t.Fatal(err)
		}
		checkSameProduce(t, h, body, req)
	})
}

// checkSameProduce compares our reading of a produce request with kmsg's.
func checkSameProduce(t *testing.T, h RequestHeader, body []byte, want *kmsg.ProduceRequest) {
	t.Helper()
	p, err := ParseProduce(h, body)
	if err != nil {
		t.Fatal(err)
	}
	if p.Acks != want.Acks || p.TimeoutMillis != want.TimeoutMillis || !cmp.Equal(p.TransactionalID, want.TransactionID) {
		t.Errorf("%+v, want %+v", p, want)
	}
	var all []ProducePartition
	for _, topic := range want.Topics {
		for _, part := range topic.Partitions {
			all = append(all, ProducePartition{topic.Topic, record.UUID(topic.TopicID), part.Partition, part.Records})
		}
	}
	if p.Len() != len(all) {
		t.Errorf("%d partitions, want %d", p.Len(), len(all))
	}
	var got []ProducePartition
	for part := range p.Partitions {
		got = append(got, part)
	}
	if diff := cmp.Diff(all, got); diff != "" {
		t.Error(diff)
	}
}

func TestProduceRequestsThatAreCutAreRefused(t *testing.T) {
	hotFrames(t, keyProduce, "request", func(t *testing.T, _ RequestHeader, frame []byte) {
		h, body, _ := ParseHeader(frame)
		for n := range body {
			if _, err := ParseProduce(h, body[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("cut to %d of %d bytes: %v, want ErrMalformed", n, len(body), err)
			}
		}
	})
}

// requestFor is a produce request with the topics and partitions of a response.
func requestFor(t *testing.T, resp *kmsg.ProduceResponse) *ProduceRequest {
	req := kmsg.NewPtrProduceRequest()
	req.Version = resp.Version
	for _, topic := range resp.Topics {
		rt := kmsg.NewProduceRequestTopic()
		rt.Topic, rt.TopicID = topic.Topic, topic.TopicID
		for _, p := range topic.Partitions {
			rp := kmsg.NewProduceRequestTopicPartition()
			rp.Partition = p.Partition
			rt.Partitions = append(rt.Partitions, rp)
		}
		req.Topics = append(req.Topics, rt)
	}
	p, err := ParseProduce(RequestHeader{Version: resp.Version}, req.AppendTo(nil))
	if err != nil {
		t.Fatal(err)
	}
	return &p
}

func TestProduceResponsesAreKafkasBytes(t *testing.T) {
	hotFrames(t, keyProduce, "response", func(t *testing.T, h RequestHeader, frame []byte) {
		resp := kmsg.NewPtrProduceResponse()
		resp.Version = h.Version
		if err := DecodeResponse(resp, frame[len(appendResponseHeader(nil, h)):]); err != nil {
			t.Fatal(err)
		}
		// A leader is told with this error only; Kafka's filled frame has another, so both sides get it.
		for i := range resp.Topics {
			for j := range resp.Topics[i].Partitions {
				resp.Topics[i].Partitions[j].ErrorCode = notLeaderOrFollower
			}
		}
		want := resp.AppendTo(appendResponseHeader(nil, h))
		f := EncodeProduce(h, requestFor(t, resp), resultsOf(resp), nodesOf(resp), resp.ThrottleMillis)
		defer f.Release()
		if got := content(t, f); !bytes.Equal(got[4:], want) {
			t.Error(cmp.Diff(want, got[4:]))
		}
	})
}

func resultsOf(resp *kmsg.ProduceResponse) []ProduceResult {
	var all []ProduceResult
	for _, topic := range resp.Topics {
		for _, p := range topic.Partitions {
			r := ProduceResult{
				ErrorCode: p.ErrorCode, BaseOffset: p.BaseOffset, LogAppendTimeMs: p.LogAppendTime, LogStartOffset: p.LogStartOffset,
				LeaderID: p.CurrentLeader.LeaderID, LeaderEpoch: p.CurrentLeader.LeaderEpoch,
			}
			if p.ErrorMessage != nil {
				r.ErrorMessage = *p.ErrorMessage
			}
			for _, e := range p.ErrorRecords {
				re := ProduceRecordError{BatchIndex: e.RelativeOffset}
				if e.ErrorMessage != nil {
					re.Message = *e.ErrorMessage
				}
				r.RecordErrors = append(r.RecordErrors, re)
			}
			all = append(all, r)
		}
	}
	return all
}

func nodesOf(resp *kmsg.ProduceResponse) []NodeEndpoint {
	var nodes []NodeEndpoint
	for _, b := range resp.Brokers {
		nodes = append(nodes, NodeEndpoint{b.NodeID, b.Host, b.Port, b.Rack})
	}
	return nodes
}

func TestUnsupportedApiVersionsIsAnsweredInVersion0(t *testing.T) {
	f := UnsupportedVersion(RequestHeader{Key: keyApiVersions, Version: 42, CorrelationID: 9})
	defer f.Release()
	want := []byte{0, 0, 0, 16, 0, 0, 0, 9, 0, 35, 0, 0, 0, 1, 0, 18, 0, 0, 0, 5}
	if got := content(t, f); !bytes.Equal(got, want) {
		t.Errorf("%x, want %x", got, want)
	}
}

func TestStringsOfARequestOutliveItsBuffer(t *testing.T) {
	frame := AppendRequest(nil, 1, "a client", kmsg.NewPtrHeartbeatRequest())[4:]
	h, _, err := ParseHeader(frame)
	if err != nil {
		t.Fatal(err)
	}
	clear(frame)
	if h.ClientID != "a client" {
		t.Errorf("client id is %q after its buffer was used again", h.ClientID)
	}
}

func TestBuffersAreAtMostAQuarterTooLarge(t *testing.T) {
	for n := 1; n < 20<<20; n += 1 + n/7 {
		b := NewBuffer(n)
		if len(b.B) != n || cap(b.B) > max(1<<smallestBuffer, n+n/4+1) || cap(b.B) != BufferSize(n) {
			t.Fatalf("%d bytes asked: length %d, capacity %d, BufferSize %d", n, len(b.B), cap(b.B), BufferSize(n))
		}
		b.Free()
	}
}
