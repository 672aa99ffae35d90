package sharing

import (
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/record"
)

// initialize has the share coordinator begin state for the partitions of topics that the group reads. What was asked for and has not
// come back is asked for again after a while.
func (s *Groups) initialize(c *decision) {
	var effect Initialize
	st := c.group.States
	again := c.Now().Sub(s.asked[c.id]) >= settingsOf(c, c.id).InitializeRetry
	for _, name := range c.group.topics() {
		t, ok := c.Image().Topic(name)
		if !ok || stateOf(st.Deleting, t.ID) >= 0 {
			continue
		}
		start := int64(-1)
		if stateOf(st.Initialized, t.ID) >= 0 || stateOf(st.Initializing, t.ID) >= 0 {
			start = 0 // a partition added to a topic that the group reads: nothing in it may be missed
		}
		want := TopicStart{TopicID: t.ID}
		fresh := TopicState{TopicID: t.ID, Topic: t.Name}
		for p := range int32(len(t.Partitions)) {
			switch {
			case has(st.Initialized, t.ID, p):
				continue
			case !has(st.Initializing, t.ID, p):
				fresh.Partitions = append(fresh.Partitions, p)
			case !again:
				continue
			}
			want.Partitions = append(want.Partitions, PartitionStart{Partition: p, StartOffset: start})
		}
		if len(fresh.Partitions) > 0 {
			st.Initializing = with(st.Initializing, fresh)
		}
		if len(want.Partitions) > 0 {
			effect.Topics = append(effect.Topics, want)
		}
	}
	if len(effect.Topics) == 0 {
		return
	}
	c.write(Record{Key: statesKey, States: &st})
	s.ask(c, &effect, 0)
}

// ask asks for initialization; to is who waits for it.
func (s *Groups) ask(c *decision, e *Initialize, to machine.Ticket) {
	s.asked[c.id] = c.Now()
	e.ID, e.Group, e.StateEpoch = s.wait(to), c.id, c.group.Epoch
	c.Effect(*e)
}

// wait remembers who waits for what is asked of the share coordinator.
func (s *Groups) wait(to machine.Ticket) uint64 {
	s.next++
	if to != 0 {
		s.waiting[s.next] = to
	}
	return s.next
}

// initialized takes in what the share coordinator did. What failed is asked for again with a heartbeat.
func (s *Groups) initialized(d kind.Desk, rq *Initialized) {
	c := s.decide(d, rq.Group)
	if s.hard[rq.Group] == nil {
		return
	}
	_, done := failed(rq.Outcomes)
	st, changed := c.group.States, false
	for _, t := range st.Initializing {
		if parts := common(t.Partitions, done[t.TopicID]); len(parts) > 0 {
			changed = true
			st.Initializing = without(st.Initializing, t.TopicID, parts)
			st.Initialized = with(st.Initialized, TopicState{TopicID: t.TopicID, Topic: t.Topic, Partitions: parts})
		}
	}
	if changed {
		c.write(Record{Key: statesKey, States: &st})
	}
	if !slices.ContainsFunc(rq.Outcomes, func(o Outcome) bool { return o.Code != 0 }) {
		return
	}
	delete(s.asked, rq.Group)
	for _, o := range rq.Outcomes {
		if o.Code != 0 {
			d.Note(kind.Notice{Message: "share group state not initialized, asking again with the next heartbeat", Group: rq.Group, Generation: c.group.Epoch,
				Reason: fmt.Sprintf("%s partition %d: %v", o.TopicID, o.Partition, kerr.ErrorForCode(o.Code))})
			return
		}
	}
}

// common lists what is in both.
func common(a, b []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(a), func(p int32) bool { return !slices.Contains(b, p) })
}

// alter makes a group without members begin anew, at the offsets that are given.
func (s *Groups) alter(d kind.Desk, e kind.Event, rq *kmsg.AlterShareGroupOffsetsRequest) {
	resp := kmsg.NewPtrAlterShareGroupOffsetsResponse()
	if code, message := s.idle(d, rq.GroupID); code != 0 {
		resp.ErrorCode, resp.ErrorMessage = code, &message
		d.Reply(e.Ticket, resp)
		return
	}
	c := s.decide(d, rq.GroupID)
	var effect Initialize
	st := c.group.States
	for i := range rq.Topics {
		t := &rq.Topics[i]
		rt := kmsg.NewAlterShareGroupOffsetsResponseTopic()
		rt.Topic = t.Topic
		topic, ok := d.Image().Topic(t.Topic)
		start, state := TopicStart{}, TopicState{Topic: t.Topic}
		if ok {
			rt.TopicID, start.TopicID, state.TopicID = topic.ID, topic.ID, topic.ID
		}
		for _, p := range t.Partitions {
			rp := kmsg.NewAlterShareGroupOffsetsResponseTopicPartition()
			rp.Partition = p.Partition
			if !ok || p.Partition < 0 || int(p.Partition) >= len(topic.Partitions) {
				rp.ErrorCode, rp.ErrorMessage = kerr.UnknownTopicOrPartition.Code, &unknownPartition
			} else {
				start.Partitions = append(start.Partitions, PartitionStart{p.Partition, p.StartOffset})
				state.Partitions = append(state.Partitions, p.Partition)
			}
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
		if len(state.Partitions) > 0 {
			effect.Topics = append(effect.Topics, start)
			st.Initialized = without(st.Initialized, state.TopicID, state.Partitions)
			st.Initializing = with(st.Initializing, state)
		}
	}
	if len(effect.Topics) == 0 {
		d.Reply(e.Ticket, resp)
		return
	}
	c.write(Record{Key: statesKey, States: &st})
	c.bump(c.group.Hash)
	s.ask(c, &effect, e.Ticket)
	s.altering[effect.ID] = resp
}

var unknownPartition = "This server does not host this topic-partition."

// altered answers who altered offsets.
func (s *Groups) altered(d kind.Desk, rq *Initialized) {
	resp := s.altering[rq.ID]
	if resp == nil {
		return
	}
	codes, _ := failed(rq.Outcomes)
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			if code := codes[place{resp.Topics[i].TopicID, p.Partition}]; code != 0 && p.ErrorCode == 0 {
				p.ErrorCode, p.ErrorMessage = code, message(code)
			}
		}
	}
	s.reply(d, rq.ID, resp)
	delete(s.altering, rq.ID)
}

// reply answers who waits for what was asked of the share coordinator.
func (s *Groups) reply(d kind.Desk, id uint64, resp kmsg.Response) {
	d.Reply(s.waiting[id], resp)
	delete(s.waiting, id)
}

// message is the text of an error code.
func message(code int16) *string {
	err := kerr.TypedErrorForCode(code)
	if err == nil {
		return nil
	}
	return &err.Description
}

// idle refuses to have the offsets of a group changed: there is no such group, or it has members.
func (s *Groups) idle(d kind.Desk, id string) (code int16, message string) {
	switch g := s.hard[id]; {
	case id == "":
		return kerr.InvalidGroupID.Code, kerr.InvalidGroupID.Description
	case g == nil && d.TypeOf(id) != kind.None:
		return kerr.GroupIDNotFound.Code, fmt.Sprintf("Group %s is not a share group.", id)
	case g == nil:
		return kerr.GroupIDNotFound.Code, fmt.Sprintf("Group %s not found.", id)
	case len(g.Members) > 0:
		return kerr.NonEmptyGroup.Code, "The group is not empty."
	}
	return 0, ""
}

// topicOf is the name of a topic that a list has.
func topicOf(list []TopicState, id record.UUID) string {
	if i := stateOf(list, id); i >= 0 {
		return list[i].Topic
	}
	return ""
}
