package tune

import (
	"os"
	"runtime"

	"golang.org/x/sys/unix"
)

// clockUnsynced is STA_UNSYNC of adjtimex(2).
const clockUnsynced = 0x40

func thisMachine() *machine {
	root := os.DirFS("/")
	m := &machine{system: runtime.GOOS, read: readTrimmed, disk: diskOf, neverSwaps: neverSwaps(root)}
	m.memoryLimit, _ = GroupMemory(root) // what cannot be read bounds nothing that could be told
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err == nil {
		m.openFiles = limit.Cur
	}
	var clock unix.Timex
	if _, err := unix.Adjtimex(&clock); err == nil {
		m.knowsTime, m.unsynced = true, clock.Status&clockUnsynced != 0
	}
	return m
}

func diskOf(dir string) (disk, error) {
	dir, err := existing(dir)
	if err != nil {
		return disk{}, err
	}
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return disk{}, err
	}
	d := disk{total: int64(st.Blocks) * st.Bsize, available: int64(st.Bavail) * st.Bsize}
	mounts, _ := readTrimmed("/proc/self/mounts")
	d.kind, d.options = mounted(mounts, dir)
	return d, nil
}
