package controller

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestLeadershipGoesBackSoonAfterAReplicaIsInSync has a first replica that comes back: it leads again after leat.leader.return.ms, and not before.
func TestLeadershipGoesBackSoonAfterAReplicaIsInSync(t *testing.T) {
	for _, c := range []struct {
		name string
		set  map[string]string
		wait time.Duration // until it leads; 0: it does not within a minute
	}{
		{"by default after a second", map[string]string{"leat.leader.return.ms": "1000"}, time.Second},
		{"at once if so configured", map[string]string{"leat.leader.return.ms": "0"}, time.Nanosecond},
		{"only every five minutes", map[string]string{"leat.leader.return.ms": "-1"}, 0},
		{"never without auto.leader.rebalance.enable", map[string]string{"leat.leader.return.ms": "1000", "auto.leader.rebalance.enable": "false"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, values(t, c.set), 3)
			w.m.limits, w.limit = defaultLimits, defaultLimits.records
			for id := int32(1); id <= 4; id++ {
				w.sync(id, false)
			}
			create := kmsg.NewPtrCreateTopicsRequest()
			topic := kmsg.NewCreateTopicsRequestTopic()
			topic.Topic, topic.NumPartitions, topic.ReplicationFactor = "orders", -1, -1
			topic.ReplicaAssignment = []kmsg.CreateTopicsRequestTopicReplicaAssignment{{Replicas: []int32{1, 2, 3}}}
			create.Topics = append(create.Topics, topic)
			w.do(create)
			for _, id := range []int32{1, 2, 3, 4, 1} {
				w.sync(id, id == 1) // it stops in order
			}
			w.brokers[1].incarnation = 0 // another process
			w.register(1)
			w.sync(1, false)
			leader := func() int32 {
				made, _ := w.m.image().Topic("orders")
				return made.Partitions[0].Leader
			}
			if leader() != 2 {
				t.Fatalf("broker %d leads after the first replica stopped", leader())
			}
			w.inSync("orders", 1, 2, 3)
			if made, _ := w.m.image().Topic("orders"); len(made.Partitions[0].ISR) != 3 {
				t.Fatalf("in sync: %v", made.Partitions[0].ISR)
			}
			began := w.now
			for w.now.Before(began.Add(time.Minute)) && leader() != 1 {
				next := w.now.Add(time.Second)
				if due := w.m.Due(); due.After(w.now) && due.Before(next) {
					next = due
				}
				w.now = next
				for id := int32(1); id <= 4; id++ {
					w.sync(id, false)
				}
				w.settle()
			}
			took := w.now.Sub(began)
			switch {
			case c.wait == 0 && leader() == 1:
				t.Errorf("led again after %v", took)
			case c.wait > 0 && (leader() != 1 || took < c.wait || took > c.wait+time.Second):
				t.Errorf("broker %d leads after %v, expected 1 after %v", leader(), took, c.wait)
			}
		})
	}
}

// sync is a heartbeat of a broker that has read the whole log.
func (w *world) sync(id int32, stop bool) {
	r := kmsg.NewPtrBrokerHeartbeatRequest()
	r.BrokerID, r.BrokerEpoch, r.CurrentMetadataOffset, r.WantShutdown = id, w.brokers[id].epoch, int64(len(w.entries)-1), stop
	w.do(r)
}

// inSync is the word of a topic's leader on who is in sync.
func (w *world) inSync(topic string, isr ...int32) {
	t, _ := w.m.image().Topic(topic)
	p := t.Partitions[0]
	r := kmsg.NewPtrAlterPartitionRequest()
	r.Version, r.BrokerID, r.BrokerEpoch = 3, p.Leader, w.brokers[p.Leader].epoch
	a := kmsg.NewAlterPartitionRequestTopicPartition()
	a.LeaderEpoch, a.PartitionEpoch = p.LeaderEpoch, p.PartitionEpoch
	for _, id := range isr {
		a.NewEpochISR = append(a.NewEpochISR, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: id, BrokerEpoch: -1})
	}
	asked := kmsg.NewAlterPartitionRequestTopic()
	asked.TopicID, asked.Partitions = t.ID, append(asked.Partitions, a)
	r.Topics = append(r.Topics, asked)
	w.do(r)
}
