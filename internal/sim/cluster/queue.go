package cluster

// event is something that will happen at a time, to a host if it is still the same process then.
type event struct {
	at   int64 // ns
	seq  uint64
	host *host  // nil: to the world
	life uint32 // of the host, anyLife: whichever
	off  *bool  // nil, or whether it is not wanted any more
	what string
	do   func()
}

const anyLife = ^uint32(0)

// queue is a heap of events, ordered by time and then by number.
type queue struct {
	events []event
	seq    uint64
}

func (q *queue) add(e event) {
	q.seq++
	e.seq = q.seq
	q.push(e)
}

// push puts an event in that has its number.
func (q *queue) push(e event) {
	q.events = append(q.events, e)
	i := len(q.events) - 1
	for i > 0 {
		up := (i - 1) / 4
		if !before(&e, &q.events[up]) {
			break
		}
		q.events[i] = q.events[up]
		i = up
	}
	q.events[i] = e
}

func (q *queue) pop() (event, bool) {
	if len(q.events) == 0 {
		return event{}, false
	}
	first := q.events[0]
	n := len(q.events) - 1
	last := q.events[n]
	q.events[n] = event{}
	q.events = q.events[:n]
	if n > 0 {
		q.sink(last)
	}
	return first, true
}

// sink puts an event in from the top.
func (q *queue) sink(e event) {
	i, n := 0, len(q.events)
	for {
		least := 4*i + 1
		if least >= n {
			break
		}
		for c := least + 1; c < min(least+4, n); c++ {
			if before(&q.events[c], &q.events[least]) {
				least = c
			}
		}
		if !before(&q.events[least], &e) {
			break
		}
		q.events[i] = q.events[least]
		i = least
	}
	q.events[i] = e
}

func before(a, b *event) bool { return a.at < b.at || a.at == b.at && a.seq < b.seq }
