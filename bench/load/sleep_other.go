//go:build !linux

package load

import "time"

func preciseThread() (ordinary func(), err error) { return func() {}, nil }

func sleep(d time.Duration) { time.Sleep(d) }
