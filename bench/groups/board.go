package main

import (
	"fmt"
	"sync"
	"time"
)

// board knows who reads which partition. Members write on it when they have read a partition that became theirs, and when they give it up.
type board struct {
	mu      sync.Mutex
	readers []*member // of each partition; nil: nobody
	ever    []bool    // partitions that were read since the last mark
	count   map[*member]int
	live    int // members that should have a share
	since   time.Time
	first   time.Duration // from the mark until every partition had been read once
	settled chan time.Duration
	failed  chan error
}

func newBoard(partitions int) *board {
	return &board{readers: make([]*member, partitions), count: map[*member]int{}, failed: make(chan error, 1)}
}

// mark begins a measurement, in which so many members are to have a share each. What it returns gets the time until that is so.
func (b *board) mark(live int) <-chan time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.live, b.since, b.first = live, time.Now(), 0
	b.ever = make([]bool, len(b.readers))
	for p, m := range b.readers {
		b.ever[p] = m != nil
	}
	b.settled = make(chan time.Duration, 1)
	return b.settled
}

// read says that a member has read partitions that are its own.
func (b *board) read(m *member, partitions []int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range partitions {
		b.put(p, m)
		b.ever[p] = true
	}
	b.check()
}

// gone says that a member reads some partitions no more.
func (b *board) gone(m *member, partitions []int32) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range partitions {
		if b.readers[p] == m {
			b.put(p, nil)
			b.ever[p] = false
		}
	}
	b.check()
}

func (b *board) put(p int32, m *member) {
	if old := b.readers[p]; old != nil {
		if b.count[old]--; b.count[old] == 0 {
			delete(b.count, old)
		}
	}
	if b.readers[p] = m; m != nil {
		b.count[m]++
	}
}

// check tells the times. A group is settled when every partition is read and no member has two more than another.
func (b *board) check() {
	if b.settled == nil {
		return
	}
	for _, read := range b.ever {
		if !read {
			return
		}
	}
	if b.first == 0 {
		b.first = time.Since(b.since)
	}
	most := (len(b.readers) + b.live - 1) / b.live
	if len(b.count) != b.live {
		return
	}
	for _, n := range b.count {
		if n < most-1 || n > most {
			return
		}
	}
	for _, m := range b.readers {
		if m == nil {
			return
		}
	}
	b.settled <- time.Since(b.since)
	b.settled = nil
}

// state is for the person who waits for a group that does not settle.
func (b *board) state() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	unread := 0
	for _, m := range b.readers {
		if m == nil {
			unread++
		}
	}
	return fmt.Sprintf("%d of %d partitions are not read, %d of %d members read any", unread, len(b.readers), len(b.count), b.live)
}

// fail reports the first error of a member.
func (b *board) fail(err error) {
	select {
	case b.failed <- err:
	default:
	}
}
