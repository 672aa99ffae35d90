package main

import (
	"fmt"
	"os"
	"path/filepath"

	"leat/bench/pages"
)

// keepWarm fills free memory where its first use is slow (see package pages), so that no load pays for what ran before it.
func (o *options) keepWarm() (release func(), err error) {
	path := filepath.Join(o.dir, "ballast")
	ballast, err := pages.Open(path)
	if err != nil {
		return nil, err
	}
	release = func() {
		if err := ballast.Close(); err != nil {
			fmt.Fprintln(os.Stderr, "cluster:", err)
		}
	}
	if cold, err := ballast.Cold(); err != nil || !cold {
		return release, err
	}
	o.ballast = ballast
	o.settle()
	return release, nil
}

// settle fills what has become free. It is called right before a load.
func (o *options) settle() {
	if o.ballast == nil {
		return
	}
	if err := o.ballast.Fill(); err != nil {
		fmt.Fprintln(os.Stderr, "cluster:", err) // the figures become less steady, which shows
	}
}
