package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"leat/bench/pages"
)

// warmth keeps free memory in one state, where that matters (see package pages). A nil one does nothing.
type warmth struct {
	ballast *pages.Ballast
	remove  string
}

// keepWarm sets it up as the flag says.
func keepWarm(ctx context.Context, o options) (*warmth, error) {
	path, remove := o.ballast, ""
	switch o.ballast {
	case "off":
		return nil, nil
	case "auto":
		path = filepath.Join(o.dir, "ballast")
		remove = path
	}
	ballast, err := pages.Open(path)
	if err != nil {
		return nil, err
	}
	w := &warmth{ballast: ballast, remove: remove}
	if o.ballast == "auto" {
		cold, err := ballast.Cold()
		if err != nil || !cold {
			w.release()
			return nil, err
		}
		fmt.Fprintln(os.Stderr, "free memory of this machine is slow at its first use: filling it")
	}
	if err := ballast.Fill(); err != nil {
		w.release()
		return nil, err
	}
	return w, ctx.Err()
}

// settle fills what has become free. It is called right before a load.
func (w *warmth) settle() {
	if w == nil {
		return
	}
	if err := w.ballast.Fill(); err != nil {
		// The figures become less steady; that shows in their spread.
		fmt.Fprintln(os.Stderr, "compare:", err)
	}
}

func (w *warmth) release() {
	if w == nil {
		return
	}
	if err := w.ballast.Close(); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
	}
	if w.remove != "" {
		_ = os.Remove(w.remove) // the directory goes anyway
	}
}
