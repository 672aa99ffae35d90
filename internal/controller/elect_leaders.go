package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// Kinds of election, with the protocol's numbers.
const (
	preferredElection = 0
	uncleanElection   = 1
)

// electLeaders moves leadership to the first replica of each partition, or gives partitions without a leader any replica that is alive. Null
// topics ask for every partition of the cluster; those that need no election are then left out of the answer.
func (m *Machine) electLeaders(r *kmsg.ElectLeadersRequest) answer {
	resp := r.ResponseKind().(*kmsg.ElectLeadersResponse)
	if r.ElectionType != preferredElection && r.ElectionType != uncleanElection {
		return answer{response: refuseElections(r, resp, refuse(kerr.InvalidRequest, "Unknown election type %d", r.ElectionType))}
	}
	var records []Record
	if r.Topics == nil {
		for t := range m.image().Topics("") {
			topic := kmsg.NewElectLeadersResponseTopic()
			topic.Topic = t.Name
			for i := range t.Partitions {
				record, problem := m.electLeader(t.Name, int32(i), r.ElectionType)
				if problem != nil && problem.code == kerr.ElectionNotNeeded {
					continue
				}
				records = noteElection(&topic, int32(i), record, problem, records)
			}
			resp.Topics = append(resp.Topics, topic)
		}
		return answer{resp, records}
	}
	type place struct {
		topic     string
		partition int32
	}
	elected := map[place]bool{} // a partition that is named twice changes once
	for _, t := range r.Topics {
		topic := kmsg.NewElectLeadersResponseTopic()
		topic.Topic = t.Topic
		for _, i := range t.Partitions {
			record, problem := m.electLeader(t.Topic, i, r.ElectionType)
			at := place{t.Topic, i}
			if elected[at] {
				record = nil
			}
			if records = noteElection(&topic, i, record, problem, records); record != nil {
				elected[at] = true
			}
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return answer{resp, records}
}

// noteElection adds the outcome of one election to the answer, and its record, if any, to the records.
func noteElection(topic *kmsg.ElectLeadersResponseTopic, partition int32, record Record, problem *refusal, records []Record) []Record {
	p := kmsg.NewElectLeadersResponseTopicPartition()
	p.Partition, p.ErrorCode, p.ErrorMessage = partition, problem.Code(), problem.Message()
	topic.Partitions = append(topic.Partitions, p)
	if record != nil {
		records = append(records, record)
	}
	return records
}

// refuseElections answers every partition with the same problem: version 0 has no error for the whole.
func refuseElections(r *kmsg.ElectLeadersRequest, resp *kmsg.ElectLeadersResponse, problem *refusal) *kmsg.ElectLeadersResponse {
	resp.ErrorCode = problem.Code()
	for _, t := range r.Topics {
		topic := kmsg.NewElectLeadersResponseTopic()
		topic.Topic = t.Topic
		for _, i := range t.Partitions {
			noteElection(&topic, i, nil, problem, nil)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// electLeader holds the election of one partition.
func (m *Machine) electLeader(topic string, partition int32, kind int8) (Record, *refusal) {
	t, ok := m.image().Topic(topic)
	if !ok {
		return nil, refuse(kerr.UnknownTopicOrPartition, "No such topic as %s", topic)
	}
	if partition < 0 || int(partition) >= len(t.Partitions) {
		return nil, refuse(kerr.UnknownTopicOrPartition, "No such partition as %s-%d", topic, partition)
	}
	p := t.Partitions[partition]
	if kind == preferredElection && p.Leader == p.Replicas[0] || kind == uncleanElection && p.Leader >= 0 {
		return nil, refuse(kerr.ElectionNotNeeded, "%s", kerr.ElectionNotNeeded.Description)
	}
	c := &partitionChange{was: p, isr: p.ISR, unclean: -1, minISR: m.minISR(topic), elrOn: m.elrEnabled(), alive: m.active,
		preferred: kind == preferredElection, anyLeader: kind == uncleanElection}
	if r := metadata.NewPartitionChange(t.ID, partition); c.build(r) {
		return r, nil
	}
	if kind == preferredElection {
		return nil, refuse(kerr.PreferredLeaderNotAvailable, "%s", kerr.PreferredLeaderNotAvailable.Description)
	}
	return nil, refuse(kerr.EligibleLeadersNotAvailable, "%s", kerr.EligibleLeadersNotAvailable.Description)
}
