package sharing

import (
	"fmt"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group/kind"
	"leat/internal/record"
)

// initialize has the share coordinator begin state for the partitions of topics that the group reads. What was asked for and has not
// come back is asked for again after a while.
func (s *Groups) initialize(c *decision) {
	var effect Initialize
	st := c.group.States
	again := c.Now().Sub(s.asked[c.id].at) >= settingsOf(c, c.id).InitializeRetry
	begun := false
	for _, name := range c.group.topics() {
		t, ok := c.Image().Topic(name)
		if !ok || stateOf(st.Deleting, t.ID) >= 0 {
			continue
		}
		known, under := stateOf(st.Initialized, t.ID) >= 0, stateOf(st.Initializing, t.ID) >= 0
		want := TopicStart{TopicID: t.ID}
		fresh := TopicState{TopicID: t.ID, Topic: t.Name}
		for p := range int32(len(t.Partitions)) {
			first := has(st.Initializing, t.ID, p)
			switch {
			case has(st.Initialized, t.ID, p):
				continue
			case !first:
				fresh.Partitions = append(fresh.Partitions, p)
			case !again:
				continue
			}
			start := int64(-1)
			if known || under && !first {
				start = 0 // a partition added to a topic that the group reads: nothing in it may be missed
			}
			if before, ok := s.asked[c.id].starts[place{t.ID, p}]; ok {
				start = before
			}
			want.Partitions = append(want.Partitions, PartitionStart{Partition: p, StartOffset: start})
		}
		if len(fresh.Partitions) > 0 {
			begun = true
			st.Initializing = with(st.Initializing, fresh)
		}
		if len(want.Partitions) > 0 {
			effect.Topics = append(effect.Topics, want)
		}
	}
	if len(effect.Topics) == 0 {
		return
	}
	if begun {
		c.write(Record{Key: statesKey, States: &st})
	}
	s.ask(c, &effect, nil)
}

// ask asks for initialization; w is who waits for it, nil for nobody.
func (s *Groups) ask(c *decision, e *Initialize, w *waiting) {
	e.ID, e.Group, e.StateEpoch = s.wait(c, w), c.id, c.group.Epoch
	a := asked{e.ID, c.Now(), s.asked[c.id].starts}
	if a.starts == nil {
		a.starts = make(map[place]int64)
	}
	for _, t := range e.Topics {
		for _, p := range t.Partitions {
			a.starts[place{t.TopicID, p.Partition}] = p.StartOffset
		}
	}
	s.asked[c.id] = a
	c.Effect(*e)
}

// initialized takes in what the share coordinator did. What failed is asked for again with a heartbeat, apart from what was altered, which
// stays where it was.
func (s *Groups) initialized(d kind.Desk, rq *Initialized) {
	w := s.waiting[rq.ID]
	delete(s.waiting, rq.ID)
	codes, done := failed(rq.Outcomes)
	if s.hard[rq.Group] != nil {
		s.settle(s.decide(d, rq.Group), rq, w, done)
	}
	if w != nil && w.altering != nil {
		answerAltered(d, w, codes)
	}
}

// settle writes down what was initialized.
func (s *Groups) settle(c *decision, rq *Initialized, w *waiting, done map[record.UUID][]int32) {
	st, changed := c.group.States, false
	for _, t := range c.group.States.Initializing {
		parts := common(t.Partitions, done[t.TopicID])
		if w != nil && stateOf(w.before, t.TopicID) >= 0 {
			parts = append(parts, common(t.Partitions, w.before[stateOf(w.before, t.TopicID)].Partitions)...)
		}
		if len(parts) > 0 {
			changed = true
			for _, p := range parts {
				delete(s.asked[c.id].starts, place{t.TopicID, p})
			}
			st.Initializing = without(st.Initializing, t.TopicID, parts)
			st.Initialized = with(st.Initialized, TopicState{TopicID: t.TopicID, Topic: t.Topic, Partitions: parts})
		}
	}
	if changed {
		c.write(Record{Key: statesKey, States: &st})
	}
	i := slices.IndexFunc(rq.Outcomes, func(o Outcome) bool { return o.Code != 0 })
	if i < 0 {
		return
	}
	if a := s.asked[c.id]; a.id == rq.ID {
		a.at = time.Time{}
		s.asked[c.id] = a
		s.discardFenced(c, rq)
	}
	o := rq.Outcomes[i]
	c.Note(kind.Notice{Message: "share group state not initialized", Group: c.id, Generation: c.group.Epoch,
		Reason: fmt.Sprintf("%s partition %d: %v", o.TopicID, o.Partition, kerr.ErrorForCode(o.Code))})
}

// discardFenced has state discarded that is of a later state epoch than this group ever had: an earlier group of the same name left it.
func (s *Groups) discardFenced(c *decision, rq *Initialized) {
	effect := Discard{Group: c.id}
	for _, o := range rq.Outcomes {
		if o.Code == kerr.FencedStateEpoch.Code && has(c.group.States.Initializing, o.TopicID, o.Partition) {
			effect.Topics = append(effect.Topics, TopicPartitions{TopicID: o.TopicID, Partitions: []int32{o.Partition}})
		}
	}
	if len(effect.Topics) > 0 {
		effect.ID = s.wait(c, nil)
		c.Effect(effect)
	}
}

// common lists what is in both.
func common(a, b []int32) []int32 {
	return slices.DeleteFunc(slices.Clone(a), func(p int32) bool { return !slices.Contains(b, p) })
}

// alter makes a group without members begin anew, at the offsets that are given. A group that is not there yet is made: whoever joins it begins there.
func (s *Groups) alter(d kind.Desk, e kind.Event, rq *kmsg.AlterShareGroupOffsetsRequest) {
	resp := kmsg.NewPtrAlterShareGroupOffsetsResponse()
	free := rq.GroupID != "" && d.TypeOf(rq.GroupID) == kind.None
	if code, message := s.idle(d, rq.GroupID); code != 0 && !free {
		resp.ErrorCode, resp.ErrorMessage = code, &message
		d.Reply(e.Ticket, resp)
		return
	}
	c := s.decide(d, rq.GroupID)
	var effect Initialize
	w := &waiting{to: e.Ticket, altering: resp}
	st := c.group.States
	for i := range rq.Topics {
		t := &rq.Topics[i]
		rt := topicAnswer(resp, t.Topic)
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
		if len(state.Partitions) > 0 {
			effect.Topics = append(effect.Topics, start)
			if at := stateOf(st.Initialized, state.TopicID); at >= 0 {
				was := state
				was.Partitions = common(st.Initialized[at].Partitions, state.Partitions)
				w.before = with(w.before, was)
			}
			st.Initialized = without(st.Initialized, state.TopicID, state.Partitions)
			st.Initializing = with(st.Initializing, state)
		}
	}
	if len(effect.Topics) == 0 {
		d.Reply(e.Ticket, resp)
		return
	}
	w.with = c.write(Record{Key: statesKey, States: &st})
	c.bump(c.group.Hash)
	s.ask(c, &effect, w)
}

// topicAnswer is the part of an answer for a topic, which may have been named before. It is valid until the next call.
func topicAnswer(resp *kmsg.AlterShareGroupOffsetsResponse, name string) *kmsg.AlterShareGroupOffsetsResponseTopic {
	at := slices.IndexFunc(resp.Topics, func(t kmsg.AlterShareGroupOffsetsResponseTopic) bool { return t.Topic == name })
	if at < 0 {
		at = len(resp.Topics)
		rt := kmsg.NewAlterShareGroupOffsetsResponseTopic()
		rt.Topic = name
		resp.Topics = append(resp.Topics, rt)
	}
	return &resp.Topics[at]
}

var unknownPartition = "This server does not host this topic-partition."

// answerAltered answers who altered offsets.
func answerAltered(d kind.Desk, w *waiting, codes map[place]int16) {
	resp := w.altering
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			p := &resp.Topics[i].Partitions[j]
			if code := codes[place{resp.Topics[i].TopicID, p.Partition}]; code != 0 && p.ErrorCode == 0 {
				p.ErrorCode, p.ErrorMessage = code, message(code)
			}
		}
	}
	d.Reply(w.to, resp)
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
