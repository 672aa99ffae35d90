package controller

import (
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// Commands of the stories that only brokers give, and those about replicas.

// dirs reads ids of directories, written as in the answers; "none" is none.
func dirs(text string) [][16]byte {
	out := [][16]byte{}
	for _, d := range strings.Split(text, ",") {
		if d == "" || d == "none" {
			continue
		}
		n := number(d)
		out = append(out, [16]byte{0: byte(n >> 8), 15: byte(n)})
	}
	return out
}

func (s *story) topicID(name string) [16]byte {
	if t, ok := s.driver.Machine.(*Machine).image().Topic(name); ok {
		return t.ID
	}
	return [16]byte{99}
}

func controllerRequest(words []string) kmsg.Request {
	r := kmsg.NewPtrControllerRegistrationRequest()
	r.ControllerID = number(words[0])
	r.IncarnationID = [16]byte{15: byte(200 + r.ControllerID)}
	o := options(words[1:])
	for _, f := range metadata.SupportedFeatures() {
		rf := kmsg.ControllerRegistrationRequestFeature{Name: f.Name, MinSupportedVersion: f.Range.Min, MaxSupportedVersion: f.Range.Max}
		if levels, given := o[f.Name]; given {
			lo, hi, _ := strings.Cut(levels, "-")
			rf.MinSupportedVersion, rf.MaxSupportedVersion = int16(number(lo)), int16(number(hi))
		}
		r.Features = append(r.Features, rf)
	}
	return r
}

func (s *story) alterRequest(items [][]string) kmsg.Request {
	r := kmsg.NewPtrAlterPartitionRequest()
	r.Version, r.BrokerID = 3, number(items[0][0])
	r.BrokerEpoch = s.epoch(r.BrokerID, options(items[0]))
	items[0] = slices.DeleteFunc(items[0][1:], func(w string) bool { return strings.HasPrefix(w, "epoch=") })
	for _, words := range items {
		o := options(words[2:])
		p := kmsg.NewAlterPartitionRequestTopicPartition()
		p.Partition = number(words[1])
		if is := partitionAt(s.driver.Machine.(*Machine).image(), place{s.topicID(words[0]), p.Partition}); is != nil {
			p.LeaderEpoch, p.PartitionEpoch = is.LeaderEpoch, is.PartitionEpoch
		}
		if v, ok := o["leader-epoch"]; ok {
			p.LeaderEpoch = number(v)
		}
		if v, ok := o["partition-epoch"]; ok {
			p.PartitionEpoch = number(v)
		}
		if _, ok := o["recovering"]; ok {
			p.LeaderRecoveryState = 1
		}
		if _, ok := o["v2"]; ok {
			r.Version = 2
		}
		for _, b := range strings.Split(o["isr"], ",") {
			if b == "" {
				continue
			}
			id, epoch, ok := strings.Cut(b, ":")
			state := kmsg.AlterPartitionRequestTopicPartitionNewEpochISR{BrokerID: number(id), BrokerEpoch: -1}
			if ok {
				state.BrokerEpoch = int64(number(epoch))
			}
			p.NewEpochISR, p.NewISR = append(p.NewEpochISR, state), append(p.NewISR, state.BrokerID)
		}
		t := kmsg.NewAlterPartitionRequestTopic()
		t.TopicID, t.Partitions = s.topicID(words[0]), []kmsg.AlterPartitionRequestTopicPartition{p}
		r.Topics = append(r.Topics, t)
	}
	return r
}

func reassignRequest(items [][]string) kmsg.Request {
	r := kmsg.NewPtrAlterPartitionAssignmentsRequest()
	r.Version = 1
	for _, words := range items {
		p := kmsg.NewAlterPartitionAssignmentsRequestTopicPartition()
		p.Partition = number(words[1])
		if words[2] != "cancel" {
			_, lists := assignment(words[2])
			p.Replicas = lists[0]
		}
		if len(words) > 3 && words[3] == "same-factor" {
			r.AllowReplicationFactorChange = false
		}
		t := kmsg.NewAlterPartitionAssignmentsRequestTopic()
		t.Topic, t.Partitions = words[0], []kmsg.AlterPartitionAssignmentsRequestTopicPartition{p}
		r.Topics = append(r.Topics, t)
	}
	return r
}

func reassignmentsRequest(items [][]string) kmsg.Request {
	r := kmsg.NewPtrListPartitionReassignmentsRequest()
	if items[0][0] == "all" {
		r.Topics = nil
		return r
	}
	for _, words := range items {
		t := kmsg.NewListPartitionReassignmentsRequestTopic()
		t.Topic = words[0]
		for _, w := range words[1:] {
			t.Partitions = append(t.Partitions, number(w))
		}
		r.Topics = append(r.Topics, t)
	}
	return r
}

func (s *story) assignRequest(items [][]string) kmsg.Request {
	r := kmsg.NewPtrAssignReplicasToDirsRequest()
	r.BrokerID = number(items[0][0])
	r.BrokerEpoch = s.epoch(r.BrokerID, options(items[0]))
	items[0] = slices.DeleteFunc(items[0][1:], func(w string) bool { return strings.HasPrefix(w, "epoch=") })
	for _, words := range items {
		t := kmsg.NewAssignReplicasToDirsRequestDirectoryTopic()
		t.TopicID = s.topicID(words[1])
		t.Partitions = append(t.Partitions, kmsg.AssignReplicasToDirsRequestDirectoryTopicPartition{Partition: number(words[2])})
		d := kmsg.NewAssignReplicasToDirsRequestDirectory()
		d.ID, d.Topics = dirs(words[0])[0], []kmsg.AssignReplicasToDirsRequestDirectoryTopic{t}
		r.Directories = append(r.Directories, d)
	}
	return r
}

// clusterReply writes the responses to these commands, one line per item.
func (s *story) clusterReply(response any) (lines []string) {
	switch r := response.(type) {
	case *kmsg.ControllerRegistrationResponse:
		return []string{problem(r.ErrorCode, r.ErrorMessage)}
	case *kmsg.UnregisterControllerResponse:
		return []string{problem(r.ErrorCode, r.ErrorMessage)}
	case *kmsg.AlterPartitionResponse:
		lines = append(lines, "all "+problem(r.ErrorCode, nil))
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				line := fmt.Sprintf("%s-%d %s", s.showID(t.TopidID), p.Partition, problem(p.ErrorCode, nil))
				if p.ErrorCode == 0 {
					line += fmt.Sprintf(" leader=%d leader-epoch=%d partition-epoch=%d isr=%d recovering=%d",
						p.LeaderID, p.LeaderEpoch, p.PartitionEpoch, p.ISR, p.LeaderRecoveryState)
				}
				lines = append(lines, line)
			}
		}
	case *kmsg.AlterPartitionAssignmentsResponse:
		lines = append(lines, "all "+problem(r.ErrorCode, r.ErrorMessage))
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				lines = append(lines, fmt.Sprintf("%s-%d %s", t.Topic, p.Partition, problem(p.ErrorCode, p.ErrorMessage)))
			}
		}
	case *kmsg.ListPartitionReassignmentsResponse:
		lines = append(lines, "all "+problem(r.ErrorCode, r.ErrorMessage))
		for _, t := range r.Topics {
			for _, p := range t.Partitions {
				lines = append(lines, fmt.Sprintf("%s-%d replicas=%d adding=%d removing=%d", t.Topic, p.Partition, p.Replicas, p.AddingReplicas, p.RemovingReplicas))
			}
		}
	case *kmsg.AssignReplicasToDirsResponse:
		lines = append(lines, "all "+problem(r.ErrorCode, nil))
		for _, d := range r.Directories {
			for _, t := range d.Topics {
				for _, p := range t.Partitions {
					lines = append(lines, fmt.Sprintf("%s %s-%d %s", s.showID(d.ID), s.showID(t.TopicID), p.Partition, problem(p.ErrorCode, nil)))
				}
			}
		}
	}
	return lines
}
