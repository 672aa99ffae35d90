package controller

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestStoppingBrokerIsLetGoOnceTheLogIsRead has nothing written after the records that took the leaderships away: a broker says the offset of the
// last record that it has read, so one more may not be waited for.
func TestStoppingBrokerIsLetGoOnceTheLogIsRead(t *testing.T) {
	w := newWorld(t, values(t, nil), 1)
	w.limit = defaultLimits.records
	w.m.limits = defaultLimits
	beat := func(id int32, offset int64, stop bool) *kmsg.BrokerHeartbeatResponse {
		r := kmsg.NewPtrBrokerHeartbeatRequest()
		r.BrokerID, r.BrokerEpoch, r.CurrentMetadataOffset, r.WantShutdown = id, w.brokers[id].epoch, offset, stop
		resp := w.do(r)
		w.settle()
		answer, _ := resp.(*kmsg.BrokerHeartbeatResponse)
		if answer == nil {
			t.Fatalf("broker %d is answered %v", id, resp)
		}
		return answer
	}
	for id := int32(1); id <= 4; id++ {
		beat(id, int64(len(w.entries)-1), false)
	}
	create := kmsg.NewPtrCreateTopicsRequest()
	create.Topics = []kmsg.CreateTopicsRequestTopic{kmsg.NewCreateTopicsRequestTopic()}
	create.Topics[0].Topic, create.Topics[0].NumPartitions, create.Topics[0].ReplicationFactor = "topic", 8, 3
	w.do(create)
	if beat(1, int64(len(w.entries)-1), true).ShouldShutdown {
		t.Fatal("broker 1 leads and is let go")
	}
	last := int64(len(w.entries) - 1)
	beat(2, last, false)
	beat(3, last-1, false)
	beat(4, last, false)
	if beat(1, last, true).ShouldShutdown {
		t.Error("broker 1 is let go before broker 3 has read the last record")
	}
	beat(3, last, false)
	if !beat(1, last, true).ShouldShutdown {
		t.Error("broker 1 is not let go although all have read the last record")
	}
}
