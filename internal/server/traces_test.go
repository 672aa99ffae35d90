package server

import (
	"bytes"
	"encoding/hex"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
	"leat/internal/record"
	"leat/internal/telemetry/otlp"
	"leat/internal/wire"
)

const (
	traceA  = "4bf92f3577b34da6a3ce929d0e0e4736"
	traceB  = "0af7651916cd43dd8448eb211c80319c"
	spanA   = "00f067aa0ba902b7"
	spanB   = "b7ad6b7169203331"
	parentA = "00-" + traceA + "-" + spanA + "-01"
	parentB = "00-" + traceB + "-" + spanB + "-01"
)

func TestTraceParentsAreReadAsW3CHasThem(t *testing.T) {
	for text, want := range map[string]bool{
		parentA: true, "01-" + traceA + "-" + spanA + "-01-later": true, "cc-" + traceA + "-" + spanA + "-03": true,
		"":                                   false,
		"00-" + traceA + "-" + spanA + "-00": false, // not recorded
		"00-" + traceA + "-" + spanA + "-01-more":              false,
		"ff-" + traceA + "-" + spanA + "-01":                   false,
		"00-00000000000000000000000000000000-" + spanA + "-01": false,
		"00-" + traceA + "-0000000000000000-01":                false,
		"00-4BF92F3577B34DA6A3CE929D0E0E4736-" + spanA + "-01": false,
		"00-" + traceA + "_" + spanA + "-01":                   false,
		"00-" + traceA[:31] + "g-" + spanA + "-01":             false,
	} {
		if c, ok := parseTraceParent([]byte(text)); ok != want || ok && hex.EncodeToString(c.Trace[:]) != traceA {
			t.Errorf("%q: %x, %v", text, c, ok)
		}
	}
}

// produceOf is a request that writes a batch to each of some partitions, in which records have these headers.
func produceOf(t *testing.T, codec record.Codec, partitions ...[]string) *listener.Request {
	t.Helper()
	rq := kmsg.NewPtrProduceRequest()
	rq.Version, rq.Topics = 9, []kmsg.ProduceRequestTopic{{Topic: "orders"}}
	for i, parents := range partitions {
		var records []record.Record
		for _, parent := range parents {
			one := record.Record{Value: []byte("v"), Headers: []record.Header{{Key: "other", Value: []byte(parentB)}}}
			if parent != "" {
				one.Headers = append(one.Headers, record.Header{Key: "traceparent", Value: []byte(parent)})
			}
			records = append(records, one)
		}
		spec := record.NewSpec()
		spec.Codec = codec
		batch, err := record.AppendBatch(nil, spec, records)
		if err != nil {
			t.Fatal(err)
		}
		rq.Topics[0].Partitions = append(rq.Topics[0].Partitions, kmsg.ProduceRequestTopicPartition{Partition: int32(i), Records: batch})
	}
	return &listener.Request{Conn: &listener.Conn{Listener: "PLAINTEXT"}, Header: wire.RequestHeader{Key: keyProduce, Version: 9}, Body: rq.AppendTo(nil)}
}

func TestTracesOfRecordsAreFound(t *testing.T) {
	for _, c := range []struct {
		name string
		rq   *listener.Request
		want int
	}{
		{"none", produceOf(t, record.Uncompressed, []string{"", ""}), 0},
		{"one, twice", produceOf(t, record.Uncompressed, []string{parentA, parentA, ""}), 1},
		{"compressed", produceOf(t, record.Zstd, []string{"", parentA}), 1},
		{"two partitions", produceOf(t, record.Uncompressed, []string{parentA}, []string{parentB}), 2},
		{"too far behind", produceOf(t, record.Uncompressed, append(make([]string, mostTracedRecords), parentA)), 0},
		{"garbage", &listener.Request{Header: wire.RequestHeader{Version: 9}, Body: []byte{1, 2, 3}}, 0},
	} {
		if got := tracesOf(c.rq); len(got) != c.want || got == nil {
			t.Errorf("%s: %x", c.name, got)
		}
	}
}

// TestSampledProduceRequestsGoOnWithTheTraceOfTheirRecords looks at what reaches a collector.
func TestSampledProduceRequestsGoOnWithTheTraceOfTheirRecords(t *testing.T) {
	got := make(chan []byte, 10)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		got <- body
	}))
	defer collector.Close()
	n := &node{ops: &operations{}}
	n.ops.export = otlp.NewExporter(collector.URL, slog.New(slog.DiscardHandler))
	defer n.ops.export.Close()
	bin := func(text string) []byte {
		b, err := hex.DecodeString(text)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	field := func(tag byte, data []byte) []byte { return append([]byte{tag<<3 | 2, byte(len(data))}, data...) }
	linkA := field(13, append(field(1, bin(traceA)), field(2, bin(spanA))...))
	for _, c := range []struct {
		name       string
		mark       any
		sent       bool
		goesOn     bool
		linkedAToo bool
	}{
		{"not sampled", nil, false, false, false},
		{"records without a trace", recordTraces{}, true, false, false},
		{"records of one trace", tracesOf(produceOf(t, record.Uncompressed, []string{parentA})), true, true, false},
		{"records of two", tracesOf(produceOf(t, record.Uncompressed, []string{parentA, parentB})), true, false, true},
	} {
		d := listener.Done{Conn: &listener.Conn{Listener: "PLAINTEXT"}, Key: keyProduce, Received: time.Unix(1, 0), Sent: time.Second, Mark: c.mark}
		n.trace(&d)
		if !c.sent {
			continue // the next one would be behind it
		}
		body := <-got
		if is := bytes.Contains(body, append(field(4, bin(spanA)), field(5, []byte("Produce"))...)) && bytes.Contains(body, field(1, bin(traceA))); is != c.goesOn {
			t.Errorf("%s: goes on with the trace: %v: %x", c.name, is, body)
		}
		if is := bytes.Contains(body, linkA); is != c.linkedAToo {
			t.Errorf("%s: is linked: %v: %x", c.name, is, body)
		}
	}
}

func TestASpanOfAClientWithoutAnIDNamesNone(t *testing.T) {
	got := make(chan []byte, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, rq *http.Request) {
		body, _ := io.ReadAll(rq.Body)
		got <- body
	}))
	defer collector.Close()
	n := &node{ops: &operations{}}
	n.ops.export = otlp.NewExporter(collector.URL, slog.New(slog.DiscardHandler))
	defer n.ops.export.Close()
	for _, id := range []string{"", "shop"} {
		n.trace(&listener.Done{Conn: &listener.Conn{Listener: "PLAINTEXT"}, Key: keyProduce, ClientID: id, Received: time.Unix(1, 0), Sent: time.Second, Mark: recordTraces{}})
		if body := <-got; bytes.Contains(body, []byte("messaging.client.id")) != (id != "") {
			t.Errorf("client ID %q: %q", id, body)
		}
	}
}
