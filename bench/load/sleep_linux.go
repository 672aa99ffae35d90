package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// preciseThread lets timers of the calling thread, which must be locked, fire within a microsecond instead of fifty, until the function that
// it returns is called.
func preciseThread() (ordinary func(), err error) {
	slack := func(nanoseconds uintptr) error { return unix.Prctl(unix.PR_SET_TIMERSLACK, nanoseconds, 0, 0, 0) }
	return func() { _ = slack(0) }, slack(1000) // 0: the default; it cannot fail where the other did not
}

// sleep blocks the thread. A sleep of Go's scheduler is a millisecond at least when nothing else runs.
func sleep(d time.Duration) {
	if d <= 0 {
		return
	}
	t := unix.NsecToTimespec(int64(d))
	_ = unix.ClockNanosleep(unix.CLOCK_MONOTONIC, 0, &t, nil) // interrupted: the caller looks at the clock anyway
}
