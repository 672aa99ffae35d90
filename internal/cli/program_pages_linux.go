package cli

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// forgetProgramPages takes the pages of the program's own file out of this process's memory. A start runs through much of the program that a running node
// never needs again, and the system maps what lies around it as well: half of the memory of an idle node. What is needed comes back from the page cache, where
// it stays, at the next touch. Nothing depends on it: it is left out where it does not work.
func forgetProgramPages() {
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.Open("/proc/self/smaps")
	if err != nil {
		return
	}
	defer func() { _ = maps.Close() }()
	for _, m := range cleanMappings(maps, exe) {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, m.from, m.to-m.from, unix.MADV_DONTNEED)
	}
}

// mapping is a range of addresses.
type mapping struct{ from, to uintptr }

// cleanMappings are those of a file that nobody can write or has written: their pages are the same in the file. smaps is as in proc(5).
func cleanMappings(smaps io.Reader, file string) []mapping {
	var all []mapping
	var m mapping
	fits := false
	for s := bufio.NewScanner(smaps); s.Scan(); {
		fields := strings.Fields(s.Text())
		switch {
		case len(fields) >= 5 && strings.Contains(fields[0], "-"):
			_, err := fmt.Sscanf(fields[0], "%x-%x", &m.from, &m.to)
			fits = err == nil && len(fields) == 6 && fields[5] == file && (fields[1] == "r-xp" || fields[1] == "r--p")
		case fits && len(fields) > 1 && fields[0] == "Private_Dirty:":
			if fields[1] == "0" {
				all = append(all, m)
			}
			fits = false
		}
	}
	return all
}
