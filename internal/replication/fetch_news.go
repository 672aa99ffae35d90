package replication

// fetchNews is what a fetcher has to tell of the partitions that it copies: one line for all that the same thing happened to in a round, for after a
// change of leaders there may be tens of thousands.
type fetchNews struct {
	lostFirst  *followed // nil: none
	lostBy     error
	lostCount  int
	foundFirst *followed // nil: none
	foundCount int
}

// lost notes that a partition could not be copied several times in a row.
func (n *fetchNews) lost(fd *followed, err error) {
	if n.lostFirst == nil {
		n.lostFirst, n.lostBy = fd, err
	}
	n.lostCount++
}

// found notes that such a partition is copied again.
func (n *fetchNews) found(fd *followed) {
	if n.foundFirst == nil {
		n.foundFirst = fd
	}
	n.foundCount++
}

// tell logs what there is to tell.
func (f *fetcher) tell() {
	if f.news.lostFirst == nil && f.news.foundFirst == nil {
		return
	}
	n := f.news
	f.news = fetchNews{}
	if n.lostFirst != nil {
		f.logger(n.lostFirst).Warn("partition not followed for now", "partitions", n.lostCount, "err", n.lostBy)
	}
	if n.foundFirst != nil {
		f.logger(n.foundFirst).Info("partition followed again", "partitions", n.foundCount)
	}
}
