package broker

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/quota"
	"leat/internal/record"
)

// limit gives a client id a quota.
func (n *node) limit(clientID, key string, value float64) {
	n.publish(&metadata.ClientQuotaRecord{Entity: []metadata.QuotaEntityPart{{EntityType: metadata.QuotaClientID, EntityName: &clientID}}, QuotaKey: key, Value: value,
		Remove: value == 0})
}

func TestProducersOverTheirQuotaWait(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.limit("test", "producer_byte_rate", 10_000)
	c, other := n.dial(), n.dial()
	defer c.close()
	defer other.close()
	other.id = "other"
	batch := plainBatch(strings.Repeat("x", 52_000)) // twice, for the key
	began := time.Now()                              // before it is told to wait: when the answer is read, part of the wait may be over
	first := ask[*kmsg.ProduceResponse](c, produceRequest("orders", 1, batch), 12)
	if first.ThrottleMillis < 300 || first.ThrottleMillis > 600 {
		t.Errorf("104 kB, of 100 kB that were saved: throttled for %d ms", first.ThrottleMillis)
	}
	if resp := ask[*kmsg.ProduceResponse](other, produceRequest("orders", 1, batch), 12); resp.ThrottleMillis != 0 {
		t.Errorf("another client is throttled for %d ms", resp.ThrottleMillis)
	}
	if resp := ask[*kmsg.ApiVersionsResponse](c, kmsg.NewPtrApiVersionsRequest(), 2); resp.ErrorCode != 0 {
		t.Error(resp.ErrorCode)
	}
	if took, told := time.Since(began), time.Duration(first.ThrottleMillis)*time.Millisecond; took < told {
		t.Errorf("the next request of a connection that is throttled for %v is answered after %v", told, took)
	}
	n.limit("test", "producer_byte_rate", 0)
	if resp := ask[*kmsg.ProduceResponse](c, produceRequest("orders", 1, batch), 12); resp.ThrottleMillis != 0 {
		t.Errorf("throttled for %d ms after the quota is gone", resp.ThrottleMillis)
	}
}

// TestWhoComesAnewForEveryRequestWaitsToo: it is a connection that is muted, but a client that has a quota.
func TestWhoComesAnewForEveryRequestWaitsToo(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.limit("test", "producer_byte_rate", 20_000)
	batch := plainBatch(strings.Repeat("x", 50_000)) // twice, for the key
	began := time.Now()
	for range 4 { // 400 kB, of 200 kB that were saved
		c := n.dial()
		if resp := ask[*kmsg.ProduceResponse](c, produceRequest("orders", 1, batch), 12); resp.Topics[0].Partitions[0].ErrorCode != 0 {
			t.Error(resp.Topics[0].Partitions[0].ErrorCode)
		}
		c.close()
	}
	if took := time.Since(began); took < 4*time.Second {
		t.Errorf("four connections wrote 400 kB in %v, the quota is 20 kB/s", took)
	}
	if held := n.h.meters.held.Load(); held != 0 {
		t.Errorf("%d bytes are held back", held)
	}
}

func TestFetchesOverTheQuotaAreAnsweredEmpty(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.makeTopic("orders", 1)
	for range 4 {
		n.produceTo("orders", 0, strings.Repeat("x", 30_000))
	}
	n.limit("test", "consumer_byte_rate", 10_000)
	c := n.dial()
	defer c.close()
	rq := fetchRequest("orders", 0)
	rq.SessionEpoch = fullFetchEpoch
	got := c.fetch(12, rq)
	if got.ThrottleMillis != 0 || len(got.Topics[0].Partitions[0].RecordBatches) != 60_075 {
		t.Fatalf("throttled for %d ms, %d bytes, want the one batch that fits the window", got.ThrottleMillis, len(got.Topics[0].Partitions[0].RecordBatches))
	}
	again := fetchRequest("orders", 0)
	again.SessionID, again.SessionEpoch = got.SessionID, firstIncremental
	empty := c.fetch(12, again)
	if empty.ThrottleMillis <= 0 || len(empty.Topics) != 0 || empty.ErrorCode != 0 || empty.SessionID != got.SessionID {
		t.Errorf("throttled for %d ms, %d topics, error %d, session %d of %d", empty.ThrottleMillis, len(empty.Topics), empty.ErrorCode, empty.SessionID, got.SessionID)
	}
	n.limit("test", "consumer_byte_rate", 0)
	last := fetchRequest("orders", 0)
	last.SessionID, last.SessionEpoch = got.SessionID, firstIncremental+1
	if full := c.fetch(12, last); full.ThrottleMillis != 0 || len(full.Topics) != 1 {
		t.Errorf("the session goes on with %d topics, throttled for %d ms", len(full.Topics), full.ThrottleMillis)
	}
}

func TestRequestTimeIsCounted(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	n.limit("test", "request_percentage", 1e-6)
	c := n.dial()
	defer c.close()
	rq := kmsg.NewPtrMetadataRequest()
	if resp := ask[*kmsg.MetadataResponse](c, rq, 12); resp.ThrottleMillis != 1000 { // a sample at most
		t.Errorf("throttled for %d ms, want 1000", resp.ThrottleMillis)
	}
	c.id = "other"
	n.limit("test", "request_percentage", 0)
	if resp := ask[*kmsg.MetadataResponse](c, rq, 12); resp.ThrottleMillis != 0 {
		t.Errorf("another client id is throttled for %d ms", resp.ThrottleMillis)
	}
}

// A client that makes up names wins nothing by it, and neither does it take memory.
func TestMetersAreBounded(t *testing.T) {
	m := meters{window: quota.Usual, all: map[quota.Who]*meter{}}
	now, throttled := int64(1_000_000), 0
	for i := range 3 * mostMeters {
		x := m.of(quota.Who{OfClient: true, ClientID: fmt.Sprint(i)}, 1000, 1, now)
		if x.record(1000, now) > 0 {
			throttled++
		}
	}
	if len(m.all) > mostMeters+1 || throttled < 2*mostMeters-20 {
		t.Errorf("%d meters, %d of %d new names throttled", len(m.all), throttled, 3*mostMeters)
	}
	first := m.all[quota.Who{OfClient: true, ClientID: "0"}]
	now += 20_000
	m.of(quota.Who{OfClient: true, ClientID: "late"}, 1000, 1, now)
	if len(m.all) > 2 || first.current() {
		t.Errorf("%d meters after all were idle; the first is current: %v", len(m.all), first.current())
	}
}

func TestLimitOfAnOlderImageDoesNotComeBack(t *testing.T) {
	m := meters{window: quota.Usual, all: map[quota.Who]*meter{}}
	who := quota.Who{OfUser: true, User: "ann"}
	m.of(who, 5, 7, 1)
	if x := m.of(who, 3, 6, 1); x.limit != 5 {
		t.Errorf("limit %g, want that of the newest image", x.limit)
	}
}

// BenchmarkProduceUnderQuota is BenchmarkProduce with a quota that is far away.
func BenchmarkProduceUnderQuota(b *testing.B) {
	n := newNode(b)
	defer n.stop()
	n.makeTopic("orders", 1)
	n.limit("bench", "producer_byte_rate", 1e15)
	n.limit("bench", "request_percentage", 1e9)
	c := n.dial()
	defer c.close()
	batch := plainBatch(strings.Repeat("x", (1024-record.HeaderSize-12)/2))
	frame, buf := frameOf(produceRequest("orders", 1, batch), 12), make([]byte, 4096)
	b.SetBytes(int64(len(batch)))
	b.ReportAllocs()
	for b.Loop() {
		exchange(b, c.conn, frame, buf)
	}
}
