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
			done <- save(ctx, fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", n.Operations(), max(int(window.Seconds()), 1)),
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

func save(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s", url, resp.Status)
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, resp.Body)
	return errors.Join(err, f.Close())
}
