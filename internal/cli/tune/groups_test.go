package tune

import (
	"testing"
	"testing/fstest"
)

func TestMemoryLimitIsTheLeastOfTheGroups(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  int64
	}{
		"no control groups": {fstest.MapFS{}, 0},
		"no limit":          {fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("max\n")}, 0},
		"of the parent": {fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.max": file("900\n"),
			"sys/fs/cgroup/a/memory.max": file("800\n")}, 800},
		"in a container": {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.max": file("700\n")}, 700},
		"version 1": {fstest.MapFS{"proc/self/cgroup": file("9:cpu,cpuacct:/x\n8:memory:/docker/c\n"),
			"sys/fs/cgroup/memory/docker/c/memory.limit_in_bytes": file("600\n"), "sys/fs/cgroup/memory/memory.limit_in_bytes": file("9223372036854771712\n")}, 600},
		"outside of the tree": {fstest.MapFS{"proc/self/cgroup": file("0::/../../x\n"), "sys/fs/cgroup/memory.max": file("500\n")}, 500},
		"nonsense":            {fstest.MapFS{"proc/self/cgroup": file("\n:\n0::\n"), "sys/fs/cgroup/memory.max": file("-1")}, 0},
	} {
		if got, err := GroupMemory(c.files); got != c.want || err != nil {
			t.Errorf("%s: %d, %v, not %d", name, got, err, c.want)
		}
	}
}

func TestAGroupWithoutSwapNeverSwaps(t *testing.T) {
	file := func(text string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(text)} }
	for name, c := range map[string]struct {
		files fstest.MapFS
		want  bool
	}{
		"no control groups":   {fstest.MapFS{}, false},
		"as much as it likes": {fstest.MapFS{"proc/self/cgroup": file("0::/a\n"), "sys/fs/cgroup/a/memory.swap.max": file("max\n")}, false},
		"none":                {fstest.MapFS{"proc/self/cgroup": file("0::/\n"), "sys/fs/cgroup/memory.swap.max": file("0\n")}, true},
		"none of the parent's": {fstest.MapFS{"proc/self/cgroup": file("0::/a/b\n"), "sys/fs/cgroup/a/b/memory.swap.max": file("max\n"),
			"sys/fs/cgroup/a/memory.swap.max": file("0\n")}, true},
	} {
		if got := neverSwaps(c.files); got != c.want {
			t.Errorf("%s: %t, not %t", name, got, c.want)
		}
	}
}
