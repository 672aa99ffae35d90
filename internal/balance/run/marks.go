package run

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/balance"
	"leat/internal/metadata"
	"leat/internal/record"
)

// A move is noted in the configuration of its topic before it begins, and the note is deleted when it is done. By it brokers hold the move to
// leat.balance.throttle.rate, and the next controller knows what is under way for leat's own. A note of a move that never began does nothing but wait to be
// deleted.

// markKey holds the replicas that the partitions of a topic shall have, as partition:broker pairs in the order of the replicas.
const markKey = "leat.balance.moving"

// writeMark is the note of the moves of one topic.
func writeMark(targets map[int32][]int32) string {
	var pairs []string
	for _, p := range sortedKeys(targets) {
		for _, id := range targets[p] {
			pairs = append(pairs, fmt.Sprintf("%d:%d", p, id))
		}
	}
	return strings.Join(pairs, ",")
}

// readMark is the opposite. What is no pair is read over.
func readMark(text string) map[int32][]int32 {
	targets := map[int32][]int32{}
	for pair := range strings.SplitSeq(text, ",") {
		left, right, _ := strings.Cut(strings.TrimSpace(pair), ":")
		partition, err := strconv.ParseInt(left, 10, 32)
		id, err2 := strconv.ParseInt(right, 10, 32)
		if err == nil && err2 == nil {
			targets[int32(partition)] = append(targets[int32(partition)], int32(id))
		}
	}
	return targets
}

func sortedKeys(m map[int32][]int32) []int32 {
	keys := make([]int32, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// recognise takes up the moves that whoever balanced before has noted. One that is done, or was never begun, is found out as with one of this runner.
func (r *Runner) recognise(im *metadata.Image, s *Settings, now time.Time) {
	for _, topic := range im.ConfigNames(metadata.TopicResource) {
		text, noted := im.Config(metadata.TopicResource, topic)[markKey]
		if !noted {
			continue
		}
		r.marked[topic] = true
		for partition, after := range readMark(text) {
			tp := record.TopicPartition{Topic: topic, Partition: partition}
			p := at(im, tp)
			if p == nil {
				continue
			}
			m := balance.Move{Topic: topic, Partition: partition, After: after, TouchesLeader: p.Leader != after[0], Why: forPredecessor}
			m.Before = slices.DeleteFunc(slices.Clone(p.Replicas), func(id int32) bool { return slices.Contains(p.Adding, id) })
			if slices.ContainsFunc(s.Drain, func(id int32) bool { return slices.Contains(m.Before, id) && !slices.Contains(after, id) }) {
				m.Why = balance.ForDrain
			}
			r.begun[tp] = begun{m, now}
		}
	}
	if len(r.begun) > 0 {
		r.cfg.Logger.Info("replicas are on their way that leat moved under another controller", "moves", len(r.begun))
	}
}

// forPredecessor is why a move was begun that this runner has found: it is not known.
const forPredecessor balance.Why = "begun before"

// mark notes moves that are about to begin, beside those of the same topics that are under way. It returns those that it could note.
func (r *Runner) mark(moves []balance.Move) ([]balance.Move, error) {
	topics := map[string]map[int32][]int32{}
	for i := range moves {
		m := &moves[i]
		if topics[m.Topic] == nil {
			topics[m.Topic] = r.targets(m.Topic)
		}
		topics[m.Topic][m.Partition] = m.After
	}
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for topic, targets := range topics {
		addNote(rq, topic, targets)
		r.marked[topic] = true
	}
	refused, err := r.note(rq)
	return slices.DeleteFunc(moves, func(m balance.Move) bool { return slices.Contains(refused, m.Topic) }), err
}

// unmark brings the notes of all topics to what is under way.
func (r *Runner) unmark(im *metadata.Image) {
	rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
	for topic := range r.marked {
		if _, ok := im.Topic(topic); !ok {
			delete(r.marked, topic)
			continue
		}
		targets := r.targets(topic)
		want := writeMark(targets)
		if has := im.Config(metadata.TopicResource, topic)[markKey]; has != want {
			addNote(rq, topic, targets)
		} else if want == "" {
			delete(r.marked, topic)
		}
	}
	if len(rq.Resources) == 0 {
		return
	}
	if _, err := r.note(rq); err != nil {
		r.cfg.Logger.Warn("notes of moves that are done could not be taken back, trying again", "err", err)
	}
}

// targets is where the partitions of a topic are on their way to.
func (r *Runner) targets(topic string) map[int32][]int32 {
	targets := map[int32][]int32{}
	for tp, m := range r.begun {
		if tp.Topic == topic {
			targets[tp.Partition] = m.After
		}
	}
	return targets
}

// addNote sets or deletes the note of one topic.
func addNote(rq *kmsg.IncrementalAlterConfigsRequest, topic string, targets map[int32][]int32) {
	t := kmsg.NewIncrementalAlterConfigsRequestResource()
	t.ResourceType, t.ResourceName = kmsg.ConfigResourceTypeTopic, topic
	c := kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
	c.Name, c.Op = markKey, kmsg.IncrementalAlterConfigOpDelete
	if len(targets) > 0 {
		c.Op, c.Value = kmsg.IncrementalAlterConfigOpSet, new(writeMark(targets))
	}
	t.Configs = append(t.Configs, c)
	rq.Resources = append(rq.Resources, t)
}

// note asks the controller for notes, and returns the topics for which it refused.
func (r *Runner) note(rq *kmsg.IncrementalAlterConfigsRequest) (refused []string, err error) {
	ctx, cancel := context.WithTimeout(r.ctx, askTimeout)
	defer cancel()
	answer, err := r.cfg.Controller(ctx, rq)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.IncrementalAlterConfigsResponse)
	if !ok {
		return nil, fmt.Errorf("controller answered IncrementalAlterConfigs with %T", answer)
	}
	for _, t := range resp.Resources {
		if e := kerr.ErrorForCode(t.ErrorCode); e != nil {
			refused = append(refused, t.ResourceName)
			r.cfg.Logger.Warn("move could not be noted, so it is not made", "topic", t.ResourceName, "err", e)
		}
	}
	return refused, nil
}
