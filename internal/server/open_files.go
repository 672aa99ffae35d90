package server

import "golang.org/x/sys/unix"

// openFiles is how many segment files may be open at once: half of what the process may open, since connections need the rest.
func openFiles() int {
	const least, most = 64, 100_000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return least
	}
	return int(min(max(limit.Cur/2, least), most))
}
