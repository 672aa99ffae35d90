package streams

import (
	"cmp"
	"maps"
	"slices"
)

// candidate is a member as the assignor sees it.
type candidate struct {
	id      string
	process string
	held    Assignment
	offsets map[Task]int64 // of the state on its disk, as far as it told
}

// need is what is to be assigned.
type need struct {
	tasks    map[string]int32 // by subtopology: how many tasks
	stateful map[string]bool
	standbys int
}

// assign decides who runs which task: tasks stay where they are, go to where their state is, or to where least is done, in this order,
// as long as nobody gets more than a fair share.
//
// Active tasks come first, then the standby tasks of stateful subtopologies, each on a process that does not run the task yet. If there
// are not enough processes, there are fewer standby tasks. The same input gives the same result.
func assign(members []candidate, n need) map[string]Assignment {
	s := newSticky(members, n)
	if len(s.workers) > 0 {
		s.assignActive(n)
		s.assignStandby(n)
	}
	out := make(map[string]Assignment, len(s.workers))
	for id, w := range s.workers {
		out[id] = w.tasks
	}
	return out
}

// worker is a member while tasks are handed out.
type worker struct {
	id    string
	on    *process
	tasks Assignment
	count int
}

// process is members that share a disk.
type process struct {
	id      string
	workers []*worker
	tasks   Tasks
	count   int
}

// load is how many tasks the process runs for each member.
func (p *process) load() float64 { return float64(p.count) / float64(len(p.workers)) }

// least is the member with the fewest tasks.
func (p *process) least() *worker {
	return slices.MinFunc(p.workers, func(a, b *worker) int { return cmp.Compare(a.count, b.count) })
}

// quota is a fair share. It is computed anew whenever somebody has reached it, for those who have not.
type quota struct{ tasks, members, each int }

func newQuota(tasks, members int) quota {
	q := quota{tasks: tasks, members: members}
	q.share()
	return q
}

func (q *quota) share() {
	if q.each = 0; q.members > 0 {
		q.each = (q.tasks + q.members - 1) / q.members
	}
}

// reached takes note that a member has so many tasks now.
func (q *quota) reached(count int) {
	if count == q.each {
		q.members--
		q.tasks -= count
		q.share()
	}
}

// sticky is an assignment in the making.
type sticky struct {
	workers   map[string]*worker
	processes []*process // by id
	active    map[Task]*worker
	standby   map[Task][]*worker // those with state of a task, best first
	fairest   quota              // of active tasks
	total     quota
}

func newSticky(members []candidate, n need) *sticky {
	s := &sticky{workers: make(map[string]*worker), active: make(map[Task]*worker), standby: make(map[Task][]*worker)}
	members = slices.SortedFunc(slices.Values(members), func(a, b candidate) int { return cmp.Compare(a.id, b.id) })
	processes := make(map[string]*process)
	type holder struct {
		w       *worker
		standby bool
		offset  int64
	}
	holders := make(map[Task][]holder)
	for i := range members {
		m := &members[i]
		p := processes[m.process]
		if p == nil {
			p = &process{id: m.process, tasks: make(Tasks)}
			processes[m.process] = p
		}
		w := &worker{id: m.id, on: p}
		p.workers = append(p.workers, w)
		s.workers[m.id] = w
		for task := range m.held[Active] {
			s.active[task] = w
		}
		for task := range m.held[Standby] {
			holders[task] = append(holders[task], holder{w, true, m.offsets[task]})
		}
		for task, offset := range m.offsets {
			if !m.held[Standby].has(task) {
				holders[task] = append(holders[task], holder{w, false, offset})
			}
		}
	}
	for task, all := range holders {
		slices.SortStableFunc(all, func(a, b holder) int {
			if a.standby != b.standby {
				return map[bool]int{true: -1, false: 1}[a.standby]
			}
			return cmp.Compare(b.offset, a.offset)
		})
		for _, h := range all {
			s.standby[task] = append(s.standby[task], h.w)
		}
	}
	s.processes = slices.SortedFunc(maps.Values(processes), func(a, b *process) int { return cmp.Compare(a.id, b.id) })
	active, all := 0, 0
	for id, k := range n.tasks {
		active, all = active+int(k), all+int(k)
		if n.stateful[id] {
			all += int(k) * n.standbys
		}
	}
	s.fairest, s.total = newQuota(active, len(members)), newQuota(all, len(members))
	return s
}

// list names the tasks, by partition and then subtopology; or only the stateful ones.
func (n *need) list(statefulOnly bool) (all []Task) {
	for id, k := range n.tasks {
		for p := range k {
			if !statefulOnly || n.stateful[id] {
				all = append(all, Task{id, p})
			}
		}
	}
	slices.SortFunc(all, byPartition)
	return all
}

func byPartition(a, b Task) int {
	return cmp.Or(cmp.Compare(a.Partition, b.Partition), cmp.Compare(a.Subtopology, b.Subtopology))
}

// give hands a task to a member.
func (s *sticky) give(w *worker, task Task, role Role) {
	w.tasks.add(role, task, 0)
	w.on.tasks[task] = 0
	w.count++
	w.on.count++
	if role == Active {
		s.fairest.reached(w.count)
	}
	s.total.reached(w.count)
}

// assignActive hands out the active tasks: to those who run them, to those who have their state, to those who do least.
func (s *sticky) assignActive(n need) {
	var moved, rest []Task
	for _, task := range n.list(false) {
		if w := s.active[task]; w != nil && w.count < s.fairest.each {
			s.give(w, task, Active)
		} else {
			moved = append(moved, task)
		}
	}
	for _, task := range moved {
		if w := s.leastOf(s.standby[task], nil); w != nil && w.count < s.fairest.each {
			s.give(w, task, Active)
		} else {
			rest = append(rest, task)
		}
	}
	slices.SortFunc(rest, byTask)
	for _, task := range rest {
		s.give(s.leastLoaded(nil).least(), task, Active)
	}
}

// assignStandby hands out the standby tasks: to those who ran the active one, to those who have its state, to those who do least.
func (s *sticky) assignStandby(n need) {
	type open struct {
		task  Task
		count int
	}
	var rest []open
	if n.standbys == 0 {
		return
	}
	tasks := n.list(true)
	slices.Reverse(tasks)
	for _, task := range tasks {
		for i := range n.standbys {
			w := s.active[task]
			if w == nil || w.on.tasks.has(task) || w.count >= s.total.each {
				w = s.leastOf(s.standby[task], &task)
			}
			if w == nil || w.count >= s.total.each {
				rest = append(rest, open{task, n.standbys - i})
				break
			}
			s.give(w, task, Standby)
		}
	}
	slices.SortFunc(rest, func(a, b open) int { return byTask(b.task, a.task) })
	for _, o := range rest {
		for range o.count {
			p := s.leastLoaded(&o.task)
			if p == nil {
				break // every process has it already
			}
			s.give(p.least(), o.task, Standby)
		}
	}
}

// leastOf is the one among members who has less to do than those named before him, on a process that does so, too. Those whose process
// runs the task already do not count, if one is given.
func (s *sticky) leastOf(members []*worker, without *Task) (best *worker) {
	for _, w := range members {
		if without != nil && w.on.tasks.has(*without) {
			continue
		}
		if best == nil || w.on.load() < best.on.load() && w.count < best.count {
			best = w
		}
	}
	return best
}

// leastLoaded is the process that does least, of those that do not run the task yet, if one is given.
func (s *sticky) leastLoaded(without *Task) (best *process) {
	for _, p := range s.processes {
		if without != nil && p.tasks.has(*without) {
			continue
		}
		if best == nil || p.load() < best.load() {
			best = p
		}
	}
	return best
}
