package storage

import (
	"sync"
	"time"
)

// throttle spreads what all cleaner threads read and write over time.
type throttle struct {
	mu   sync.Mutex // guards next
	next time.Time  // when the next byte may move
}

// maxPause is how long one wait takes at most: the rate may be raised meanwhile.
const maxPause = time.Second

// wait takes n bytes at a rate of so many bytes a second and returns when they may move, or false if stop is closed before.
func (t *throttle) wait(n int64, rate func() float64, stop <-chan struct{}) bool {
	r := rate()
	if r <= 0 {
		return true
	}
	now := time.Now()
	t.mu.Lock()
	if t.next.Before(now) {
		t.next = now
	}
	at := t.next
	t.next = t.next.Add(min(time.Duration(float64(n)/r*float64(time.Second)), maxCharge))
	t.mu.Unlock()
	for {
		pause := time.Until(at)
		if pause <= 0 || rate() <= 0 {
			return true
		}
		timer := time.NewTimer(min(pause, maxPause))
		select {
		case <-stop:
			timer.Stop()
			return false
		case <-timer.C:
		}
	}
}

// maxCharge is how long one piece may keep the others waiting, however low the rate.
const maxCharge = time.Minute
