package progress

import (
	"slices"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
)

func isr(p *Proposal) (ids []int32) {
	if p != nil {
		for _, m := range p.ISR {
			ids = append(ids, m.ID)
		}
	}
	return ids
}

// leads is a leader of three whose log ends at 10, all of it in sync.
func leads(t *testing.T) Replica {
	t.Helper()
	r := New(1)
	r.Assign(lead(1, 1, 2, 3), Marks{HighWatermark: 10, LogEnd: 10, At: at(0)})
	for _, id := range []int32{2, 3} {
		r.Fetched(fetch(id, 10))
	}
	if r.HighWatermark() != 10 {
		t.Fatalf("high watermark %d", r.HighWatermark())
	}
	return r
}

func fetchAt(id int32, offset int64, seconds int) Fetch {
	f := fetch(id, offset)
	f.At = at(seconds)
	return f
}

func TestAReplicaThatStopsFetchingLeavesTheISROnlyWhenItMissesSomething(t *testing.T) {
	r := leads(t)
	if p := r.Shrink(at(1000), 30*time.Second); p != nil {
		t.Fatalf("proposed %v although nobody misses anything", p)
	}
	r.Appended(11)
	r.Fetched(fetchAt(2, 11, 1000))
	if p := r.Shrink(at(1000), 30*time.Second); !slices.Equal(isr(p), []int32{1, 2}) {
		t.Fatalf("proposed %v", p)
	}
	if r.HighWatermark() != 10 {
		t.Fatalf("high watermark %d: a shrink that nobody confirmed counted", r.HighWatermark())
	}
}

func TestAReplicaThatFollowsAMovingEndHasCaughtUp(t *testing.T) {
	r := leads(t)
	for s := 1; s <= 100; s++ { // each fetch is where the log ended at the one before
		r.Fetched(fetchAt(2, 9+int64(s), s))
		r.Appended(10 + int64(s))
	}
	if p := r.Shrink(at(100), 30*time.Second); !slices.Equal(isr(p), []int32{1, 2}) {
		t.Fatalf("proposed %v, want the one to go that did not fetch", p)
	}
}

func TestASessionsSilenceIsAFetch(t *testing.T) {
	r := leads(t)
	r.Heard(2, at(100))
	r.Appended(11)
	r.Heard(3, at(100)) // too late: what it asked then is not known to have been the end
	if p := r.Shrink(at(120), 30*time.Second); !slices.Equal(isr(p), []int32{1, 2}) {
		t.Fatalf("proposed %v", p)
	}
}

func TestANewLeaderGivesTheISRTimeToFetch(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1, 2), Marks{LogEnd: 10, At: at(0)})
	if p := r.Shrink(at(29), 30*time.Second); p != nil {
		t.Fatalf("proposed %v after 29 s", p)
	}
	if p := r.Shrink(at(31), 30*time.Second); !slices.Equal(isr(p), []int32{1}) {
		t.Fatalf("proposed %v after 31 s", p)
	}
}

func TestAReplicaJoinsOnceItHasWhatIsCommittedAndWhatTheLeaderFound(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1), Marks{HighWatermark: 5, LogEnd: 10, At: at(0)}) // commits all ten at once
	r.SetMinISR(1)
	for _, c := range []struct {
		offset   int64
		eligible bool
		joins    bool
	}{{9, true, false}, {10, false, false}, {10, true, true}} {
		r.Fetched(fetch(2, c.offset))
		if p := r.Expand(2, c.eligible); (p != nil) != c.joins {
			t.Errorf("%+v: proposed %v", c, p)
		}
	}
	r = New(1)
	r.SetMinISR(2) // so that the high watermark stands still
	r.Assign(lead(1, 1), Marks{HighWatermark: 5, LogEnd: 10, At: at(0)})
	r.Fetched(fetch(2, 9))
	if p := r.Expand(2, true); p != nil {
		t.Errorf("proposed %v: it lacks what the leader found when it began", p)
	}
	r.Fetched(fetch(2, 10))
	if p := r.Expand(2, true); !slices.Equal(isr(p), []int32{1, 2}) || p.ISR[1].BrokerEpoch != 102 {
		t.Errorf("proposed %v", p)
	}
}

func TestAReplicaAboutToJoinHoldsTheHighWatermarkForAWhile(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1), Marks{LogEnd: 10, At: at(0)})
	r.Fetched(fetch(2, 10))
	r.Appended(12)
	if r.HighWatermark() != 10 {
		t.Fatalf("high watermark %d", r.HighWatermark())
	}
	if r.Tick(at(30), 30*time.Second) || !r.Tick(at(31), 30*time.Second) || r.HighWatermark() != 12 {
		t.Fatalf("high watermark %d after it stopped fetching", r.HighWatermark())
	}
}

func TestAReplicaThatMayNotJoinHoldsNothing(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1), Marks{LogEnd: 10, At: at(0)})
	r.Fetched(fetch(2, 10))
	r.Appended(12)
	if r.Exclude(func(id int32) bool { return id == 3 }) || !r.Exclude(func(id int32) bool { return id == 2 }) || r.HighWatermark() != 12 {
		t.Fatalf("high watermark %d", r.HighWatermark())
	}
}

func TestAnswersToAProposal(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer Answer
		want   Outcome
		stands bool // the proposal
		hw     int64
	}{
		{"done", Answer{LeaderEpoch: 1, PartitionEpoch: 11, ISR: []int32{1, 2}}, Taken, false, 11},
		{"nothing to do", Answer{LeaderEpoch: 1, PartitionEpoch: 10, ISR: []int32{1, 2}}, Taken, false, 11},
		{"older state", Answer{LeaderEpoch: 1, PartitionEpoch: 9, ISR: []int32{1}}, Outdated, true, 10},
		{"another epoch", Answer{LeaderEpoch: 2, PartitionEpoch: 12, ISR: []int32{1}}, Outdated, true, 10},
		{"ineligible", Answer{Code: kerr.IneligibleReplica.Code}, Withdrawn, false, 10},
		{"not attempted", Answer{Code: kerr.OperationNotAttempted.Code}, Withdrawn, false, 10},
		{"fenced", Answer{Code: kerr.FencedLeaderEpoch.Code}, Awaited, true, 10},
		{"state changed", Answer{Code: kerr.InvalidUpdateVersion.Code}, Awaited, true, 10},
		{"deleted", Answer{Code: kerr.UnknownTopicID.Code}, Awaited, true, 10},
		{"invalid", Answer{Code: kerr.InvalidRequest.Code}, Awaited, true, 10},
		{"led by another", Answer{Code: kerr.NewLeaderElected.Code}, Awaited, true, 10},
		{"stale broker epoch", Answer{Code: kerr.StaleBrokerEpoch.Code}, Again, true, 10},
		{"not the controller", Answer{Code: kerr.NotController.Code}, Again, true, 10},
		{"unknown code", Answer{Code: 9999}, Again, true, 10},
	} {
		r := leads(t)
		r.Appended(11)
		r.Fetched(fetchAt(2, 11, 100))
		p := r.Shrink(at(100), 30*time.Second)
		outcome, _ := r.Answered(p, c.answer)
		if outcome != c.want || (r.Proposed() == p) != c.stands || r.HighWatermark() != c.hw {
			t.Errorf("%s: %v, stands %v, high watermark %d", c.name, outcome, r.Proposed() == p, r.HighWatermark())
		}
		if again, _ := r.Answered(new(Proposal), c.answer); again != Outdated {
			t.Errorf("%s: an answer to something else was %v", c.name, again)
		}
	}
}

// The image of the same partition epoch comes again whenever another partition of the topic changes.
func TestAnAssignmentThatIsNotNewerLeavesTheProposal(t *testing.T) {
	r := leads(t)
	r.Appended(11)
	r.Fetched(fetchAt(2, 11, 100))
	p := r.Shrink(at(100), 30*time.Second)
	r.Assign(lead(1, 1, 2, 3), Marks{})
	if r.Proposed() != p {
		t.Fatal("the proposal is gone")
	}
	r.Answered(p, Answer{LeaderEpoch: 1, PartitionEpoch: 11, ISR: []int32{1, 2}})
	if r.Assign(lead(1, 1, 2, 3), Marks{}); !slices.Equal(r.ISR(), []int32{1, 2}) {
		t.Fatalf("an image that was late brought back %v", r.ISR())
	}
}

func TestALeaderThatAgreedOnAnISRHasRecovered(t *testing.T) {
	r := New(1)
	a := lead(1, 1)
	a.Recovering = true
	r.Assign(a, Marks{LogEnd: 4, At: at(0)})
	r.Fetched(fetch(2, 4))
	p := r.Expand(2, true)
	if p == nil || !r.Recovering() {
		t.Fatalf("proposed %v, recovering %v", p, r.Recovering())
	}
	r.Answered(p, Answer{LeaderEpoch: 1, PartitionEpoch: 11, ISR: []int32{1, 2}})
	if r.Recovering() {
		t.Fatal("still recovering")
	}
}

func TestLowestStartIsThatOfTheLiving(t *testing.T) {
	r := New(1)
	r.Assign(lead(1, 1), Marks{LogEnd: 4, At: at(0)})
	f := fetch(2, 4)
	f.LogStart = 2
	r.Fetched(f)
	for dead, want := range map[int32]int64{0: -1, 2: -1, 3: 2} {
		if got := r.LowestStart(3, func(id int32) bool { return id != dead }); got != want {
			t.Errorf("without node %d: lowest start %d, want %d", dead, got, want)
		}
	}
	if got := r.LowestStart(3, func(int32) bool { return false }); got != 3 {
		t.Errorf("alone: lowest start %d", got)
	}
}

func TestBestReaderIsInSyncAndHasTheRecord(t *testing.T) {
	r := New(1)
	r.Assign(Assignment{Leader: 1, LeaderEpoch: 1, PartitionEpoch: 1, Replicas: []int32{1, 2, 3, 4}, ISR: []int32{1, 2, 3}}, Marks{LogEnd: 10, At: at(0)})
	all := func(int32) bool { return true }
	if got := r.BestReader(0, all); got != -1 {
		t.Errorf("nobody has fetched: %d", got)
	}
	for id, end := range map[int32]int64{2: 6, 3: 8, 4: 10} {
		f := fetch(id, end)
		f.LogStart = int64(id)
		r.Fetched(f)
	}
	for _, c := range []struct {
		offset  int64
		allowed func(int32) bool
		want    int32
	}{
		{5, all, 3}, {8, all, 3}, {9, all, -1}, // 4 has it, but is not in sync
		{5, func(id int32) bool { return id == 2 }, 2}, {7, func(id int32) bool { return id == 2 }, -1},
		{2, all, 2}, {1, all, -1}, // deleted there
	} {
		if got := r.BestReader(c.offset, c.allowed); got != c.want {
			t.Errorf("offset %d: %d, want %d", c.offset, got, c.want)
		}
	}
}

func TestTruncateToFollowsEpochs(t *testing.T) {
	for _, c := range []struct {
		name           string
		diverging, own EpochEnd
		want           int64
	}{
		{"same epoch, longer here", EpochEnd{4, 70}, EpochEnd{4, 90}, 70},
		{"same epoch, longer there", EpochEnd{4, 90}, EpochEnd{4, 70}, 70},
		{"epoch unknown here: what is older stays", EpochEnd{4, 90}, EpochEnd{2, 60}, 60},
		{"nothing as old here", EpochEnd{4, 40}, EpochEnd{-1, -1}, 40},
		{"nothing as old here, and shorter", EpochEnd{4, 200}, EpochEnd{-1, -1}, 100},
	} {
		if got := TruncateTo(c.diverging, c.own, 100); got != c.want {
			t.Errorf("%s: %d, want %d", c.name, got, c.want)
		}
	}
}

func TestAFollowersMarkDoesNotMoveBack(t *testing.T) {
	for _, c := range []struct{ own, leaders, end, want int64 }{{5, 7, 9, 7}, {5, 12, 9, 9}, {5, 3, 9, 5}, {5, -1, 9, 5}} {
		if got := FollowerMark(c.own, c.leaders, c.end); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
	}
}
