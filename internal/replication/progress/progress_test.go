package progress

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"pgregory.net/rapid"
)

// fetch is one of a replica that may join the ISR.
func fetch(id int32, offset int64) Fetch {
	return Fetch{Replica: id, Offset: offset, BrokerEpoch: 100 + int64(id), Eligible: true, At: at(0)}
}

// at is so many seconds after the beginning.
func at(seconds int) time.Time { return time.Unix(1000+int64(seconds), 0) }

func lead(epoch int32, isr ...int32) Assignment {
	return Assignment{Leader: 1, LeaderEpoch: epoch, PartitionEpoch: epoch * 10, Replicas: []int32{1, 2, 3}, ISR: isr}
}

func TestSingleReplicaCommitsWhatItAppends(t *testing.T) {
	r := New(1)
	a := Assignment{Leader: 1, LeaderEpoch: 0, PartitionEpoch: 0, Replicas: []int32{1}, ISR: []int32{1}}
	if c := r.Assign(a, Marks{HighWatermark: 0, LogEnd: 7}); !c.Began || c.Ended {
		t.Fatalf("change %+v", c)
	}
	if r.HighWatermark() != 7 {
		t.Fatalf("high watermark %d, want 7", r.HighWatermark())
	}
	r.SetMinISR(3) // more than there are replicas: one is enough
	if !r.Appended(10) || r.HighWatermark() != 10 || !r.EnoughInSync() {
		t.Fatalf("high watermark %d, enough %v", r.HighWatermark(), r.EnoughInSync())
	}
}

func TestNewLeaderWaitsForEveryInSyncReplica(t *testing.T) {
	r := New(1)
	r.Assign(lead(4, 1, 2), Marks{HighWatermark: 5, LogEnd: 9})
	if r.HighWatermark() != 5 || !r.CatchingUp() {
		t.Fatalf("high watermark %d, catching up %v", r.HighWatermark(), r.CatchingUp())
	}
	if moved, known := r.Fetched(fetch(3, 9)); moved || !known {
		t.Fatal("a replica outside the in-sync set moved the high watermark")
	}
	if moved, _ := r.Fetched(fetch(2, 8)); !moved || r.HighWatermark() != 8 {
		t.Fatalf("high watermark %d, want 8", r.HighWatermark())
	}
	r.Fetched(fetch(2, 9))
	if r.CatchingUp() {
		t.Fatal("still catching up at the start of the epoch")
	}
}

func TestProposedReplicaHoldsTheHighWatermark(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1, 2), Marks{LogEnd: 4})
	r.Fetched(fetch(2, 4))
	r.Fetched(fetch(3, 4))
	if p := r.Expand(3, true); p == nil {
		t.Fatal("nothing proposed")
	}
	r.Appended(6)
	r.Fetched(fetch(2, 6))
	if r.HighWatermark() != 4 {
		t.Fatalf("high watermark %d passed the proposed replica at 4", r.HighWatermark())
	}
	if !r.Withdraw() || r.HighWatermark() != 6 {
		t.Fatalf("high watermark %d after the refusal, want 6", r.HighWatermark())
	}
}

func TestHighWatermarkStandsStillBelowTheMinimum(t *testing.T) {
	r := New(1)
	r.SetMinISR(2)
	r.Assign(lead(1, 1), Marks{LogEnd: 4})
	r.Appended(6)
	if r.HighWatermark() != 0 || r.EnoughInSync() {
		t.Fatalf("high watermark %d, enough %v", r.HighWatermark(), r.EnoughInSync())
	}
	if !r.SetMinISR(1) || r.HighWatermark() != 6 {
		t.Fatalf("high watermark %d, want 6", r.HighWatermark())
	}
}

func TestCheckEpoch(t *testing.T) {
	r := New(1)
	r.Assign(lead(5, 1), Marks{})
	for epoch, want := range map[int32]EpochCheck{-1: EpochFits, 5: EpochFits, 4: EpochFenced, 6: EpochUnknown} {
		if got := r.CheckEpoch(epoch); got != want {
			t.Errorf("epoch %d: %v, want %v", epoch, got, want)
		}
	}
}

func TestOlderAssignmentChangesNothing(t *testing.T) {
	r := New(1)
	r.Assign(lead(5, 1), Marks{LogEnd: 3})
	if c := r.Assign(lead(4, 1, 2, 3), Marks{}); c != (Change{}) || r.LeaderEpoch() != 5 {
		t.Fatalf("change %+v, epoch %d", c, r.LeaderEpoch())
	}
}

func TestEpochBumpEndsAndBeginsLeadership(t *testing.T) {
	r := New(1)
	r.Assign(lead(5, 1, 2), Marks{LogEnd: 3})
	r.Fetched(fetch(2, 3))
	if c := r.Assign(lead(6, 1, 2), Marks{HighWatermark: 3, LogEnd: 3}); !c.Began || !c.Ended {
		t.Fatalf("change %+v", c)
	}
	r.Appended(4)
	if r.HighWatermark() != 3 {
		t.Fatalf("a position of the old epoch counted: high watermark %d", r.HighWatermark())
	}
	a := lead(7, 2)
	a.Leader = 2
	if c := r.Assign(a, Marks{}); c.Began || !c.Ended || r.Leads() {
		t.Fatalf("change %+v", c)
	}
}

// heard is what the model knows of a replica at one leader epoch.
type heard struct {
	end       int64 // -1: nothing
	leaderEnd int64 // when it last fetched
	joining   bool
}

// world drives a Replica by random events and computes the high watermark a second time, from all that happened.
type world struct {
	r        Replica
	a        Assignment
	proposal *Proposal
	min      int
	end, hw  int64
	others   map[int32]heard
}

func (w *world) counted(id int32) bool {
	return slices.Contains(w.a.ISR, id) || w.proposal != nil && slices.ContainsFunc(w.proposal.ISR, func(m Member) bool { return m.ID == id })
}

func (w *world) settle() {
	if w.a.Leader != 1 || len(w.a.ISR) < min(w.min, len(w.a.Replicas)) {
		return
	}
	lowest := w.end
	for _, id := range w.a.Replicas {
		if id != 1 && (w.counted(id) || w.others[id].joining) {
			lowest = min(lowest, w.others[id].end)
		}
	}
	w.hw = max(w.hw, lowest)
}

func (w *world) assign(t *rapid.T) {
	all := rapid.Permutation([]int32{1, 2, 3, 4}).Draw(t, "replicas")
	a := Assignment{Replicas: all[:rapid.IntRange(1, 4).Draw(t, "rf")], PartitionEpoch: w.a.PartitionEpoch + 1, LeaderEpoch: w.a.LeaderEpoch}
	if !slices.Contains(a.Replicas, 1) {
		a.Replicas = append([]int32{1}, a.Replicas...)
	}
	a.Leader = w.a.Leader
	if rapid.Bool().Draw(t, "election") {
		a.LeaderEpoch++
		a.Leader = rapid.SampledFrom(a.Replicas).Draw(t, "leader")
	}
	for _, id := range a.Replicas {
		if id == a.Leader || rapid.Bool().Draw(t, "in sync") {
			a.ISR = append(a.ISR, id)
		}
	}
	w.r.Assign(a, Marks{HighWatermark: w.hw, LogEnd: w.end, At: at(0)})
	for _, id := range []int32{2, 3, 4} {
		h := w.others[id]
		if a.LeaderEpoch != w.a.LeaderEpoch || !slices.Contains(a.Replicas, id) {
			h = heard{end: -1, leaderEnd: -1}
		}
		h.joining = h.joining && !slices.Contains(a.ISR, id)
		w.others[id] = h
	}
	w.a, w.proposal = a, nil
	w.settle()
}

func (w *world) fetch(t *rapid.T) {
	id := rapid.SampledFrom([]int32{2, 3, 4}).Draw(t, "id")
	f := fetch(id, rapid.Int64Range(0, w.end+2).Draw(t, "at"))
	f.Eligible = rapid.Bool().Draw(t, "eligible")
	_, known := w.r.Fetched(f)
	if known != (w.a.Leader == 1 && slices.Contains(w.a.Replicas, id)) {
		t.Fatalf("replica %d known: %v", id, known)
	}
	if !known {
		return
	}
	h := w.others[id]
	end := min(f.Offset, w.end)
	current := end == w.end || h.leaderEnd >= 0 && end >= h.leaderEnd
	w.others[id] = heard{end: end, leaderEnd: w.end, joining: current && f.Eligible && !w.counted(id)}
	w.settle()
}

func (w *world) stopJoining() {
	for id, h := range w.others {
		h.joining = false
		w.others[id] = h
	}
}

func (w *world) expand(t *rapid.T) {
	id := rapid.SampledFrom([]int32{2, 3, 4}).Draw(t, "id")
	before := w.proposal
	if p := w.r.Expand(id, true); p != nil {
		if before != nil || slices.Contains(w.a.ISR, id) || w.others[id].end < w.hw {
			t.Fatalf("proposed %v", p)
		}
		w.proposal = p
	}
}

func (w *world) answer(t *rapid.T) {
	if w.proposal == nil {
		return
	}
	a := Answer{Code: rapid.SampledFrom([]int16{0, kerr.IneligibleReplica.Code, kerr.InvalidUpdateVersion.Code, kerr.RequestTimedOut.Code}).Draw(t, "code")}
	a.LeaderEpoch, a.PartitionEpoch = w.a.LeaderEpoch, w.a.PartitionEpoch+1
	for _, m := range w.proposal.ISR {
		a.ISR = append(a.ISR, m.ID)
	}
	outcome, _ := w.r.Answered(w.proposal, a)
	switch {
	case a.Code == 0 && outcome == Taken:
		w.a.ISR, w.a.PartitionEpoch = a.ISR, a.PartitionEpoch
	case a.Code == kerr.IneligibleReplica.Code && outcome == Withdrawn:
	case a.Code == kerr.InvalidUpdateVersion.Code && outcome == Awaited, a.Code == kerr.RequestTimedOut.Code && outcome == Again:
		return
	default:
		t.Fatalf("code %d: %v", a.Code, outcome)
	}
	w.proposal = nil
	w.stopJoining()
	w.settle()
}

func TestPropertyHighWatermarkIsWhatEveryInSyncReplicaHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{r: New(1), min: 1, others: map[int32]heard{2: {end: -1, leaderEnd: -1}, 3: {end: -1, leaderEnd: -1}, 4: {end: -1, leaderEnd: -1}}}
		w.a = Assignment{Leader: 1, Replicas: []int32{1, 2}, ISR: []int32{1, 2}}
		w.r.Assign(w.a, Marks{At: at(0)})
		w.settle()
		t.Repeat(map[string]func(*rapid.T){
			"assign": w.assign,
			"append": func(t *rapid.T) {
				if w.a.Leader == 1 {
					w.end += int64(rapid.IntRange(1, 5).Draw(t, "n"))
					w.r.Appended(w.end)
					w.settle()
				}
			},
			"fetch":  w.fetch,
			"expand": w.expand,
			"shrink": func(t *rapid.T) {
				if p := w.r.Shrink(at(rapid.IntRange(0, 40).Draw(t, "seconds")), 20*time.Second); p != nil {
					if w.proposal != nil {
						t.Fatal("a second proposal")
					}
					w.proposal = p
				}
			},
			"answer": w.answer,
			"tick": func(t *rapid.T) {
				for id, h := range w.others { // all fetched at second 0
					h.joining = h.joining && h.end == w.end
					w.others[id] = h
				}
				w.r.Tick(at(100), time.Second)
				w.settle()
			},
			"minimum": func(t *rapid.T) {
				w.min = rapid.IntRange(1, 5).Draw(t, "min")
				w.r.SetMinISR(w.min)
				w.settle()
			},
			"": func(t *rapid.T) {
				if err := w.r.Check(); err != nil {
					t.Fatal(err)
				}
				if w.a.Leader == 1 && w.r.HighWatermark() != w.hw {
					t.Fatalf("high watermark %d, want %d", w.r.HighWatermark(), w.hw)
				}
			},
		})
	})
}
