package assign

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"

	"leat/internal/record"
)

func topic(n int, partitions int32) Topic {
	return Topic{ID: record.UUID{14: byte(n >> 8), 15: byte(n)}, Partitions: partitions}
}

// draw makes a random group.
func draw(r *rand.Rand) []Member {
	topics := make([]Topic, 1+r.IntN(6))
	for i := range topics {
		topics[i] = topic(i, int32(r.IntN(12)))
	}
	same := r.IntN(2) == 0
	members := make([]Member, 1+r.IntN(9))
	for i := range members {
		members[i].ID = fmt.Sprintf("m%02d", i)
		if r.IntN(4) == 0 {
			members[i].InstanceID = fmt.Sprintf("i%02d", r.IntN(100))
		}
		for _, t := range topics {
			if same || r.IntN(2) == 0 {
				members[i].Topics = append(members[i].Topics, t)
			}
		}
	}
	return members
}

// check tells what is wrong with an assignment: partitions twice, missing, or with somebody who does not read them.
func check(t *testing.T, members []Member, got map[string]Assignment) {
	t.Helper()
	owner := map[owned]string{}
	for _, m := range members {
		for id, ps := range got[m.ID] {
			if !slices.ContainsFunc(m.Topics, func(t Topic) bool { return t.ID == id }) {
				t.Fatalf("%s does not read topic %v", m.ID, id)
			}
			if !slices.IsSorted(ps) || len(ps) == 0 {
				t.Fatalf("%s: partitions %v", m.ID, ps)
			}
			for _, p := range ps {
				if other, twice := owner[owned{id, p}]; twice {
					t.Fatalf("partition %d of %v is given to %s and %s", p, id, other, m.ID)
				}
				owner[owned{id, p}] = m.ID
			}
		}
	}
	for _, m := range members {
		for _, topic := range m.Topics {
			for p := range topic.Partitions {
				if owner[owned{topic.ID, p}] == "" {
					t.Fatalf("nobody has partition %d of %v", p, topic.ID)
				}
			}
		}
	}
}

// balanced fails if a partition could go to a reader that has at least two less.
func balanced(t *testing.T, members []Member, got map[string]Assignment) {
	t.Helper()
	for _, from := range members {
		for id := range got[from.ID] {
			for _, to := range members {
				reads := slices.ContainsFunc(to.Topics, func(t Topic) bool { return t.ID == id })
				if reads && got[from.ID].Count()-got[to.ID].Count() > 1 {
					t.Fatalf("%s has %d partitions and %s, who reads the same topic, %d", from.ID, got[from.ID].Count(), to.ID, got[to.ID].Count())
				}
			}
		}
	}
}

func TestPropertyAssignmentsAreWholeBalancedAndSticky(t *testing.T) {
	for seed := range uint64(3000) {
		r := rand.New(rand.NewPCG(seed, 1))
		members := draw(r)
		check(t, members, Range(members))
		got := Uniform(members)
		check(t, members, got)
		balanced(t, members, got)
		for i := range members {
			members[i].Previous = got[members[i].ID]
		}
		shuffled := slices.Clone(members)
		r.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		if again := Uniform(shuffled); !reflect.DeepEqual(again, got) {
			t.Fatalf("seed %d: nothing changed, but the assignment did: %v, then %v", seed, got, again)
		}
		if !reflect.DeepEqual(Range(shuffled), Range(members)) {
			t.Fatalf("seed %d: range depends on the order of members", seed)
		}
		rest := members[1:]
		after := Uniform(rest)
		check(t, rest, after)
		balanced(t, rest, after)
		if homogeneous(members) {
			for _, m := range rest { // nobody loses anything when somebody leaves
				for id, ps := range got[m.ID] {
					for _, p := range ps {
						if !slices.Contains(after[m.ID][id], p) {
							t.Fatalf("seed %d: %s lost partition %d when another member left", seed, m.ID, p)
						}
					}
				}
			}
		}
	}
}

func TestUniformMovesAsFewAsAJoinTakes(t *testing.T) {
	topics := []Topic{topic(1, 10), topic(2, 2)}
	a, b := Member{ID: "a", Topics: topics}, Member{ID: "b", Topics: topics}
	first := Uniform([]Member{a, b})
	a.Previous, b.Previous = first["a"], first["b"]
	second := Uniform([]Member{a, b, {ID: "c", Topics: topics}})
	for _, m := range []Member{a, b} {
		kept := 0
		for id, ps := range second[m.ID] {
			for _, p := range ps {
				if slices.Contains(m.Previous[id], p) {
					kept++
				}
			}
		}
		if kept != 4 || second[m.ID].Count() != 4 {
			t.Errorf("%s kept %d of its 6 partitions and has %d, want 4", m.ID, kept, second[m.ID].Count())
		}
	}
}

func TestRangeGivesTheSamePartOfEveryTopic(t *testing.T) {
	topics := []Topic{topic(1, 5), topic(2, 5)}
	got := Range([]Member{{ID: "a", Topics: topics}, {ID: "b", InstanceID: "z", Topics: topics}, {ID: "c", Topics: topics[:1]}})
	want := map[string]Assignment{
		"b": {topics[0].ID: {0, 1}, topics[1].ID: {0, 1, 2}},
		"a": {topics[0].ID: {2, 3}, topics[1].ID: {3, 4}},
		"c": {topics[0].ID: {4}},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// group makes 2,000 members of 100 topics with 100 partitions each; the last member is new.
func group(mixed bool) []Member {
	var topics []Topic
	for i := range 100 {
		topics = append(topics, topic(i, 100))
	}
	members := make([]Member, 2000)
	for i := range members {
		members[i] = Member{ID: fmt.Sprintf("member-%04d", i), Topics: topics}
		if mixed && i%2 == 0 {
			members[i].Topics = topics[:50]
		}
	}
	had := Uniform(members[:1999])
	for i := range 1999 {
		members[i].Previous = had[members[i].ID]
	}
	return members
}

func BenchmarkUniform(b *testing.B) {
	members := group(false)
	b.ReportAllocs()
	for b.Loop() {
		Uniform(members)
	}
}

func BenchmarkUniformOfMixedSubscriptions(b *testing.B) {
	members := group(true)
	b.ReportAllocs()
	for b.Loop() {
		Uniform(members)
	}
}

func BenchmarkRange(b *testing.B) {
	members := group(false)
	b.ReportAllocs()
	for b.Loop() {
		Range(members)
	}
}
