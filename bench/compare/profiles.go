package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"leat/bench/load"
)

// profile saves the processor profile of leat over a load of a known length and what it waited for meanwhile, and the heap profile at its end.
// What it returns waits for them.
func (s *session) profile(ctx context.Context, name string, window time.Duration) func() error {
	if s.profiles == "" || s.kind != leat {
		return func() error { return nil }
	}
	seconds := max(int(window.Seconds()), 1)
	during := map[string]string{"cpu": "profile", "block": "block", "mutex": "mutex"}
	done := make(chan error, len(during))
	for kind, path := range during {
		go func() { done <- s.save(ctx, name, kind, fmt.Sprintf("%s?seconds=%d", path, seconds)) }()
	}
	return func() error {
		var all []error
		for range during {
			all = append(all, <-done)
		}
		return errors.Join(append(all, s.save(ctx, name, "heap", "allocs"))...)
	}
}

func (s *session) save(ctx context.Context, name, kind, path string) error {
	return load.SaveProfile(ctx, s.operations, path, filepath.Join(s.profiles, name+"."+kind+".pprof"))
}
