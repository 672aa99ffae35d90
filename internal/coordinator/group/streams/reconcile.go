package streams

// holders says which processes hold a task in a role, and on how many of their members.
type holders [roles]map[Task]map[string]int

// count adds n to what the process holds of each of the tasks.
func (h *holders) count(a Assignment, process string, n int) {
	for r, tasks := range a {
		if h[r] == nil {
			h[r] = make(map[Task]map[string]int)
		}
		for task := range tasks {
			by := h[r][task]
			if by == nil {
				by = make(map[string]int)
				h[r][task] = by
			}
			if by[process] += n; by[process] == 0 {
				delete(by, process)
			}
			if len(by) == 0 {
				delete(h[r], task)
			}
		}
	}
}

// progress is one step of a member towards its target.
type progress struct {
	member  *Current
	process string
	target  Assignment
	epoch   int32       // of the target
	owned   *Assignment // what the member says it runs; nil: it does not say
	held    *holders    // by anybody, this member included
}

// next is the member after this step; the same one if it has to wait.
func (p *progress) next() *Current {
	switch p.member.State {
	case MemberUnrevoked:
		if p.unreleased(p.member.Revoking) {
			return p.member
		}
		return p.step(p.member.Epoch + 1)
	case MemberUnreleased:
		return p.step(p.member.Epoch)
	}
	if p.member.Epoch == p.epoch {
		return p.member
	}
	return p.step(p.member.Epoch)
}

// unreleased reports whether the member may still run some of these tasks.
func (p *progress) unreleased(a Assignment) bool { return p.owned == nil || p.owned.intersects(a) }

// step compares what the member holds with its target.
//
// Tasks to be given up come first: until the member has done so, it gets nothing and stays in its epoch. Then it gets what nobody
// holds, in the target's epoch. A task changes its role on the member without being given up: standby and warm-up tasks at once, and
// to active once the task is free; till then it goes on as what it is.
func (p *progress) step(epoch int32) *Current {
	have := p.member.Assigned
	var keep, revoke, grant Assignment
	waits := false
	for r := range roles {
		for task, since := range have[r] {
			if p.target[r].has(task) {
				keep.add(r, task, since)
			} else {
				revoke.add(r, task, since)
			}
		}
		for task := range p.target[r] {
			switch {
			case have[r].has(task):
			case p.taken(r, task):
				waits = true
			case r == Active:
				grant.add(r, task, p.epoch)
			default:
				grant.add(r, task, 0)
			}
		}
	}
	p.changeRoles(&keep, &revoke, &grant)
	for _, r := range []Role{Standby, Warmup} {
		for task := range have[r] {
			if p.target[Active].has(task) {
				delete(revoke[r], task)
			}
		}
	}
	mustRevoke := !revoke.empty() && p.unreleased(revoke)
	for _, r := range []Role{Standby, Warmup} {
		for task := range have[r] {
			if p.target[Active].has(task) && (mustRevoke || !grant[Active].has(task)) {
				keep.add(r, task, 0)
			}
		}
	}
	return p.result(epoch, keep, revoke, grant, mustRevoke, waits)
}

// changeRoles grants at once what the member has in another role: a standby task that it runs as active one or holds as warm-up, and
// a warm-up task that it holds as standby.
func (p *progress) changeRoles(keep, revoke, grant *Assignment) {
	have := p.member.Assigned
	change := func(from, to Role) {
		for task := range have[from] {
			if grant[to].has(task) {
				delete(grant[to], task)
				keep.add(to, task, 0)
				if from != Active {
					delete(revoke[from], task)
				}
			}
		}
	}
	change(Active, Standby)
	change(Standby, Warmup)
	change(Warmup, Standby)
}

// result makes the member of what the step found.
func (p *progress) result(epoch int32, keep, revoke, grant Assignment, mustRevoke, waits bool) *Current {
	if mustRevoke {
		return &Current{Epoch: epoch, Previous: p.member.Epoch, State: MemberUnrevoked, Assigned: keep, Revoking: revoke}
	}
	for r, tasks := range grant {
		for task, since := range tasks {
			keep.add(Role(r), task, since)
		}
	}
	state := MemberStable
	if waits {
		state = MemberUnreleased
	}
	return &Current{Epoch: p.epoch, Previous: p.member.Epoch, State: state, Assigned: keep}
}

// taken reports whether a task that the member shall get in a role is held so that it cannot have it yet: an active task by anybody,
// and in any role by another member of its process, because they share the state.
func (p *progress) taken(r Role, task Task) bool {
	others := func(role Role) bool {
		return p.held[role][task][p.process] > 0 && !p.member.Assigned[role].has(task)
	}
	switch r {
	case Active:
		return len(p.held[Active][task]) > 0 || others(Standby) || others(Warmup)
	case Standby:
		return others(Active) || p.held[Standby][task][p.process] > 0 || others(Warmup)
	}
	return p.held[Active][task][p.process] > 0 || others(Standby) || p.held[Warmup][task][p.process] > 0
}
