package balance

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// even is brokers 1 to n in so many racks (0: none) with partitions of one size on the first used of them, in turn.
func even(n, used, racks, partitions, factor int, bytes int64) State {
	var s State
	for i := range n {
		b := Broker{ID: int32(i + 1)}
		if racks > 0 {
			b.Rack = fmt.Sprint("r", i%racks)
		}
		s.Brokers = append(s.Brokers, b)
	}
	for i := range partitions {
		p := Partition{Topic: fmt.Sprint("t", i%10), Partition: int32(i / 10), Bytes: bytes}
		for r := range factor {
			p.Replicas = append(p.Replicas, int32((i+r*(1+i/used%max(1, used-factor+1)))%used+1))
		}
		p.ISR, p.Leader = p.Replicas, p.Replicas[0]
		s.Partitions = append(s.Partitions, p)
	}
	return s
}

// held counts the replicas and the preferred leaderships of each broker after a plan.
func held(s State, plan Plan) (replicas, leaders map[int32]int) {
	s = s.clone()
	for _, m := range plan.Moves {
		s.apply(m)
	}
	replicas, leaders = map[int32]int{}, map[int32]int{}
	for _, p := range s.Partitions {
		leaders[p.Replicas[0]]++
		for _, id := range p.Replicas {
			replicas[id]++
		}
	}
	return replicas, leaders
}

func TestABrokerThatJoinsGetsItsShare(t *testing.T) {
	s := even(4, 3, 0, 400, 3, 1_000_000_000)
	plan := Make(s)
	replicas, leaders := held(s, plan)
	for id := int32(1); id <= 4; id++ {
		if replicas[id] < 285 || replicas[id] > 315 || leaders[id] < 90 || leaders[id] > 110 {
			t.Errorf("broker %d has %d replicas and %d leaderships of 1200 and 400", id, replicas[id], leaders[id])
		}
	}
	// 300 is the mean, 285 the nearer border: no more than what is needed is copied.
	if plan.Bytes > 300_000_000_000 || plan.Bytes < 270_000_000_000 {
		t.Errorf("%d bytes are copied", plan.Bytes)
	}
	if plan.Duration < 2700*time.Second || plan.Duration > 3000*time.Second {
		t.Errorf("%v at 100 MB/s for what one broker takes in", plan.Duration)
	}
}

func TestPlansSayWhyNothingIsDone(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*State)
		says   string
	}{
		"even":          {func(s *State) { *s = even(3, 3, 0, 30, 3, 1) }, "even within 10%"},
		"off":           {func(s *State) { s.Limits.Mode = Off }, "leat.balance.mode=off"},
		"drain only":    {func(s *State) { s.Limits.Mode = DrainOnly }, "leat.balance.mode=drain-only"},
		"a broker away": {func(s *State) { s.Brokers[1].Fenced = true }, "broker 2 is fenced"},
		"not in sync":   {func(s *State) { s.Partitions[7].ISR = []int32{1} }, "1 partitions have replicas that are not in sync, t7-0 first"},
	} {
		t.Run(name, func(t *testing.T) {
			s := even(4, 3, 0, 30, 3, 1)
			c.change(&s)
			plan := Make(s)
			if len(plan.Moves) > 0 || !strings.Contains(strings.Join(plan.Notes, "\n"), c.says) {
				t.Errorf("%d moves, notes %q, want none and one that says %q", len(plan.Moves), plan.Notes, c.says)
			}
		})
	}
}

func TestADrainThatCannotEndSaysSo(t *testing.T) {
	s := even(3, 3, 0, 30, 3, 1)
	s.Brokers[2].Draining = true
	plan := Make(s)
	if len(plan.Moves) > 0 || !strings.Contains(strings.Join(plan.Notes, "\n"), "30 replicas cannot leave broker 3") {
		t.Errorf("%d moves, notes %q", len(plan.Moves), plan.Notes)
	}
}

// A rack whose only other broker is away for a moment is waited for; a rack that is drained whole is not.
func TestDrainingKeepsRacks(t *testing.T) {
	s := even(6, 6, 3, 60, 3, 1)
	for i := range s.Partitions {
		p := &s.Partitions[i]
		p.Replicas = []int32{int32(i%2*3 + 1), int32(i%2*3 + 2), int32(i%2*3 + 3)}
		p.ISR, p.Leader = p.Replicas, p.Replicas[0]
	}
	s.Brokers[0].Draining = true // its rack has broker 4 as well
	s.Brokers[3].Fenced = true
	if plan := Make(s); len(plan.Moves) > 0 || !strings.Contains(strings.Join(plan.Notes, "\n"), "30 replicas on broker 1 wait") {
		t.Errorf("%d moves, notes %q", len(plan.Moves), plan.Notes)
	}
	s.Brokers[3].Draining = true
	if replicas, _ := held(s, Make(s)); replicas[1]+replicas[4] != 0 {
		t.Errorf("a rack that is drained whole still has %d and %d replicas", replicas[1], replicas[4])
	}
}

func TestAFullDiskIsFreed(t *testing.T) {
	s := even(3, 3, 0, 90, 1, 1000)
	for i := range s.Brokers {
		s.Brokers[i].Dirs = []Dir{{Path: "/data", Total: 100_000, Usable: 70_000}}
	}
	s.Brokers[1].Dirs[0].Usable = 10_000 // 60,000 are not leat's
	for i := range s.Partitions {
		s.Partitions[i].Dirs = []string{"/data"}
	}
	plan := Make(s)
	if len(plan.Moves) < 10 || plan.Moves[0].Why != ForDisk || plan.Moves[0].Before[0] != 2 {
		t.Fatalf("%d moves, notes %q", len(plan.Moves), plan.Notes)
	}
	for _, m := range plan.Moves {
		s.apply(m)
	}
	if u := s.Brokers[1].Dirs[0].Usable; u < 20_000 {
		t.Errorf("%d bytes are free", u)
	}
}

func TestBytesBecomeEven(t *testing.T) {
	s := even(3, 3, 0, 300, 1, 10<<20)
	for i := range s.Partitions {
		if s.Partitions[i].Replicas[0] == 1 {
			s.Partitions[i].Bytes = 100 << 20
		}
	}
	bytes := func() (out []int64) {
		out = make([]int64, 3)
		for _, p := range s.Partitions {
			out[p.Replicas[0]-1] += p.Bytes >> 20
		}
		return out
	}
	for _, m := range Make(s).Moves {
		s.apply(m)
	}
	for _, b := range bytes() { // the mean is 4000, a difference below 1 GiB is left alone
		if b < 4000-512 || b > 4000+512 {
			t.Errorf("%v MiB on the three brokers", bytes())
		}
	}
	if replicas, _ := held(s, Plan{}); replicas[1] < 90 || replicas[2] > 110 || replicas[3] > 110 {
		t.Errorf("%v replicas on the three brokers", replicas)
	}
}

func BenchmarkMake(b *testing.B) {
	for _, brokers := range []int{3, 4, 10, 30} {
		for _, kind := range []string{"even", "one joins", "one drained", "sizes"} {
			b.Run(fmt.Sprintf("brokers=%d/%s", brokers, strings.ReplaceAll(kind, " ", "-")), func(b *testing.B) {
				s := even(brokers, brokers, 3, 100_000, min(3, brokers-1), 1<<20)
				switch kind {
				case "one joins":
					s.Brokers = append(s.Brokers, Broker{ID: int32(brokers + 1), Rack: "r0"})
				case "one drained":
					s.Brokers[0].Draining = true
				case "sizes":
					for i := range s.Partitions {
						s.Partitions[i].Bytes = int64(i%997*i%1009) << 14
					}
				}
				moves := 0
				for b.Loop() {
					moves = len(Make(s).Moves)
				}
				b.ReportMetric(float64(moves), "moves")
			})
		}
	}
}

func TestMovesOfAPlanNameEachPartitionOnce(t *testing.T) {
	s := even(10, 6, 3, 1000, 3, 1<<30)
	s.Brokers[2].Draining = true
	seen := map[string]bool{}
	plan := Make(s)
	for _, m := range plan.Moves {
		key := fmt.Sprint(m.Topic, m.Partition)
		if seen[key] || slices.Equal(m.Before, m.After) {
			t.Fatalf("%+v", m)
		}
		seen[key] = true
	}
	if len(plan.Moves) == 0 || plan.Moves[0].Why != ForDrain {
		t.Fatalf("draining is not first of %d moves", len(plan.Moves))
	}
}
