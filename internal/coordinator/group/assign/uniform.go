package assign

import (
	"slices"

	"leat/internal/record"
)

// Uniform balances partitions over members, and moves as few as that takes.
func Uniform(members []Member) map[string]Assignment {
	if len(members) == 0 {
		return map[string]Assignment{}
	}
	members = sorted(members)
	if !homogeneous(members) {
		return heterogeneous(members)
	}
	topics := slices.SortedFunc(slices.Values(members[0].Topics), compareTopics)
	u := uniform{members: members, given: make([]Assignment, len(members)), topics: topics, taken: make(map[record.UUID][]bool, len(topics))}
	total := 0
	for _, t := range topics {
		u.taken[t.ID] = make([]bool, t.Partitions)
		total += int(t.Partitions)
	}
	u.keep(total)
	u.fill()
	out := make(map[string]Assignment, len(members))
	for i := range members {
		out[members[i].ID] = u.given[i]
	}
	return out
}

// uniform is the work on one assignment where all members read the same topics.
type uniform struct {
	members []Member
	topics  []Topic
	given   []Assignment
	room    []int // how many partitions each member still gets
	taken   map[record.UUID][]bool
}

// keep lets every member have what it had, up to its share. total modulo members get one more: those who had more come first.
func (u *uniform) keep(total int) {
	share, more := total/len(u.members), total%len(u.members)
	u.room = make([]int, len(u.members))
	valid := make([][]owned, len(u.members))
	for i := range u.members {
		valid[i] = u.claim(i)
		u.room[i] = share
		if len(valid[i]) > share && more > 0 {
			u.room[i]++
			more--
		}
	}
	for i := range u.members {
		if more > 0 && u.room[i] == share {
			u.room[i]++
			more--
		}
		n := min(len(valid[i]), u.room[i])
		for _, o := range valid[i][n:] {
			u.taken[o.topic][o.partition] = false
		}
		u.room[i] -= n
		u.given[i] = u.assignment(i, valid[i], n)
	}
}

// owned is one partition.
type owned struct {
	topic     record.UUID
	partition int32
}

// claim lists what the member had and may have on, in order. Of two who had the same partition the first has it.
func (u *uniform) claim(i int) []owned {
	previous := u.members[i].Previous
	var all []owned
	for _, t := range u.topics {
		taken := u.taken[t.ID]
		for _, p := range previous[t.ID] {
			if p >= 0 && p < t.Partitions && !taken[p] {
				taken[p] = true
				all = append(all, owned{t.ID, p})
			}
		}
	}
	return all
}

// assignment is the first n of what a member had; the one of before if that is all of it.
func (u *uniform) assignment(i int, had []owned, n int) Assignment {
	if n == len(had) && n == u.members[i].Previous.Count() && n > 0 {
		return u.members[i].Previous
	}
	a := make(Assignment)
	for _, o := range had[:n] {
		a[o.topic] = append(a[o.topic], o.partition)
	}
	return a
}

// fill gives out what nobody has, one topic after the other, in turn to those with room.
func (u *uniform) fill() {
	var free []int // members with room
	for i := range u.members {
		if u.room[i] > 0 {
			free = append(free, i)
		}
	}
	changed := make([]bool, len(u.members))
	next := 0
	for _, t := range u.topics {
		for p, taken := range u.taken[t.ID] {
			if taken {
				continue
			}
			if next >= len(free) {
				next = 0
			}
			i := free[next]
			if !changed[i] {
				changed[i] = true
				u.given[i] = copied(u.given[i])
			}
			u.given[i][t.ID] = append(u.given[i][t.ID], int32(p))
			if u.room[i]--; u.room[i] == 0 {
				free = slices.Delete(free, next, next+1)
			} else {
				next++
			}
		}
	}
	for i := range u.members {
		if changed[i] {
			for _, ps := range u.given[i] {
				slices.Sort(ps)
			}
		}
	}
}

// copied is an assignment that may be added to.
func copied(a Assignment) Assignment {
	out := make(Assignment, len(a)+1)
	for id, ps := range a {
		out[id] = slices.Clone(ps)
	}
	return out
}
