package main

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// flow counts bytes.
type flow struct{ bytes atomic.Int64 }

func (f *flow) from(take func() int, until context.Context) {
	for until.Err() == nil {
		f.bytes.Add(int64(take()))
	}
}

// near lets what was saved be used up, and then measures: at most a tenth more than the quota, and at least a share of it. A machine that does something else
// meanwhile holds clients up, and lets them catch up, so some seconds that are so are enough; without a quota there are none.
func (f *flow) near(what string, want, least float64) error {
	const saved, measured = 4 * time.Second, 5 * time.Second
	time.Sleep(saved)
	for until := time.Now().Add(patience); ; {
		before, began := f.bytes.Load(), time.Now()
		time.Sleep(measured)
		rate := float64(f.bytes.Load()-before) / time.Since(began).Seconds()
		fmt.Printf("quotas  %s: %.0f bytes a second, quota %.0f\n", what, rate, want)
		if rate >= least*want && rate <= 1.1*want {
			return nil
		}
		if time.Now().After(until) {
			return fmt.Errorf("%s %.0f bytes a second, quota %.0f", what, rate, want)
		}
	}
}

// together measures both at once. What they get may be less than the quota: the wait for an excess is as long as a window is coarse, and a fetch whose records
// would exceed it comes back without them. With Kafka a consumer gets half here, too.
func together(produced, consumed *flow, when string, want float64) error {
	done := make(chan error)
	go func() { done <- consumed.near("consumed"+when, want, 0.4) }()
	return errors.Join(produced.near("produced"+when, want, 0.4), <-done)
}
