package controller

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
)

func (m *Machine) deleteTopics(r *kmsg.DeleteTopicsRequest) answer {
	resp := r.ResponseKind().(*kmsg.DeleteTopicsResponse)
	wanted := r.Topics
	if len(wanted) == 0 {
		for _, name := range r.TopicNames {
			t := kmsg.NewDeleteTopicsRequestTopic()
			t.Topic = &name
			wanted = append(wanted, t)
		}
	}
	d := deletion{names: map[string]int{}, ids: map[record.UUID]int{}}
	for _, t := range wanted {
		d.count(t)
	}
	var records []Record
	for _, t := range wanted {
		result := kmsg.NewDeleteTopicsResponseTopic()
		result.Topic, result.TopicID = t.Topic, t.TopicID
		topic, problem, again := m.findDeleted(t, &d)
		if again {
			continue
		}
		if problem == nil && !m.cfg.Broker.Bool("delete.topic.enable") {
			problem = deletionDisabled(r.Version)
		}
		if topic != nil {
			result.Topic, result.TopicID = &topic.Name, topic.ID
		}
		if problem == nil {
			problem = m.permit.take(len(topic.Partitions))
		}
		if problem == nil {
			records = append(records, &metadata.RemoveTopicRecord{TopicID: topic.ID})
		}
		result.ErrorCode, result.ErrorMessage = problem.Code(), problem.Message()
		resp.Topics = append(resp.Topics, result)
	}
	return answer{response: resp, records: records}
}

func deletionDisabled(version int16) *refusal {
	if version < 3 {
		return refuse(kerr.InvalidRequest, "This version does not support topic deletion.")
	}
	return refuse(kerr.TopicDeletionDisabled, "%s", kerr.TopicDeletionDisabled.Description)
}

// deletion counts how often a request names each topic, to answer each once.
type deletion struct {
	names map[string]int
	ids   map[record.UUID]int // given as ids
}

func (d *deletion) count(t kmsg.DeleteTopicsRequestTopic) {
	if t.Topic != nil {
		d.names[*t.Topic]++
	} else if t.TopicID != (record.UUID{}) {
		d.ids[t.TopicID]++
	}
}

// findDeleted finds the topic that is meant. again is true for a duplicate that was answered before.
func (m *Machine) findDeleted(t kmsg.DeleteTopicsRequestTopic, d *deletion) (topic *metadata.Topic, problem *refusal, again bool) {
	hasID := t.TopicID != (record.UUID{})
	switch {
	case t.Topic == nil && !hasID:
		return nil, refuse(kerr.InvalidRequest, "Neither topic name nor id were specified."), false
	case t.Topic != nil && hasID:
		return nil, refuse(kerr.InvalidRequest, "You may not specify both topic name and topic id."), false
	case t.Topic != nil:
		return m.findDeletedName(*t.Topic, d)
	}
	switch n := d.ids[t.TopicID]; {
	case n < 0:
		return nil, nil, true
	case n > 1:
		d.ids[t.TopicID] = -1
		return nil, refuse(kerr.InvalidRequest, "Duplicate topic id."), false
	}
	topic, ok := m.image().TopicByID(t.TopicID)
	if !ok {
		return nil, refuse(kerr.UnknownTopicID, "%s", "This server does not host this topic ID."), false
	}
	if d.names[topic.Name] != 0 {
		d.names[topic.Name] = -1
		return topic, refuse(kerr.InvalidRequest, "The provided topic name maps to an ID that was already supplied."), false
	}
	return topic, nil, false
}

func (m *Machine) findDeletedName(name string, d *deletion) (topic *metadata.Topic, problem *refusal, again bool) {
	switch n := d.names[name]; {
	case n < 0:
		return nil, nil, true
	case n > 1:
		d.names[name] = -1
		return nil, refuse(kerr.InvalidRequest, "Duplicate topic name."), false
	}
	topic, ok := m.image().Topic(name)
	if !ok {
		return nil, refuse(kerr.UnknownTopicOrPartition, "This server does not host this topic-partition."), false
	}
	if d.ids[topic.ID] != 0 {
		d.ids[topic.ID] = -1
		return topic, refuse(kerr.InvalidRequest, "The provided topic name maps to an ID that was already supplied."), false
	}
	return topic, nil, false
}
