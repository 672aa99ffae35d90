package controller

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// alterPartition is a leader's word on who is in sync with it. What it may say is checked against the epochs: a leader that was replaced,
// or that did not see the last change, is told so and changes nothing.
func (m *Machine) alterPartition(now time.Time, r *kmsg.AlterPartitionRequest) answer {
	resp := r.ResponseKind().(*kmsg.AlterPartitionResponse)
	if _, problem := m.checkBrokerEpoch(r.BrokerID, r.BrokerEpoch); problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	t := newTask()
	var asked []*kmsg.AlterPartitionRequestTopicPartition
	var answers []*kmsg.AlterPartitionResponseTopicPartition
	t.find = func() []place {
		places, topics := []place(nil), make([]kmsg.AlterPartitionResponseTopic, len(r.Topics))
		for i := range r.Topics {
			topics[i] = kmsg.NewAlterPartitionResponseTopic()
			topics[i].TopidID = r.Topics[i].TopicID
			topics[i].Partitions = make([]kmsg.AlterPartitionResponseTopicPartition, len(r.Topics[i].Partitions))
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				topics[i].Partitions[j] = kmsg.NewAlterPartitionResponseTopicPartition()
				topics[i].Partitions[j].Partition = p.Partition
				places, asked = append(places, place{r.Topics[i].TopicID, p.Partition}), append(asked, p)
				answers = append(answers, &topics[i].Partitions[j])
			}
		}
		resp.Topics = topics
		return places
	}
	t.each = func(d *decision, at place) {
		m.alterOnePartition(d, at, r, asked[t.at.next], answers[t.at.next])
	}
	t.last = func(time.Time, *decision) any { return resp }
	return m.run(now, t)
}

func (m *Machine) alterOnePartition(d *decision, at place, r *kmsg.AlterPartitionRequest,
	asked *kmsg.AlterPartitionRequestTopicPartition, out *kmsg.AlterPartitionResponseTopicPartition) {
	if _, ok := m.image().TopicByID(at.topic); !ok {
		out.ErrorCode = kerr.UnknownTopicID.Code
		return
	}
	out.ErrorCode = 0
	p := d.partition(at)
	isr := inSync(r.Version, asked)
	if code := m.checkAlteration(p, r.BrokerID, asked, isr); code != nil {
		out.ErrorCode = code.Code
		return
	}
	c := d.begin(at)
	c.isr, c.recovering = make([]int32, 0, len(isr)), asked.LeaderRecoveryState == 1
	for _, b := range isr {
		c.isr = append(c.isr, b.BrokerID)
	}
	if d.end(c) {
		p = d.partition(at)
		m.returned(p)
		if p.Leader != r.BrokerID {
			// The change ended a reassignment that took the partition away from the one who asks.
			out.ErrorCode = kerr.NewLeaderElected.Code
			return
		}
	}
	out.LeaderID, out.LeaderEpoch, out.PartitionEpoch, out.ISR = p.Leader, p.LeaderEpoch, p.PartitionEpoch, p.ISR
	if p.LeaderRecovering {
		out.LeaderRecoveryState = 1
	}
}

// inSync is the in-sync set that is asked for, in the form of the newest version: those before say no broker epochs.
func inSync(version int16, asked *kmsg.AlterPartitionRequestTopicPartition) []kmsg.AlterPartitionRequestTopicPartitionNewEpochISR {
	if version >= 3 {
		return asked.NewEpochISR
	}
	var out []kmsg.AlterPartitionRequestTopicPartitionNewEpochISR
	for _, id := range asked.NewISR {
		out = append(out, kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: id, BrokerEpoch: -1})
	}
	return out
}

// checkAlteration refuses what a leader may not say, in Kafka's order. An epoch from the future means that this controller is behind the
// one that the broker heard of.
func (m *Machine) checkAlteration(p *metadata.Partition, leader int32, asked *kmsg.AlterPartitionRequestTopicPartition,
	isr []kmsg.AlterPartitionRequestTopicPartitionNewEpochISR) *kerr.Error {
	switch {
	case p == nil:
		return kerr.UnknownTopicOrPartition
	case asked.LeaderEpoch > p.LeaderEpoch, asked.PartitionEpoch > p.PartitionEpoch:
		return kerr.NotController
	case asked.LeaderEpoch < p.LeaderEpoch:
		return kerr.FencedLeaderEpoch
	case leader != p.Leader:
		return kerr.InvalidRequest
	case asked.PartitionEpoch < p.PartitionEpoch:
		return kerr.InvalidUpdateVersion
	case !validInSync(p, isr):
		return kerr.InvalidRequest
	case asked.LeaderRecoveryState == 1 && (len(isr) > 1 || !p.LeaderRecovering):
		return kerr.InvalidRequest
	case asked.LeaderRecoveryState != 0 && asked.LeaderRecoveryState != 1:
		return kerr.InvalidRequest
	}
	for _, b := range isr {
		if !m.eligibleInSync(b) {
			return kerr.IneligibleReplica
		}
	}
	return nil
}

// validInSync reports whether an in-sync set is one of a partition: replicas of it, each once, the leader among them.
func validInSync(p *metadata.Partition, isr []kmsg.AlterPartitionRequestTopicPartitionNewEpochISR) bool {
	leader := false
	for i, b := range isr {
		if !slices.Contains(p.Replicas, b.BrokerID) {
			return false
		}
		for _, before := range isr[:i] {
			if before.BrokerID == b.BrokerID {
				return false
			}
		}
		leader = leader || b.BrokerID == p.Leader
	}
	return leader
}

// eligibleInSync reports whether a broker may be in sync: one that is stopping or was restarted since would be so only on paper.
func (m *Machine) eligibleInSync(b kmsg.AlterPartitionRequestTopicPartitionNewEpochISR) bool {
	registered, ok := m.image().Broker(b.BrokerID)
	return ok && m.active(b.BrokerID) && (b.BrokerEpoch == -1 || b.BrokerEpoch == registered.Epoch)
}
