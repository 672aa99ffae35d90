package server

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What clients saw of topics that come, grow, change and go, checked against one topic per name.
//
// Changes are linearizable at the active controller, whichever node was asked: a topic that exists is not created, one that does not is not
// deleted, grown or configured, and a topic only grows. A change whose outcome is not known takes effect at any time after its call, or never.
//
// Reads are answered out of the image of the node that was asked, so they are linearizable only there: what a node shows is what was true at some
// time before the answer, and it never goes back until the node is started anew. A node through which a change was made shows that change before it
// answers, unless it cannot learn of it for two seconds (imageWait in internal/broker).

type adminOp struct {
	kind       string // create, delete, grow, alter, read, describe
	topic      string
	node       int // the process that was asked: another number after each start
	call, end  time.Time
	partitions int    // to create or grow to, or seen
	value      string // to configure, or seen
	outcome    string // done, exists, missing, small; "": not known
	note       string
}

func (o *adminOp) String() string {
	end := "?"
	if o.outcome != "" {
		end = o.end.Format("05.000000")
	}
	return fmt.Sprintf("%s-%s %s %s via %d: %d %s: %s %s", o.call.Format("04:05.000000"), end, o.kind, o.topic, o.node, o.partitions, o.value, o.outcome, o.note)
}

func (h *history) addAdmin(o *adminOp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.admin = append(h.admin, o)
}

// topicState is what a topic was at some time; no partitions: it was not.
type topicState struct {
	partitions int
	value      string
}

// adminState is the state of the model: all that the topic was, and how much of that each process has shown.
type adminState struct {
	was   []topicState
	shown []int // by process
}

func adminModel(processes int) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return adminState{was: []topicState{{}}, shown: make([]int, processes)} },
		Step: func(state, input, _ any) (bool, any) { return stepAdmin(state.(adminState), input.(*adminOp)) },
		Equal: func(a, b any) bool {
			x, y := a.(adminState), b.(adminState)
			return slices.Equal(x.was, y.was) && slices.Equal(x.shown, y.shown)
		},
		DescribeOperation: func(input, _ any) string { return input.(*adminOp).String() },
		DescribeState: func(s any) string {
			a := s.(adminState)
			return fmt.Sprintf("%d states, the last %v", len(a.was), a.was[max(0, len(a.was)-3):])
		},
	}
}

func stepAdmin(s adminState, o *adminOp) (bool, any) {
	if o.kind == "read" || o.kind == "describe" {
		return s.read(o)
	}
	now := s.was[len(s.was)-1]
	would, next := decide(now, o)
	if o.outcome != "" && o.outcome != would {
		return false, s
	}
	if would != "done" {
		return true, s
	}
	s.was = append(s.was[:len(s.was):len(s.was)], next)
	if o.outcome == "done" && o.end.Sub(o.call) < 2*time.Second {
		s.show(o.node, len(s.was)-1)
	}
	return true, s
}

// decide is what the active controller says to a change, and what the topic is then.
func decide(now topicState, o *adminOp) (outcome string, next topicState) {
	switch {
	case o.kind == "create" && now.partitions > 0:
		return "exists", now
	case o.kind == "create":
		return "done", topicState{partitions: o.partitions, value: o.value}
	case now.partitions == 0:
		return "missing", now
	case o.kind == "delete":
		return "done", topicState{}
	case o.kind == "grow" && o.partitions <= now.partitions:
		return "small", now
	case o.kind == "grow":
		return "done", topicState{partitions: o.partitions, value: now.value}
	}
	return "done", topicState{partitions: now.partitions, value: o.value}
}

// read finds the oldest state that the process may have shown.
func (s adminState) read(o *adminOp) (bool, any) {
	for i := s.shown[o.node]; i < len(s.was); i++ {
		was := s.was[i]
		if o.outcome == "missing" && was.partitions == 0 || o.outcome == "done" && was.partitions > 0 &&
			(o.kind == "read" && was.partitions == o.partitions || o.kind == "describe" && was.value == o.value) {
			s.show(o.node, i)
			return true, s
		}
	}
	return false, s
}

func (s *adminState) show(node, at int) {
	if at > s.shown[node] {
		s.shown = slices.Clone(s.shown)
		s.shown[node] = at
	}
}

// checkAdmin tells what is wrong with the history of the topics, or nothing.
func (h *history) checkAdmin() error {
	byTopic, processes := map[string][]porcupine.Operation{}, 1
	for i, o := range h.admin {
		processes = max(processes, o.node+1)
		end := o.end
		if o.outcome == "" {
			end = time.Time{}
		}
		byTopic[o.topic] = append(byTopic[o.topic], porcupine.Operation{ClientId: i, Input: o, Call: o.call.UnixNano(), Return: untold(end)})
	}
	for topic, ops := range byTopic {
		if err := linearize(adminModel(processes), ops); err != nil {
			return fmt.Errorf("topic %s: %w", topic, err)
		}
	}
	return nil
}

func TestHistoryModelOfTopics(t *testing.T) {
	at := func(ms int) time.Time { return time.Unix(1000, int64(ms)*1e6) }
	small := func() []*adminOp {
		return []*adminOp{
			{kind: "create", partitions: 1, value: "1", outcome: "done", call: at(0), end: at(10)},
			{kind: "create", partitions: 2, value: "2", outcome: "exists", node: 1, call: at(20), end: at(30)},
			{kind: "read", outcome: "missing", node: 1, call: at(40), end: at(41)}, // it has not heard of it yet
			{kind: "read", outcome: "done", partitions: 1, call: at(42), end: at(43)},
			{kind: "alter", value: "3", call: at(50), end: at(51)}, // nobody knows
			{kind: "grow", partitions: 3, outcome: "done", call: at(60), end: at(70)},
			{kind: "grow", partitions: 2, outcome: "small", call: at(72), end: at(73)},
			{kind: "describe", value: "3", outcome: "done", node: 1, call: at(80), end: at(81)},
			{kind: "delete", outcome: "done", call: at(90), end: at(95)},
			{kind: "delete", outcome: "missing", node: 1, call: at(100), end: at(105)},
			{kind: "read", outcome: "missing", call: at(110), end: at(111)},
		}
	}
	if err := (&history{admin: small()}).checkAdmin(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(l []*adminOp){
		"created twice":                           func(l []*adminOp) { l[1].outcome = "done" },
		"it exists before it was created":         func(l []*adminOp) { l[0].outcome = "exists" },
		"deleted twice":                           func(l []*adminOp) { l[9].outcome = "done" },
		"it shrank":                               func(l []*adminOp) { l[6].outcome = "done" },
		"a node forgets what was made through it": func(l []*adminOp) { l[3].outcome = "missing" },
		"a node shows what nobody made":           func(l []*adminOp) { l[3].partitions = 2 },
		"a node goes back":                        func(l []*adminOp) { l[2].partitions, l[2].outcome, l[10].node = 3, "done", 1 },
		"a configuration that is gone":            func(l []*adminOp) { l[7].node, l[7].call, l[7].end = 0, at(120), at(121) },
	} {
		h := &history{admin: small()}
		change(h.admin)
		if h.checkAdmin() == nil {
			t.Errorf("%s, and nothing is found", name)
		}
	}
}
