package assign

import (
	"cmp"
	"slices"
	"strings"

	"leat/internal/record"
)

// Range gives each reader of a topic a run of its partitions; the first ones get one more if it does not come out even. Members are in the
// order of their instance ids, those without one after them, so that a static member comes back to the same partitions.
func Range(members []Member) map[string]Assignment {
	members = slices.Clone(members)
	slices.SortFunc(members, compareMembers)
	out := make(map[string]Assignment, len(members))
	readers := make(map[record.UUID][]int)
	var topics []Topic
	for i := range members {
		out[members[i].ID] = make(Assignment)
		for _, t := range members[i].Topics {
			r := readers[t.ID]
			if len(r) == 0 {
				topics = append(topics, t)
			}
			if len(r) == 0 || r[len(r)-1] != i {
				readers[t.ID] = append(r, i)
			}
		}
	}
	for _, t := range topics {
		r := readers[t.ID]
		share, more := int(t.Partitions)/len(r), int(t.Partitions)%len(r)
		from := 0
		for i, m := range r {
			n := share
			if i < more {
				n++
			}
			if n == 0 {
				break
			}
			run := make([]int32, n)
			for k := range run {
				run[k] = int32(from + k)
			}
			out[members[m].ID][t.ID] = run
			from += n
		}
	}
	return out
}

// compareMembers orders static members by instance id, then the others by member id.
func compareMembers(a, b Member) int {
	if (a.InstanceID == "") != (b.InstanceID == "") {
		if a.InstanceID != "" {
			return -1
		}
		return 1
	}
	return cmp.Or(strings.Compare(a.InstanceID, b.InstanceID), strings.Compare(a.ID, b.ID))
}
