package sharing

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/record"
)

// discarding is a request that waits until state is discarded: one of the two responses is set.
type discarding struct {
	offsets *kmsg.DeleteShareGroupOffsetsResponse
	group   *kmsg.DeleteGroupsResponse
}

// deleteOffsets forgets where a group without members stands in topics.
func (s *Groups) deleteOffsets(d kind.Desk, e kind.Event, rq *kmsg.DeleteShareGroupOffsetsRequest) {
	resp := kmsg.NewPtrDeleteShareGroupOffsetsResponse()
	if code, message := s.idle(d, rq.GroupID); code != 0 {
		resp.ErrorCode, resp.ErrorMessage = code, &message
		d.Reply(e.Ticket, resp)
		return
	}
	c := s.decide(d, rq.GroupID)
	var topics []record.UUID
	for _, t := range rq.Topics {
		rt := kmsg.NewDeleteShareGroupOffsetsResponseTopic()
		rt.Topic = t.Topic
		topic, ok := d.Image().Topic(t.Topic)
		switch {
		case !ok:
			rt.ErrorCode, rt.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &unknownPartition
		case stateOf(c.group.States.Initialized, topic.ID) < 0 && stateOf(c.group.States.Initializing, topic.ID) < 0 && stateOf(c.group.States.Deleting, topic.ID) < 0:
			rt.TopicID = topic.ID
			rt.ErrorCode, rt.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &nothingToDelete
		default:
			rt.TopicID = topic.ID
			topics = append(topics, topic.ID)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if len(topics) == 0 {
		d.Reply(e.Ticket, resp)
		return
	}
	s.discard(c, topics, e.Ticket, discarding{offsets: resp})
}

var nothingToDelete = "There is no offset information to delete."

// deleteGroup removes a group without members, once the share coordinator has forgotten it.
func (s *Groups) deleteGroup(d kind.Desk, e kind.Event, id string) {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	rg := kmsg.NewDeleteGroupsResponseGroup()
	rg.Group = id
	resp.Groups = append(resp.Groups, rg)
	c := s.decide(d, id)
	var topics []record.UUID
	for _, list := range [][]TopicState{c.group.States.Initialized, c.group.States.Initializing, c.group.States.Deleting} {
		for _, t := range list {
			topics = append(topics, t.TopicID)
		}
	}
	switch {
	case len(c.group.Members) > 0:
		resp.Groups[0].ErrorCode = kerr.NonEmptyGroup.Code
	case len(topics) > 0:
		s.discard(c, topics, e.Ticket, discarding{group: resp})
		return
	default:
		d.StopTimers(id)
		s.Remove(d, id)
	}
	d.Reply(e.Ticket, resp)
}

// discard writes down that state of topics is being deleted, and asks for it. The partitions are those that the image knows, and
// those that the group began.
func (s *Groups) discard(c *decision, topics []record.UUID, to machine.Ticket, what discarding) {
	effect := Discard{Group: c.id}
	st := c.group.States
	seen := make(map[record.UUID]bool)
	for _, id := range topics {
		if seen[id] {
			continue
		}
		seen[id] = true
		var partitions []int32
		name := topicOf(st.Deleting, id)
		for _, list := range []*[]TopicState{&st.Initialized, &st.Initializing} {
			if i := stateOf(*list, id); i >= 0 {
				name = (*list)[i].Topic
				partitions = append(partitions, (*list)[i].Partitions...)
				*list = withoutTopic(*list, id)
			}
		}
		if t, ok := c.Image().TopicByID(id); ok && len(partitions) == 0 {
			for p := range int32(len(t.Partitions)) {
				partitions = append(partitions, p)
			}
		}
		st.Deleting = with(withoutTopic(st.Deleting, id), TopicState{TopicID: id, Topic: name})
		effect.Topics = append(effect.Topics, TopicPartitions{TopicID: id, Partitions: partitions})
	}
	c.write(Record{Key: statesKey, States: &st})
	effect.ID = s.wait(to)
	if what.group != nil || what.offsets != nil {
		s.discards[effect.ID] = what
	}
	c.Effect(effect)
}

// discardAgain goes on with what was under way when a coordinator ended.
func (s *Groups) discardAgain(c *decision) {
	var topics []record.UUID
	for _, t := range c.group.States.Deleting {
		topics = append(topics, t.TopicID)
	}
	if len(topics) > 0 {
		s.discard(c, topics, 0, discarding{})
	}
}

// discarded takes in what the share coordinator did, and answers who waits for it. A topic of which something could not be discarded
// stays with those that are being deleted, until somebody asks again or the group is loaded again.
func (s *Groups) discarded(d kind.Desk, rq *Discarded) {
	what, waits := s.discards[rq.ID]
	delete(s.discards, rq.ID)
	bad := make(map[record.UUID]int16)
	for _, o := range rq.Outcomes {
		if o.Code != 0 && o.Code != kerr.UnknownTopicOrPartition.Code { // a topic that is gone took its state with it
			bad[o.TopicID] = o.Code
		}
	}
	if s.hard[rq.Group] != nil {
		c := s.decide(d, rq.Group)
		st := c.group.States
		for _, o := range rq.Outcomes {
			if bad[o.TopicID] == 0 {
				st.Deleting = withoutTopic(st.Deleting, o.TopicID)
			}
		}
		if len(st.Deleting) != len(c.group.States.Deleting) {
			c.write(Record{Key: statesKey, States: &st})
		}
	}
	switch {
	case !waits:
	case what.offsets != nil:
		for i := range what.offsets.Topics {
			if t := &what.offsets.Topics[i]; bad[t.TopicID] != 0 && t.ErrorCode == 0 {
				t.ErrorCode, t.ErrorMessage = bad[t.TopicID], message(bad[t.TopicID])
			}
		}
		s.reply(d, rq.ID, what.offsets)
	default:
		s.finishGroup(d, rq, what.group, bad)
	}
}

// finishGroup removes a group whose state is gone.
func (s *Groups) finishGroup(d kind.Desk, rq *Discarded, resp *kmsg.DeleteGroupsResponse, bad map[record.UUID]int16) {
	g := s.hard[rq.Group]
	switch {
	case len(bad) > 0:
		for _, o := range rq.Outcomes {
			if bad[o.TopicID] != 0 {
				resp.Groups[0].ErrorCode = bad[o.TopicID]
				break
			}
		}
	case g == nil:
		resp.Groups[0].ErrorCode = kerr.GroupIDNotFound.Code
	case len(g.Members) > 0: // somebody joined meanwhile
		resp.Groups[0].ErrorCode = kerr.NonEmptyGroup.Code
	default:
		d.StopTimers(rq.Group)
		s.Remove(d, rq.Group)
	}
	s.reply(d, rq.ID, resp)
}
