package progress

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func lead(epoch int32, isr ...int32) Assignment {
	return Assignment{Leader: 1, LeaderEpoch: epoch, PartitionEpoch: epoch * 10, Replicas: []int32{1, 2, 3}, ISR: isr}
}

func TestSingleReplicaCommitsWhatItAppends(t *testing.T) {
	r := New(1)
	a := Assignment{Leader: 1, LeaderEpoch: 0, Replicas: []int32{1}, ISR: []int32{1}}
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
	if moved, known := r.Fetched(3, 9); moved || !known {
		t.Fatal("a replica outside the in-sync set moved the high watermark")
	}
	if moved, _ := r.Fetched(2, 8); !moved || r.HighWatermark() != 8 {
		t.Fatalf("high watermark %d, want 8", r.HighWatermark())
	}
	r.Fetched(2, 9)
	if r.CatchingUp() {
		t.Fatal("still catching up at the start of the epoch")
	}
}

func TestProposedReplicaHoldsTheHighWatermark(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1, 2), Marks{LogEnd: 4})
	r.Fetched(2, 4)
	r.Fetched(3, 4)
	r.Propose([]int32{1, 2, 3})
	r.Appended(6)
	r.Fetched(2, 6)
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
	r.Fetched(2, 3)
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

// world drives a Replica by random events and computes the high watermark a second time, from all that happened.
type world struct {
	r        Replica
	a        Assignment
	proposed []int32
	min      int
	ends     map[int32]int64 // -1: not heard of in this epoch
	hw       int64
}

func (w *world) settle() {
	if w.a.Leader != 1 || len(w.a.ISR) < min(w.min, len(w.a.Replicas)) {
		return
	}
	lowest := w.ends[1]
	for _, id := range w.a.Replicas {
		if slices.Contains(w.a.ISR, id) || slices.Contains(w.proposed, id) {
			lowest = min(lowest, w.ends[id])
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
	newEpoch := a.LeaderEpoch != w.a.LeaderEpoch
	for id := range w.ends {
		if id != 1 && (newEpoch || !slices.Contains(a.Replicas, id)) {
			w.ends[id] = -1
		}
	}
	w.r.Assign(a, Marks{HighWatermark: w.hw, LogEnd: w.ends[1]})
	w.a, w.proposed = a, nil
	w.settle()
}

func TestPropertyHighWatermarkIsWhatEveryInSyncReplicaHas(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := &world{r: New(1), a: Assignment{Leader: 1, LeaderEpoch: -1}, min: 1, ends: map[int32]int64{1: 0, 2: -1, 3: -1, 4: -1}}
		w.a.LeaderEpoch = 0
		w.a.Replicas, w.a.ISR = []int32{1, 2}, []int32{1, 2}
		w.r.Assign(w.a, Marks{})
		w.settle()
		t.Repeat(map[string]func(*rapid.T){
			"assign": w.assign,
			"append": func(t *rapid.T) {
				if w.a.Leader == 1 {
					w.ends[1] += int64(rapid.IntRange(1, 5).Draw(t, "n"))
					w.r.Appended(w.ends[1])
					w.settle()
				}
			},
			"fetch": func(t *rapid.T) {
				id := rapid.SampledFrom([]int32{2, 3, 4}).Draw(t, "id")
				at := rapid.Int64Range(0, w.ends[1]+2).Draw(t, "at")
				_, known := w.r.Fetched(id, at)
				if known != (w.a.Leader == 1 && slices.Contains(w.a.Replicas, id)) {
					t.Fatalf("replica %d known: %v", id, known)
				}
				if known {
					w.ends[id] = min(at, w.ends[1])
					w.settle()
				}
			},
			"propose": func(t *rapid.T) {
				if w.a.Leader == 1 {
					w.proposed = slices.Clone(w.a.Replicas)
					w.r.Propose(w.proposed)
				}
			},
			"withdraw": func(t *rapid.T) {
				w.proposed = nil
				w.r.Withdraw()
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
