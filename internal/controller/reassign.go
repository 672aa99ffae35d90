package controller

import (
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// alterReassignments sets partitions on their way to other replicas, or calls them back (null replicas).
func (m *Machine) alterReassignments(now time.Time, r *kmsg.AlterPartitionAssignmentsRequest) answer {
	resp := r.ResponseKind().(*kmsg.AlterPartitionAssignmentsResponse)
	resp.AllowReplicationFactorChange = r.AllowReplicationFactorChange
	t := newTask()
	var asked []*kmsg.AlterPartitionAssignmentsRequestTopicPartition
	var answers []*kmsg.AlterPartitionAssignmentsResponseTopicPartition
	var names []string
	t.find = func() []place {
		places, topics := []place(nil), make([]kmsg.AlterPartitionAssignmentsResponseTopic, len(r.Topics))
		for i := range r.Topics {
			topics[i] = kmsg.NewAlterPartitionAssignmentsResponseTopic()
			topics[i].Topic = r.Topics[i].Topic
			topics[i].Partitions = make([]kmsg.AlterPartitionAssignmentsResponseTopicPartition, len(r.Topics[i].Partitions))
			for j := range r.Topics[i].Partitions {
				p := &r.Topics[i].Partitions[j]
				topics[i].Partitions[j] = kmsg.NewAlterPartitionAssignmentsResponseTopicPartition()
				topics[i].Partitions[j].Partition = p.Partition
				places, asked = append(places, place{partition: p.Partition}), append(asked, p)
				answers, names = append(answers, &topics[i].Partitions[j]), append(names, r.Topics[i].Topic)
			}
		}
		resp.Topics = topics
		return places
	}
	t.each = func(d *decision, at place) {
		i := t.at.next
		problem := m.reassignOne(d, names[i], at.partition, asked[i].Replicas, r.AllowReplicationFactorChange)
		answers[i].ErrorCode, answers[i].ErrorMessage = problem.Code(), problem.Message()
	}
	t.last = func(time.Time, *decision) any { return resp }
	return m.run(now, t)
}

func (m *Machine) reassignOne(d *decision, name string, partition int32, target []int32, otherFactor bool) *refusal {
	topic, ok := m.image().Topic(name)
	if !ok {
		return refuse(kerr.UnknownTopicOrPartition, "Unable to find a topic named %s.", name)
	}
	at := place{topic.ID, partition}
	p := d.partition(at)
	if p == nil {
		return refuse(kerr.UnknownTopicOrPartition, "Unable to find partition %s:%d.", name, partition)
	}
	if target == nil {
		return m.cancelReassignment(d, name, at, p)
	}
	if problem := m.checkAssignment(target, 0); problem != nil {
		return problem
	}
	if had := len(goal(p)); !otherFactor && had != len(target) {
		return refuse(kerr.InvalidReplicationFactor, "The replication factor is changed from %d to %d", had, len(target))
	}
	c := d.begin(at)
	c.election = keepLeader
	c.reassign(target)
	d.end(c)
	return nil
}

// goal is the replicas that a partition has when its reassignment is complete.
func goal(p *metadata.Partition) []int32 { return without(p.Replicas, p.Removing) }

func (m *Machine) cancelReassignment(d *decision, name string, at place, p *metadata.Partition) *refusal {
	if !reassigning(p) {
		return refuse(kerr.NoReassignmentInProgress, "") // Kafka leaves out what the code says already
	}
	c := d.begin(at)
	unclean, possible := c.cancel()
	if !possible {
		return refuse(kerr.InvalidReplicaAssignment, "Invalid replica assignment: addingReplicas contains all replicas.")
	}
	if unclean && c.election != takeAnyone {
		return refuse(kerr.InvalidReplicaAssignment,
			"Unable to revert partition assignment for %s:%d because it would require an unclean leader election.", name, at.partition)
	}
	d.end(c)
	return nil
}

// listReassignments lists the partitions that are on their way to other replicas, of those asked for or of all.
func (m *Machine) listReassignments(r *kmsg.ListPartitionReassignmentsRequest) answer {
	resp := r.ResponseKind().(*kmsg.ListPartitionReassignmentsResponse)
	if r.Topics == nil {
		for _, at := range m.in(m.index.reassigning) {
			t, _ := m.image().TopicByID(at.topic)
			if n := len(resp.Topics); n == 0 || resp.Topics[n-1].Topic != t.Name {
				resp.Topics = append(resp.Topics, kmsg.ListPartitionReassignmentsResponseTopic{Topic: t.Name})
			}
			last := &resp.Topics[len(resp.Topics)-1]
			last.Partitions = append(last.Partitions, ongoing(at.partition, t.Partitions[at.partition]))
		}
		return answer{response: resp}
	}
	for _, asked := range r.Topics {
		t, ok := m.image().Topic(asked.Topic)
		if !ok {
			continue
		}
		topic := kmsg.NewListPartitionReassignmentsResponseTopic()
		topic.Topic = t.Name
		for _, i := range asked.Partitions {
			if p := partitionAt(m.image(), place{t.ID, i}); p != nil && reassigning(p) {
				topic.Partitions = append(topic.Partitions, ongoing(i, p))
			}
		}
		if len(topic.Partitions) > 0 {
			resp.Topics = append(resp.Topics, topic)
		}
	}
	return answer{response: resp}
}

func ongoing(i int32, p *metadata.Partition) kmsg.ListPartitionReassignmentsResponseTopicPartition {
	out := kmsg.NewListPartitionReassignmentsResponseTopicPartition()
	out.Partition, out.Replicas, out.AddingReplicas, out.RemovingReplicas = i, p.Replicas, p.Adding, p.Removing
	return out
}
