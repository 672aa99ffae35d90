package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
)

// inside names the directory of the page, in a process that has a world of its own already.
const inside = "LEAT_PAGES_INSIDE"

// owned are the directories that a page, and each machine of it, has for itself: it sees what is there, and what it writes nobody else sees.
var owned = []string{"/etc", "/usr", "/var", "/opt", "/srv"}

// each runs pages, each in a process and a world of its own, and prints what became of each when it has ended.
func (o *options) each(ctx context.Context, pages []string) int {
	var (
		mu     sync.Mutex
		status int
		wait   sync.WaitGroup
		places = make(chan struct{}, max(o.parallel, 1))
	)
	for _, path := range pages {
		places <- struct{}{}
		wait.Go(func() {
			defer func() { <-places }()
			out, err := o.inWorld(ctx, path)
			mu.Lock()
			defer mu.Unlock()
			_, _ = os.Stdout.Write(out)
			if err != nil {
				fmt.Fprintf(os.Stderr, "pages: %s: %v\n", path, err)
				status = 1
			}
		})
	}
	wait.Wait()
	return status
}

// inWorld runs this program again for one page, and removes all that is left of it.
func (o *options) inWorld(ctx context.Context, path string) ([]byte, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "leat-pages-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	source, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	args := []string{"--net", "--mount", "--uts", "--pid", "--fork", "--kill-child", "--mount-proc"}
	if os.Getuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	// A shell is the first process, because it takes the status of processes that nobody waits for.
	args = append(args, "--", "bash", "-c", enter(dir, source)+`"$@"; exit $?`, "pages", self)
	args = append(args, os.Args[1:len(os.Args)-flag.NArg()]...)
	cmd := exec.CommandContext(ctx, "unshare", append(args, path)...)
	cmd.Env = append(os.Environ(), inside+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err == nil && o.write {
		err = replace(path, filepath.Join(dir, "page.md"))
	}
	return out, err
}

// replace puts a page in the place of another.
func replace(path, fresh string) error {
	text, err := os.ReadFile(fresh)
	if err != nil {
		return err
	}
	next := filepath.Join(filepath.Dir(path), ".pages-"+filepath.Base(path))
	if err := os.WriteFile(next, text, 0o644); err != nil {
		return err
	}
	return os.Rename(next, path)
}

// enter are the commands that make the world: what lies above the directories is in memory.
func enter(dir, source string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "set -e; world=%[1]s/world; mkdir $world; mount -t tmpfs tmpfs $world; ip link set lo up; hostname here\n", dir)
	for _, d := range append(owned, source) {
		fmt.Fprintf(&b, "mkdir -p $world/below%[1]s; mount --rbind %[1]s $world/below%[1]s\n", d)
	}
	b.WriteString(over("here", append(owned, source)))
	fmt.Fprintf(&b, "printf '127.0.0.1 localhost here\\n::1 localhost\\n' >/etc/hosts; cd %s; set +e\n", source)
	return b.String()
}

// over lays a directory of the machine's own over each of these.
func over(name string, dirs []string) string {
	var b strings.Builder
	for _, d := range dirs {
		at := fmt.Sprintf("$world/%s%s", name, d)
		fmt.Fprintf(&b, "mkdir -p %[1]s/upper %[1]s/work; mount -t overlay overlay -o lowerdir=$world/below%[2]s,upperdir=%[1]s/upper,workdir=%[1]s/work %[2]s\n", at, d)
	}
	return b.String()
}
