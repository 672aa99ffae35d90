package streams

import (
	"fmt"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// drawn is a group of some processes with some members each, and tasks of some subtopologies, every second of them stateful.
func drawn(t *rapid.T) ([]candidate, need) {
	n := need{tasks: make(map[string]int32), stateful: make(map[string]bool), standbys: rapid.IntRange(0, 2).Draw(t, "standbys")}
	for i := range rapid.IntRange(1, 4).Draw(t, "subtopologies") {
		id := fmt.Sprint(i)
		n.tasks[id], n.stateful[id] = rapid.Int32Range(1, 12).Draw(t, "tasks"), i%2 == 0
	}
	var members []candidate
	for i := range rapid.IntRange(1, 9).Draw(t, "members") {
		members = append(members, candidate{id: fmt.Sprintf("m%d", i), process: fmt.Sprintf("p%d", rapid.IntRange(0, 3).Draw(t, "process"))})
	}
	return members, n
}

// held gives the members what was assigned to them.
func held(members []candidate, a map[string]Assignment) []candidate {
	out := make([]candidate, len(members))
	for i, m := range members {
		m.held = a[m.id]
		out[i] = m
	}
	return out
}

// checkAssigned checks that all is handed out as it must be.
func checkAssigned(t *rapid.T, members []candidate, n need, a map[string]Assignment) {
	if len(a) != len(members) {
		t.Fatalf("%d members of %d have an assignment", len(a), len(members))
	}
	active := make(map[Task]string)
	onProcess := make(map[Task]map[string]int)
	standbys := make(map[Task]int)
	for _, m := range members {
		for r, tasks := range a[m.id] {
			for task := range tasks {
				if onProcess[task] == nil {
					onProcess[task] = make(map[string]int)
				}
				if onProcess[task][m.process]++; onProcess[task][m.process] > 1 {
					t.Fatalf("process %s has %v twice", m.process, task)
				}
				switch Role(r) {
				case Active:
					if active[task] != "" {
						t.Fatalf("%v is active on %s and %s", task, active[task], m.id)
					}
					active[task] = m.id
				case Standby:
					standbys[task]++
				default:
					t.Fatalf("a warm-up task in a target assignment: %v", task)
				}
			}
		}
	}
	processes := make(map[string]bool)
	for _, m := range members {
		processes[m.process] = true
	}
	for _, task := range n.list(false) {
		want := 0
		if n.stateful[task.Subtopology] {
			want = min(n.standbys, len(processes)-1)
		}
		if active[task] == "" || standbys[task] != want {
			t.Fatalf("%v is active on %q and has %d standby tasks, not %d", task, active[task], standbys[task], want)
		}
	}
	if len(active) != len(n.list(false)) {
		t.Fatalf("%d active tasks, there are %d", len(active), len(n.list(false)))
	}
}

// spread is the most and the fewest active tasks that a member has.
func spread(members []candidate, a map[string]Assignment) (most, fewest int) {
	fewest = 1 << 30
	for _, m := range members {
		most, fewest = max(most, len(a[m.id][Active])), min(fewest, len(a[m.id][Active]))
	}
	return most, fewest
}

func TestPropertyEveryTaskIsAssignedOnce(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, n := drawn(t)
		first := assign(members, n)
		checkAssigned(t, members, n, first)
		if most, fewest := spread(members, first); most > fewest+1 {
			t.Fatalf("a new group has members with %d and with %d active tasks", most, fewest)
		}
		if again := assign(members, n); !reflect.DeepEqual(first, again) {
			t.Fatalf("the same input gives %v and %v", first, again)
		}
	})
}

func TestPropertyActiveTasksStayWhenNobodyComesOrGoes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, n := drawn(t)
		n.standbys = 0
		first := assign(members, n)
		second := assign(held(members, first), n)
		for id := range first {
			if !first[id].same(second[id]) {
				t.Fatalf("%s had %v and gets %v", id, first[id], second[id])
			}
		}
	})
}

func TestPropertyAJoinerTakesNoMoreThanItsShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members, n := drawn(t)
		n.standbys = 0
		first := assign(members, n)
		all := append(held(members, first), candidate{id: "new", process: "pnew"})
		second := assign(all, n)
		checkAssigned(t, all, n, second)
		if most, fewest := spread(all, second); most > fewest+1 {
			t.Fatalf("members have between %d and %d active tasks", fewest, most)
		}
		moved := 0
		for _, m := range members {
			for task := range first[m.id][Active] {
				if !second[m.id][Active].has(task) {
					moved++
				}
			}
		}
		if got := len(second["new"][Active]); moved != got {
			t.Fatalf("%d tasks moved, %d of them to the new member", moved, got)
		}
	})
}

func TestTasksGoWhereTheirStateIs(t *testing.T) {
	n := need{tasks: map[string]int32{"0": 4}, stateful: map[string]bool{"0": true}}
	members := []candidate{
		{id: "a", process: "pa"},
		{id: "b", process: "pb", held: Assignment{nil, {{"0", 1}: 0}}},
		{id: "c", process: "pc", offsets: map[Task]int64{{"0", 2}: 100}},
		{id: "d", process: "pd", offsets: map[Task]int64{{"0", 2}: 200}},
	}
	a := assign(members, n)
	if !a["b"][Active].has(Task{"0", 1}) {
		t.Errorf("task 0_1 did not become active where it was standby: %v", a)
	}
	if !a["d"][Active].has(Task{"0", 2}) {
		t.Errorf("task 0_2 did not go to the member with more of its state: %v", a)
	}
}

func BenchmarkAssign(b *testing.B) {
	n := need{tasks: map[string]int32{"0": 500, "1": 500}, stateful: map[string]bool{"0": true}, standbys: 1}
	var members []candidate
	for i := range 200 {
		members = append(members, candidate{id: fmt.Sprintf("m%03d", i), process: fmt.Sprintf("p%02d", i/4)})
	}
	members = held(members, assign(members, n))
	for b.Loop() {
		assign(members, n)
	}
}
