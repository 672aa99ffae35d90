package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"
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
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+s.operations+"/debug/pprof/"+path, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("profile %s: %s", path, resp.Status)
	}
	if err := os.MkdirAll(s.profiles, 0o755); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(s.profiles, name+"."+kind+".pprof"))
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
