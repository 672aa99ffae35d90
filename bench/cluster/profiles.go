package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"leat/bench/load"
	"leat/interop/target"
)

// profile saves what the processors of leat's nodes do in a load of a known length, if that is wanted. What it returns waits for it.
func (t *trio) profile(ctx context.Context, o options, name string, window time.Duration) func() error {
	if o.profiles == "" || t.kind != target.Leat {
		return func() error { return nil }
	}
	done := make(chan error, len(t.all))
	for i, n := range t.all {
		go func() {
			done <- load.SaveProfile(ctx, n.Operations(), fmt.Sprintf("profile?seconds=%d", max(int(window.Seconds()), 1)),
				filepath.Join(o.profiles, fmt.Sprintf("%s.node-%d.pprof", name, i+1)))
		}()
	}
	return func() error {
		var failed error
		for range t.all {
			failed = errors.Join(failed, <-done)
		}
		return failed
	}
}
