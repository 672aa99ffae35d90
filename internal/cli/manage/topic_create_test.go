package manage

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestANewTopicIsKnownToAll: whoever makes one and then asks any broker of it finds it.
func TestANewTopicIsKnownToAll(t *testing.T) {
	at := startCluster(t, 3)
	does(t, at, "cluster", "health", "--wait", "2m")
	cl, err := kgo.NewClient(kgo.SeedBrokers(at))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	if err := cl.Ping(t.Context()); err != nil { // the client hears which brokers there are
		t.Fatal(err)
	}
	for i := range 10 {
		name := fmt.Sprint("orders-", i)
		does(t, at, "topic", "create", name, "-p", "20", "-r", "3")
		for id := 1; id <= 3; id++ {
			rq := kmsg.NewPtrMetadataRequest()
			rt := kmsg.NewMetadataRequestTopic()
			rt.Topic = &name
			rq.Topics = append(rq.Topics, rt)
			answer, err := cl.Broker(id).Request(t.Context(), rq)
			if err != nil {
				t.Fatal(err)
			}
			if topics := answer.(*kmsg.MetadataResponse).Topics; len(topics) != 1 || topics[0].ErrorCode != 0 || len(topics[0].Partitions) != 20 {
				t.Errorf("broker %d of a topic that was made: %+v", id, topics)
			}
		}
	}
}
