package streams

import (
	"cmp"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Task is one subtopology on one partition.
type Task struct {
	Subtopology string
	Partition   int32
}

func byTask(a, b Task) int {
	return cmp.Or(cmp.Compare(a.Subtopology, b.Subtopology), cmp.Compare(a.Partition, b.Partition))
}

// Tasks is a set of tasks. What is said of each is the epoch since which it is held, where that is kept: for active tasks that a
// member holds. It is 0 elsewhere.
type Tasks map[Task]int32

// Role is what a member does with a task.
type Role int

// The roles.
const (
	Active Role = iota
	Standby
	Warmup
	roles
)

// Assignment is tasks by role. An absent set is an empty one.
type Assignment [roles]Tasks

// sorted lists the tasks in order.
func (t Tasks) sorted() []Task { return slices.SortedFunc(maps.Keys(t), byTask) }

// has reports whether the task is one of them.
func (t Tasks) has(task Task) bool { _, ok := t[task]; return ok }

// same reports whether the tasks are the same, since whenever they are held.
func (t Tasks) same(o Tasks) bool {
	if len(t) != len(o) {
		return false
	}
	for task := range t {
		if !o.has(task) {
			return false
		}
	}
	return true
}

// clone copies the sets.
func (a Assignment) clone() Assignment {
	for r := range a {
		a[r] = maps.Clone(a[r])
	}
	return a
}

// equal compares tasks and epochs.
func (a Assignment) equal(b Assignment) bool {
	for r := range a {
		if !maps.Equal(a[r], b[r]) {
			return false
		}
	}
	return true
}

// same compares tasks only.
func (a Assignment) same(b Assignment) bool {
	for r := range a {
		if !a[r].same(b[r]) {
			return false
		}
	}
	return true
}

// empty reports whether there is no task.
func (a Assignment) empty() bool {
	return len(a[Active]) == 0 && len(a[Standby]) == 0 && len(a[Warmup]) == 0
}

// intersects reports whether a task has the same role in both.
func (a Assignment) intersects(b Assignment) bool {
	for r := range a {
		for task := range a[r] {
			if b[r].has(task) {
				return true
			}
		}
	}
	return false
}

// add puts a task in a role.
func (a *Assignment) add(r Role, task Task, epoch int32) {
	if a[r] == nil {
		a[r] = make(Tasks)
	}
	a[r][task] = epoch
}

// grouped gives the tasks in the form of requests and responses: by subtopology, in order. It is never nil.
func (t Tasks) grouped() []kmsg.TaskIDs {
	out := []kmsg.TaskIDs{}
	for _, task := range t.sorted() {
		if n := len(out); n == 0 || out[n-1].SubtopologyID != task.Subtopology {
			ids := kmsg.NewTaskIDs()
			ids.SubtopologyID = task.Subtopology
			out = append(out, ids)
		}
		last := &out[len(out)-1]
		last.Partitions = append(last.Partitions, task.Partition)
	}
	return out
}

// tasksOf reads the form of requests.
func tasksOf(ids []kmsg.TaskIDs) Tasks {
	t := make(Tasks)
	for i := range ids {
		for _, p := range ids[i].Partitions {
			t[Task{ids[i].SubtopologyID, p}] = 0
		}
	}
	return t
}
