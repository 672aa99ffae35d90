package replication

import "time"

// fetchNews is what a fetcher has to tell of the partitions that it copies: one line for all that the same thing happened to within a moment, for after a
// change of leaders there may be tens of thousands.
type fetchNews struct {
	since      time.Time // when the first happened
	lostFirst  *followed // nil: none
	lostBy     error
	lostCount  int
	foundFirst *followed // nil: none
	foundCount int
}

// newsGather is how long news are gathered before they are told.
const newsGather = time.Second

// lost notes that a partition could not be copied several times in a row.
func (n *fetchNews) lost(fd *followed, err error) {
	n.begin()
	if n.lostFirst == nil {
		n.lostFirst, n.lostBy = fd, err
	}
	n.lostCount++
}

// found notes that such a partition is copied again.
func (n *fetchNews) found(fd *followed) {
	n.begin()
	if n.foundFirst == nil {
		n.foundFirst = fd
	}
	n.foundCount++
}

func (n *fetchNews) begin() {
	if n.since.IsZero() {
		n.since = time.Now()
	}
}

// tell logs what there is to tell, if it is time to. Rounds follow each other at least every replica.fetch.wait.max.ms.
func (f *fetcher) tell() {
	n := f.news
	if n.since.IsZero() || time.Since(n.since) < newsGather {
		return
	}
	f.news = fetchNews{}
	if n.lostFirst != nil {
		f.logger(n.lostFirst).Warn("partition not followed for now", "partitions", n.lostCount, "err", n.lostBy)
	}
	if n.foundFirst != nil {
		f.logger(n.foundFirst).Info("partition followed again", "partitions", n.foundCount)
	}
}
