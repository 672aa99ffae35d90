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
	if r.Topics == nil {
		m.electAll(t, r.ElectionType, resp)
	} else {
		m.electSome(t, r, resp)
	}
	t.last = func(time.Time, *decision) any { return resp }
	return m.run(now, t)
}

// electAll makes elections of every partition that may need one the task. Every topic is in the answer, as in Kafka.
func (m *Machine) electAll(t *task, kind int8, resp *kmsg.ElectLeadersResponse) {
	at := map[record.UUID]int{}
	for topic := range m.image().Topics("") {
		at[topic.ID] = len(resp.Topics)
		rt := kmsg.NewElectLeadersResponseTopic()
		rt.Topic = topic.Name
		resp.Topics = append(resp.Topics, rt)
	}
	t.find = func() []place { return m.in(m.index.unpreferred) }
	t.each = func(d *decision, p place) {
		topic, ok := m.image().TopicByID(p.topic)
		if !ok {
			return
		}
		if problem := m.electLeader(d, topic.Name, p.partition, kind); problem == nil || problem.code != kerr.ElectionNotNeeded {
			noteElection(&resp.Topics[at[p.topic]], p.partition, problem)
		}
	}
}

// electSome makes the elections asked for the task.
func (m *Machine) electSome(t *task, r *kmsg.ElectLeadersRequest, resp *kmsg.ElectLeadersResponse) {
	var of []int // index of the topic of each place
	t.find = func() (places []place) {
		for i, asked := range r.Topics {
			topic := kmsg.NewElectLeadersResponseTopic()
			topic.Topic = asked.Topic
			resp.Topics = append(resp.Topics, topic)
			for _, p := range asked.Partitions {
				places, of = append(places, place{partition: p}), append(of, i)
			}
		}
		return places
	}
	t.each = func(d *decision, p place) {
		topic := &resp.Topics[of[t.at.next]]
		noteElection(topic, p.partition, m.electLeader(d, topic.Topic, p.partition, r.ElectionType))
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
