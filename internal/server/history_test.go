package server

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
)

// What clients saw of one partition, checked against a log that is appended to.
//
// The object is one log per partition, and n is how many of its records are committed. The operations and where they take effect:
//
//   - A record that is produced (acks=all, idempotent) takes effect once, between its call and its acknowledgement, at the offset that was told: n
//     was that offset and is one more. One whose outcome nobody knows takes effect at any time after its call, or never. It counts as never if the
//     log, read from end to end when all is over, does not have it; otherwise where it was found. So a record that was acknowledged and is not
//     there, is there twice, or elsewhere, fits into no order.
//   - A fetch at offset o takes effect between its call and its answer: what it brings are the records from o on, all of them committed by then,
//     and the high watermark that it tells is at most n.
//   - A list of the latest offset tells n, or less.
//
// How much less is where Kafka is not linearizable, and has to be said exactly. A leader that was replaced and does not know it yet answers for
// the epoch in which it leads, as long as clients ask in that epoch, so it tells what was committed when it was cut off. Every read here names the
// epoch it expects, and only a leader in that epoch answers. So a read in epoch e is held against the leaders of e alone: what they tell never goes
// back. And it has to tell n exactly if the leader of e was the only one when it answered. That is known afterwards: a record of epoch e, produced
// after the answer, is in the final log, so whoever followed that leader took over still later. Lists of offsets are held to that for the whole
// epoch, because a new leader refuses them until it knows what was committed before it (KIP-207). A fetch is held to it from the offset on at which
// epoch e begins; below, the new leader may tell less than the old one did.
//
// OFFSET_OUT_OF_RANGE for an offset that was committed before the read began is a loss, if the leader was the only one.

type logOp struct {
	kind      string // produce, fetch, list, consume, final
	partition int32
	call, end time.Time // end is zero if the outcome is not known
	value     string    // produced
	offset    int64     // acknowledged, or where to read
	values    []string  // fetched, from offset on
	epochs    []int32   // of the values, of a final read
	epoch     int32     // in which a read asked
	high      int64     // high watermark or latest offset told; -1: none
	outside   bool      // OFFSET_OUT_OF_RANGE
	note      string

	sure  bool  // known afterwards: the leader of epoch was the only one
	start int64 // known afterwards: where epoch begins
}

func (o *logOp) String() string {
	end := "?"
	if !o.end.IsZero() {
		end = o.end.Format("05.000000")
	}
	text := fmt.Sprintf("%s-%s p%d %s epoch %d offset %d", o.call.Format("04:05.000000"), end, o.partition, o.kind, o.epoch, o.offset)
	switch {
	case o.kind == "produce":
		text += " " + o.value
	case o.outside:
		text += " out of range"
	default:
		text += fmt.Sprintf(" high %d values %s", o.high, strings.Join(o.values, " "))
	}
	if o.sure {
		text += fmt.Sprintf(" (sure, epoch from %d)", o.start)
	}
	return text + " " + o.note
}

// history is what clients saw.
type history struct {
	mu    sync.Mutex
	log   []*logOp
	admin []*adminOp
}

func (h *history) add(o *logOp) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.log = append(h.log, o)
}

// logState is the state of the model: how many records are committed. Which ones is known, because in the end the log is read from end to end: an
// order in which it ever held others does not end there. States are shared, never changed.
type logState struct {
	n    int64
	told []int64 // by epoch: the most that a read in it told
}

func logModel(final *logOp) porcupine.Model {
	return porcupine.Model{
		Init: func() any { return logState{} },
		Step: func(state, input, _ any) (bool, any) { return stepLog(state.(logState), input.(*logOp), final.values) },
		Equal: func(a, b any) bool {
			x, y := a.(logState), b.(logState)
			return x.n == y.n && slices.Equal(x.told, y.told)
		},
		Hash:              func(s any) uint64 { return uint64(s.(logState).n) },
		DescribeOperation: func(input, _ any) string { return input.(*logOp).String() },
		DescribeState:     func(s any) string { return fmt.Sprintf("%d records", s.(logState).n) },
	}
}

func stepLog(s logState, o *logOp, final []string) (bool, any) {
	if o.kind == "produce" {
		if o.offset != s.n || s.n >= int64(len(final)) || final[s.n] != o.value {
			return false, s
		}
		s.n++
		return true, s
	}
	if o.outside {
		return !o.sure || o.offset > s.n, s
	}
	until := o.offset + int64(len(o.values))
	if len(o.values) > 0 && (until > s.n || !slices.Equal(final[o.offset:until], o.values)) {
		return false, s
	}
	if o.high < 0 {
		return true, s
	}
	whole := o.sure && (o.kind == "list" || o.high >= o.start)
	if o.high > s.n || whole && o.high < s.n || until > o.high && len(o.values) > 0 {
		return false, s
	}
	if o.kind == "list" || o.kind == "fetch" && o.high >= o.start {
		return s.tell(o)
	}
	return true, s
}

// tell makes sure that what is told in an epoch does not go back.
func (s logState) tell(o *logOp) (bool, any) {
	e := int(o.epoch)
	if e >= len(s.told) {
		s.told = append(s.told[:len(s.told):len(s.told)], make([]int64, e+1-len(s.told))...)
	} else if s.told[e] > o.high {
		return false, s
	}
	if s.told[e] < o.high {
		s.told = slices.Clone(s.told)
		s.told[e] = o.high
	}
	return true, s
}

// check tells what is wrong with the history of the partitions, or nothing.
func (h *history) check() error {
	byPartition := map[int32][]*logOp{}
	for _, o := range h.log {
		byPartition[o.partition] = append(byPartition[o.partition], o)
	}
	for _, p := range slices.Sorted(maps.Keys(byPartition)) {
		all := byPartition[p]
		final := all[slices.IndexFunc(all, func(o *logOp) bool { return o.kind == "final" })]
		ops, err := settle(all, final)
		if err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
		if err := linearize(logModel(final), porcupineOps(ops)); err != nil {
			return fmt.Errorf("partition %d: %w", p, err)
		}
	}
	return nil
}

// settle uses what is known afterwards: which records of unknown outcome are in the log and where, when epochs began, and which reads were of the
// only leader.
func settle(ops []*logOp, final *logOp) ([]*logOp, error) {
	if len(final.values) != int(final.high) {
		return nil, fmt.Errorf("the log has %d records below its high watermark %d", len(final.values), final.high)
	}
	where, start, last := map[string]int64{}, map[int32]int64{}, map[int32]time.Time{}
	for i, v := range final.values {
		if at, twice := where[v]; twice {
			return nil, fmt.Errorf("record %s is at %d and at %d", v, at, i)
		}
		where[v] = int64(i)
		if _, known := start[final.epochs[i]]; !known {
			start[final.epochs[i]] = int64(i)
		}
	}
	var settled []*logOp
	produced := map[string]time.Time{}
	for _, o := range ops {
		if o.kind == "produce" {
			produced[o.value] = o.call
			at, there := where[o.value]
			if (o.end.IsZero() || o.offset < 0) && there { // also: acknowledged without an offset
				o.offset = at
			} else if o.end.IsZero() {
				continue
			}
			if !there {
				return nil, fmt.Errorf("acknowledged and lost: %v", o)
			}
			if e := final.epochs[at]; o.call.After(last[e]) {
				last[e] = o.call
			}
		}
		settled = append(settled, o)
	}
	for _, o := range settled {
		if o.kind == "consume" { // not before the last of it was produced
			for _, v := range o.values {
				if c := produced[v]; c.After(o.call) && c.Before(o.end) {
					o.call = c
				}
			}
		}
		if at, known := start[o.epoch]; known && (o.kind == "fetch" || o.kind == "list") {
			o.start, o.sure = at, o.end.Before(last[o.epoch])
		} else {
			o.start = math.MaxInt64
		}
	}
	return settled, nil
}

func porcupineOps(ops []*logOp) []porcupine.Operation {
	var out []porcupine.Operation
	for i, o := range ops {
		out = append(out, porcupine.Operation{ClientId: i, Input: o, Call: o.call.UnixNano(), Return: untold(o.end)})
	}
	return out
}

// untold is when an operation was over, or never.
func untold(end time.Time) int64 {
	if end.IsZero() {
		return math.MaxInt64
	}
	return end.UnixNano()
}

// linearize looks for an order, and shows where it gets stuck if there is none.
func linearize(model porcupine.Model, ops []porcupine.Operation) error {
	result, info := porcupine.CheckOperationsVerbose(model, ops, 0)
	if result == porcupine.Ok {
		return nil
	}
	var best []int
	for _, partial := range info.PartialLinearizations()[0] {
		if len(partial) > len(best) {
			best = partial
		}
	}
	done := map[int]bool{}
	state := model.Init()
	for _, i := range best {
		done[i] = true
		_, state = model.Step(state, ops[i].Input, ops[i].Output)
	}
	var next []int
	for i := range ops {
		if !done[i] {
			next = append(next, i)
		}
	}
	slices.SortFunc(next, func(a, b int) int { return cmp.Compare(ops[a].Call, ops[b].Call) })
	text := fmt.Sprintf("%v: no order of %d operations; %d fit, up to %s; then one of:", result, len(ops), len(best), model.DescribeState(state))
	for _, i := range next[:min(len(next), 12)] {
		text += "\n  " + model.DescribeOperation(ops[i].Input, ops[i].Output)
	}
	return fmt.Errorf("%s", text)
}

// small is a history of a partition with one epoch and a leader that nobody doubts.
func small() *history {
	at := func(ms int) time.Time { return time.Unix(1000, int64(ms)*1e6) }
	h := &history{log: []*logOp{
		{kind: "produce", value: "a", offset: 0, call: at(0), end: at(10)},
		{kind: "produce", value: "b", offset: 1, call: at(20), end: at(30)},
		{kind: "list", high: 2, call: at(35), end: at(36)},
		{kind: "produce", value: "c", offset: -1, call: at(36)},
		{kind: "fetch", offset: 1, values: []string{"b"}, high: 2, call: at(40), end: at(45)},
		{kind: "list", high: 3, call: at(46), end: at(47)},
		{kind: "produce", value: "d", offset: 3, call: at(50), end: at(60)},
		{kind: "produce", value: "e", offset: -1, call: at(50)},
		{kind: "final", high: 4, values: []string{"a", "b", "c", "d"}, epochs: make([]int32, 4), call: at(100), end: at(110)},
	}}
	return h
}

func TestHistoryModelOfALog(t *testing.T) {
	if err := small().check(); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(l []*logOp){
		"an acknowledged record is gone": func(l []*logOp) { l[8].values, l[8].epochs, l[8].high = []string{"a", "c", "d"}, make([]int32, 3), 3 },
		"a record is there twice": func(l []*logOp) {
			l[8].values, l[8].epochs, l[8].high = []string{"a", "b", "c", "d", "b"}, make([]int32, 5), 5
		},
		"two records have changed places":     func(l []*logOp) { l[8].values[0], l[8].values[1] = "b", "a" },
		"a record that nobody produced":       func(l []*logOp) { l[8].values[2] = "x" },
		"acknowledged at another offset":      func(l []*logOp) { l[1].offset = 2 },
		"a fetch brings what is gone later":   func(l []*logOp) { l[4].values = []string{"e"} },
		"a fetch brings what is to come":      func(l []*logOp) { l[4].values, l[4].high = []string{"b", "c", "d"}, 4 },
		"a fetch brings what is uncommitted":  func(l []*logOp) { l[4].high = 1 },
		"a list is behind":                    func(l []*logOp) { l[2].high = 1 },
		"a list goes back":                    func(l []*logOp) { l[5].high, l[2].high = 2, 3 },
		"a list tells what nobody has":        func(l []*logOp) { l[5].high = 4 },
		"a fetch is behind":                   func(l []*logOp) { l[4].values, l[4].high = nil, 1 },
		"a committed offset is out of range":  func(l []*logOp) { l[4].outside = true },
		"later calls lie before earlier ends": func(l []*logOp) { l[1].call, l[1].end, l[0].call, l[0].end = l[0].call, l[0].end, l[1].call, l[1].end },
	} {
		h := small()
		change(h.log)
		if h.check() == nil {
			t.Errorf("%s, and nothing is found", name)
		}
	}
	h := small()
	h.log[2].epoch, h.log[2].high = 7, 0 // a leader that was replaced
	if err := h.check(); err != nil {
		t.Errorf("a stale read in an epoch of its own: %v", err)
	}
}
