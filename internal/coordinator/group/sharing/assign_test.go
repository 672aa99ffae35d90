package sharing

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"leat/internal/record"
)

// TestPropertyAssignmentsAreBalancedAndStay gives random groups random partitions twice, with members and partitions that come and go in between.
func TestPropertyAssignmentsAreBalancedAndStay(t *testing.T) {
	for seed := range uint64(400) {
		r := rand.New(rand.NewPCG(seed, 5))
		a, b := record.UUID{1}, record.UUID{2}
		had := map[string]Assignment{}
		for round := range 4 {
			members, partitions := r.IntN(12), []TopicPartitions{{a, numbers(r.IntN(9))}, {b, numbers(r.IntN(9))}}
			var all []subscriber
			for i := range members {
				id := fmt.Sprint("m", (i+round)%12)
				all = append(all, subscriber{id: id, topics: map[record.UUID]bool{a: true, b: true}, had: had[id]})
			}
			got := assign(all, partitions)
			checkBalance(t, seed, all, partitions, got)
			for i := range all {
				all[i].had = got[all[i].id]
			}
			again := assign(all, partitions)
			for id := range got {
				if !sameAssignment(got[id], again[id]) {
					t.Fatalf("seed %d: %s has %v, and %v when nothing changed", seed, id, got[id], again[id])
				}
			}
			had = got
		}
	}
}

func numbers(n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = int32(i)
	}
	return all
}

// checkBalance checks that no member has more than one partition more than another, and no partition more than one member more.
func checkBalance(t *testing.T, seed uint64, members []subscriber, partitions []TopicPartitions, got map[string]Assignment) {
	t.Helper()
	readers := map[place]int{}
	total := 0
	for _, p := range partitions {
		for _, n := range p.Partitions {
			readers[place{p.TopicID, n}] = 0
			total++
		}
	}
	least, most := 1<<30, 0
	for _, m := range members {
		n := 0
		for _, a := range got[m.id] {
			for i, p := range a.Partitions {
				if i > 0 && a.Partitions[i-1] >= p {
					t.Fatalf("seed %d: %v is not sorted", seed, a)
				}
				x := place{a.TopicID, p}
				if _, ok := readers[x]; !ok {
					t.Fatalf("seed %d: %s has %v, which is not there", seed, m.id, x)
				}
				readers[x]++
				n++
			}
		}
		least, most = min(least, n), max(most, n)
	}
	if len(members) == 0 || total == 0 {
		return
	}
	if most-least > 1 || least == 0 && total >= len(members) || most == 0 {
		t.Fatalf("seed %d: members have %d to %d partitions of %d: %v", seed, least, most, total, got)
	}
	least, most = 1<<30, 0
	for _, n := range readers {
		least, most = min(least, n), max(most, n)
	}
	if most-least > 1 || least == 0 {
		t.Fatalf("seed %d: partitions have %d to %d members: %v", seed, least, most, got)
	}
}

// TestMembersThatReadDifferentTopics each get only what they read, and every partition that is read has a member.
func TestMembersThatReadDifferentTopics(t *testing.T) {
	a, b := record.UUID{1}, record.UUID{2}
	both, onlyA := map[record.UUID]bool{a: true, b: true}, map[record.UUID]bool{a: true}
	got := assign([]subscriber{{id: "x", topics: both}, {id: "y", topics: onlyA}, {id: "z", topics: onlyA}}, []TopicPartitions{{a, numbers(4)}, {b, numbers(4)}})
	count := 0
	for id, as := range got {
		for _, p := range as {
			count += len(p.Partitions)
			if id != "x" && p.TopicID == b {
				t.Fatalf("%s got a topic that it does not read: %v", id, as)
			}
		}
	}
	if count != 8 {
		t.Fatalf("%d of 8 partitions assigned: %v", count, got)
	}
}
