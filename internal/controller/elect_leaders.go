package controller

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// Kinds of election, with the protocol's numbers.
const (
	preferredElection = 0
	uncleanElection   = 1
)

// electLeaders moves leadership to the first replica of each partition, or gives partitions without a leader any replica that is alive. Null
// topics ask for every partition of the cluster; those that need no election are then left out of the answer.
func (m *Machine) electLeaders(now time.Time, r *kmsg.ElectLeadersRequest) answer {
	resp := r.ResponseKind().(*kmsg.ElectLeadersResponse)
	if r.ElectionType != preferredElection && r.ElectionType != uncleanElection {
		return answer{response: refuseElections(r, resp, refuse(kerr.InvalidRequest, "Unknown election type %d", r.ElectionType))}
	}
	t := newTask()
	var of []string // the topic of each place
	t.find = func() (places []place) {
		if r.Topics == nil {
			return m.in(m.index.unpreferred)
		}
		for _, topic := range r.Topics {
			for _, p := range topic.Partitions {
				places, of = append(places, place{partition: p}), append(of, topic.Topic)
			}
		}
		return places
	}
	outcomes := map[int]*refusal{}
	t.each = func(d *decision, at place) {
		if r.Topics != nil {
			outcomes[t.at.next] = m.electLeader(d, of[t.at.next], at.partition, r.ElectionType)
		} else if topic, ok := m.image().TopicByID(at.topic); ok {
			outcomes[t.at.next] = m.electLeader(d, topic.Name, at.partition, r.ElectionType)
		}
	}
	t.last = func(time.Time, *decision) any {
		if r.Topics == nil {
			m.answerAll(resp, t.places, outcomes)
		} else {
			answerSome(resp, r, outcomes)
		}
		return resp
	}
	return m.run(now, t)
}

// answerAll answers for every topic of the cluster, as Kafka does; partitions that needed no election are left out.
func (m *Machine) answerAll(resp *kmsg.ElectLeadersResponse, places []place, outcomes map[int]*refusal) {
	at := map[record.UUID]int{}
	for topic := range m.image().Topics("") {
		at[topic.ID] = len(resp.Topics)
		resp.Topics = append(resp.Topics, kmsg.ElectLeadersResponseTopic{Topic: topic.Name})
	}
	for i, p := range places {
		problem, held := outcomes[i]
		if topic, ok := at[p.topic]; ok && held && (problem == nil || problem.code != kerr.ElectionNotNeeded) {
			noteElection(&resp.Topics[topic], p.partition, problem)
		}
	}
}

// answerSome answers for the partitions that were asked for, in their order.
func answerSome(resp *kmsg.ElectLeadersResponse, r *kmsg.ElectLeadersRequest, outcomes map[int]*refusal) {
	i := 0
	for _, asked := range r.Topics {
		topic := kmsg.ElectLeadersResponseTopic{Topic: asked.Topic}
		for _, p := range asked.Partitions {
			noteElection(&topic, p, outcomes[i])
			i++
		}
		resp.Topics = append(resp.Topics, topic)
	}
}

// noteElection adds the outcome of one election to the answer.
func noteElection(topic *kmsg.ElectLeadersResponseTopic, partition int32, problem *refusal) {
	p := kmsg.NewElectLeadersResponseTopicPartition()
	p.Partition, p.ErrorCode, p.ErrorMessage = partition, problem.Code(), problem.Message()
	topic.Partitions = append(topic.Partitions, p)
}

// refuseElections answers every partition with the same problem: version 0 has no error for the whole.
func refuseElections(r *kmsg.ElectLeadersRequest, resp *kmsg.ElectLeadersResponse, problem *refusal) *kmsg.ElectLeadersResponse {
	resp.ErrorCode = problem.Code()
	for _, t := range r.Topics {
		topic := kmsg.NewElectLeadersResponseTopic()
		topic.Topic = t.Topic
		for _, i := range t.Partitions {
			noteElection(&topic, i, problem)
		}
		resp.Topics = append(resp.Topics, topic)
	}
	return resp
}

// electLeader holds the election of one partition.
func (m *Machine) electLeader(d *decision, topic string, partition int32, kind int8) *refusal {
	t, ok := m.image().Topic(topic)
	if !ok {
		return refuse(kerr.UnknownTopicOrPartition, "No such topic as %s", topic)
	}
	at := place{t.ID, partition}
	p := partitionAt(m.image(), at)
	if p == nil {
		return refuse(kerr.UnknownTopicOrPartition, "No such partition as %s-%d", topic, partition)
	}
	if kind == preferredElection && p.Leader == p.Replicas[0] || kind == uncleanElection && p.Leader >= 0 {
		return refuse(kerr.ElectionNotNeeded, "%s", kerr.ElectionNotNeeded.Description)
	}
	if _, twice := d.changed[at]; twice {
		return nil // named twice: changed once
	}
	c := d.begin(at)
	c.election = preferFirst
	if kind == uncleanElection {
		c.election = takeAnyone
	}
	if d.end(c) {
		return nil
	}
	if kind == preferredElection {
		return refuse(kerr.PreferredLeaderNotAvailable, "%s", kerr.PreferredLeaderNotAvailable.Description)
	}
	return refuse(kerr.EligibleLeadersNotAvailable, "%s", kerr.EligibleLeadersNotAvailable.Description)
}
