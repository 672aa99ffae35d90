package controller

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

// assignDirs notes in which of its directories a broker keeps its replicas (KIP-858). A replica that it puts into a directory that does not
// work is in sync no more.
func (m *Machine) assignDirs(now time.Time, r *kmsg.AssignReplicasToDirsRequest) answer {
	resp := r.ResponseKind().(*kmsg.AssignReplicasToDirsResponse)
	if m.image().Feature(metadata.FeatureMetadataVersion) < levelDirs {
		resp.ErrorCode = kerr.UnsupportedVersion.Code
		return answer{response: resp}
	}
	if _, problem := m.checkBrokerEpoch(r.BrokerID, r.BrokerEpoch); problem != nil {
		resp.ErrorCode = problem.Code()
		return answer{response: resp}
	}
	t := newTask()
	var dirs []record.UUID
	var answers []*kmsg.AssignReplicasToDirsResponseDirectoryTopicPartition
	t.find = func() (places []place) {
		for i := range r.Directories {
			asked := &r.Directories[i]
			dir := kmsg.NewAssignReplicasToDirsResponseDirectory()
			dir.ID, dir.Topics = asked.ID, make([]kmsg.AssignReplicasToDirsResponseDirectoryTopic, len(asked.Topics))
			for j := range asked.Topics {
				topic := kmsg.NewAssignReplicasToDirsResponseDirectoryTopic()
				topic.TopicID = asked.Topics[j].TopicID
				topic.Partitions = make([]kmsg.AssignReplicasToDirsResponseDirectoryTopicPartition, len(asked.Topics[j].Partitions))
				for k, p := range asked.Topics[j].Partitions {
					topic.Partitions[k].Partition = p.Partition
					places, dirs = append(places, place{topic.TopicID, p.Partition}), append(dirs, asked.ID)
					answers = append(answers, &topic.Partitions[k])
				}
				dir.Topics[j] = topic
			}
			resp.Directories = append(resp.Directories, dir)
		}
		return places
	}
	t.each = func(d *decision, at place) {
		answers[t.at.next].ErrorCode = m.assignDir(d, at, r.BrokerID, dirs[t.at.next]).Code()
	}
	t.last = func(time.Time, *decision) any { return resp }
	return m.run(now, t)
}

func (m *Machine) assignDir(d *decision, at place, broker int32, dir record.UUID) *refusal {
	if _, ok := m.image().TopicByID(at.topic); !ok {
		return refuse(kerr.UnknownTopicID, "")
	}
	p := d.partition(at)
	if p == nil {
		return refuse(kerr.UnknownTopicOrPartition, "")
	}
	if !slices.Contains(p.Replicas, broker) {
		return refuse(kerr.NotLeaderForPartition, "")
	}
	c := d.begin(at)
	c.moved = map[int32]record.UUID{broker: dir}
	if m.online(broker, dir) {
		c.election = keepLeader
	} else {
		c.isr = without(c.isr, []int32{broker})
	}
	d.end(c)
	return nil
}
