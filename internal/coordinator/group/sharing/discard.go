package sharing

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/record"
)

// waiting is who waits for what was asked of the share coordinator. One of the three responses is set.
type waiting struct {
	to       machine.Ticket
	with     *Record // what was written when it was asked, nil if nothing was
	altering *kmsg.AlterShareGroupOffsetsResponse
	before   []TopicState // altered partitions that have state, whatever comes of it
	offsets  *kmsg.DeleteShareGroupOffsetsResponse
	group    *kmsg.DeleteGroupsResponse
}

// wait remembers who waits for what is asked, nil for nobody. What it is known by is drawn, because what comes of things that an earlier
// machine of the same partition asked for may come to this one.
func (s *Groups) wait(c *decision, w *waiting) uint64 {
	if s.next == 0 {
		s.next = c.Rand().Uint64()
	}
	s.next++
	if w != nil {
		s.waiting[s.next] = w
	}
	return s.next
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
			rt.ErrorCode, rt.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &nothingToDelete
		default:
			rt.TopicID = topic.ID
			topics = append(topics, topic.ID)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	if !s.discard(c, topics, &waiting{to: e.Ticket, offsets: resp}) {
		d.Reply(e.Ticket, resp)
	}
}

var nothingToDelete = "There is no offset information to delete."

// deleteGroup removes a group without members, once the share coordinator has forgotten it.
func (s *Groups) deleteGroup(d kind.Desk, e kind.Event, id string) {
	resp := kmsg.NewPtrDeleteGroupsResponse()
	rg := kmsg.NewDeleteGroupsResponseGroup()
	rg.Group = id
	resp.Groups = append(resp.Groups, rg)
	c := s.decide(d, id)
	switch {
	case len(c.group.Members) > 0:
		resp.Groups[0].ErrorCode = kerr.NonEmptyGroup.Code
	case s.discard(c, c.group.States.topics(), &waiting{to: e.Ticket, group: resp}):
		return
	default:
		d.StopTimers(id)
		s.Remove(d, id)
	}
	d.Reply(e.Ticket, resp)
}

// topics lists those that there is state of.
func (st *States) topics() (all []record.UUID) {
	for _, list := range [][]TopicState{st.Initialized, st.Initializing, st.Deleting} {
		for _, t := range list {
			all = append(all, t.TopicID)
		}
	}
	return all
}

// discard writes down that state of topics is being deleted, and asks for it; false if there is nothing to ask for. The partitions are
// those that the group began, or if that is not known any more those that the image has. A topic of which neither is known took its
// state with it.
func (s *Groups) discard(c *decision, topics []record.UUID, w *waiting) bool {
	effect := Discard{Group: c.id}
	st, changed := c.group.States, false
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
				changed = true
			}
		}
		if t, ok := c.Image().TopicByID(id); ok && len(partitions) == 0 {
			for p := range int32(len(t.Partitions)) {
				partitions = append(partitions, p)
			}
		}
		if len(partitions) == 0 {
			st.Deleting, changed = withoutTopic(st.Deleting, id), true
			continue
		}
		st.Deleting = with(withoutTopic(st.Deleting, id), TopicState{TopicID: id, Topic: name})
		effect.Topics = append(effect.Topics, TopicPartitions{TopicID: id, Partitions: partitions})
	}
	if changed {
		r := c.write(Record{Key: statesKey, States: &st})
		if w != nil {
			w.with = r
		}
	}
	if len(effect.Topics) == 0 {
		return false
	}
	effect.ID = s.wait(c, w)
	c.Effect(effect)
	return true
}

// discardAgain goes on with what could not be discarded, or was under way when a coordinator ended.
func (s *Groups) discardAgain(c *decision) {
	var topics []record.UUID
	for _, t := range c.group.States.Deleting {
		topics = append(topics, t.TopicID)
	}
	s.discard(c, topics, nil)
}

// discarded takes in what the share coordinator did, and answers who waits for it. A topic of which something could not be discarded
// stays with those that are being deleted, and is asked for again later.
func (s *Groups) discarded(d kind.Desk, rq *Discarded) {
	w := s.waiting[rq.ID]
	delete(s.waiting, rq.ID)
	bad := make(map[record.UUID]int16)
	for _, o := range rq.Outcomes {
		if o.Code != 0 && o.Code != kerr.UnknownTopicOrPartition.Code { // a topic that is gone took its state with it
			bad[o.TopicID] = o.Code
		}
	}
	c := s.decide(d, rq.Group)
	if s.hard[rq.Group] != nil {
		st := c.group.States
		for _, o := range rq.Outcomes {
			if bad[o.TopicID] == 0 {
				st.Deleting = withoutTopic(st.Deleting, o.TopicID)
			}
		}
		if len(st.Deleting) != len(c.group.States.Deleting) {
			c.write(Record{Key: statesKey, States: &st})
		}
		if len(bad) > 0 && len(st.Deleting) > 0 {
			s.discardAt[rq.Group] = d.Now().Add(settingsOf(d, rq.Group).InitializeRetry)
		}
		s.schedule(c)
	}
	switch {
	case w == nil:
	case w.offsets != nil:
		for i := range w.offsets.Topics {
			if t := &w.offsets.Topics[i]; bad[t.TopicID] != 0 && t.ErrorCode == 0 {
				t.ErrorCode, t.ErrorMessage = bad[t.TopicID], message(bad[t.TopicID])
			}
		}
		d.Reply(w.to, w.offsets)
	case w.group != nil:
		s.finishGroup(c, rq, w, bad)
	}
}

// finishGroup removes a group whose state is gone.
func (s *Groups) finishGroup(c *decision, rq *Discarded, w *waiting, bad map[record.UUID]int16) {
	code := &w.group.Groups[0].ErrorCode
	switch {
	case len(bad) > 0:
		i := slices.IndexFunc(rq.Outcomes, func(o Outcome) bool { return bad[o.TopicID] != 0 })
		*code = bad[rq.Outcomes[i].TopicID]
	case s.hard[c.id] == nil:
		*code = kerr.GroupIDNotFound.Code
	case len(c.group.Members) > 0, len(c.group.States.topics()) > 0: // somebody joined meanwhile
		*code = kerr.NonEmptyGroup.Code
	default:
		c.StopTimers(c.id)
		s.Remove(c, c.id)
	}
	c.Reply(w.to, w.group)
}
