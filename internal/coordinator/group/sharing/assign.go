package sharing

import (
	"cmp"
	"maps"
	"slices"

	"leat/internal/record"
)

// simpleAssignor is the name of the one assignor of share groups.
const simpleAssignor = "simple"

// place is a partition that can be assigned.
type place struct {
	topic     record.UUID
	partition int32
}

// subscriber is a member as the assignor sees it.
type subscriber struct {
	id     string
	topics map[record.UUID]bool
	had    Assignment
}

// assign shares the partitions out. Members may share a partition: with no more members than partitions each partition has one member,
// with more each member has one partition. Counts differ by at most one, and who had something keeps it as far as that allows. With
// members that read different topics this holds for each topic among the members that read it.
func assign(members []subscriber, partitions []TopicPartitions) map[string]Assignment {
	out := make(map[string][]place, len(members))
	if homogeneous(members) {
		var all []place
		for _, t := range partitions {
			if len(members) > 0 && members[0].topics[t.TopicID] {
				all = appendPlaces(all, t)
			}
		}
		share(members, all, out)
	} else {
		for _, t := range partitions {
			readers := slices.DeleteFunc(slices.Clone(members), func(m subscriber) bool { return !m.topics[t.TopicID] })
			share(readers, appendPlaces(nil, t), out)
		}
	}
	target := make(map[string]Assignment, len(members))
	for _, m := range members {
		target[m.id] = gather(out[m.id])
	}
	return target
}

func appendPlaces(to []place, t TopicPartitions) []place {
	for _, p := range t.Partitions {
		to = append(to, place{t.TopicID, p})
	}
	return to
}

// homogeneous reports whether all members read the same topics.
func homogeneous(members []subscriber) bool {
	for i := 1; i < len(members); i++ {
		if !maps.Equal(members[i].topics, members[0].topics) {
			return false
		}
	}
	return true
}

// share shares places out among members that read all of them, and adds to out what each gets.
func share(members []subscriber, places []place, out map[string][]place) {
	m, p := len(members), len(places)
	if m == 0 || p == 0 {
		return
	}
	// Whoever has least so far, of other topics, takes most; then by name.
	members = slices.Clone(members)
	slices.SortStableFunc(members, func(a, b subscriber) int { return cmp.Compare(len(out[a.id]), len(out[b.id])) })
	perMember, more := p/m, p%m // more members take one more
	perPlace, fuller := 1, p    // places that may have perPlace members, the others one less
	if m > p {
		perMember, more = 1, 0
		perPlace, fuller = (m+p-1)/p, m-p*((m-1)/p)
	}
	room := make(map[place]int, p)
	for _, x := range places {
		room[x] = perPlace
	}
	take := func(x place) bool {
		switch n := room[x]; {
		case n == 0, n == 1 && fuller == 0:
			return false
		case n == 1:
			fuller--
		}
		room[x]--
		return true
	}
	got := make([][]place, m)
	quota := func(i int) int {
		if len(got[i]) >= perMember && more > 0 {
			return perMember + 1
		}
		return perMember
	}
	give := func(i int, x place) bool {
		if len(got[i]) >= quota(i) || !take(x) {
			return false
		}
		if got[i] = append(got[i], x); len(got[i]) > perMember {
			more--
		}
		return true
	}
	for i, s := range members {
		for _, t := range s.had {
			for _, n := range t.Partitions {
				if _, ok := room[place{t.TopicID, n}]; ok {
					give(i, place{t.TopicID, n})
				}
			}
		}
	}
	fill(got, places, give)
	for i, s := range members {
		out[s.id] = append(out[s.id], got[i]...)
	}
}

// fill gives what is left to whoever has room. First all get what everybody gets, then some one more.
func fill(got [][]place, places []place, give func(i int, x place) bool) {
	// Places that are taken are passed over once for each member that looks for more.
	next := 0
	for i := range got {
		for tried := 0; tried < len(places); tried++ {
			x := places[next%len(places)]
			if slices.Contains(got[i], x) || !give(i, x) {
				next++
			} else {
				tried = -1
			}
		}
	}
}

// gather makes an assignment of places.
func gather(places []place) Assignment {
	slices.SortFunc(places, func(a, b place) int {
		if c := compareIDs(a.topic, b.topic); c != 0 {
			return c
		}
		return cmp.Compare(a.partition, b.partition)
	})
	a := Assignment{}
	for _, x := range places {
		if n := len(a); n > 0 && a[n-1].TopicID == x.topic {
			a[n-1].Partitions = append(a[n-1].Partitions, x.partition)
			continue
		}
		a = append(a, TopicPartitions{TopicID: x.topic, Partitions: []int32{x.partition}})
	}
	return a
}
