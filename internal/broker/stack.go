package broker

import "runtime/debug"

// stack is the calling goroutine's stack, cut to what a log line can bear.
func stack() string {
	const limit = 4096
	s := debug.Stack()
	if len(s) > limit {
		s = s[:limit]
	}
	return string(s)
}
