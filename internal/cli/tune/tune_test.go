package tune

import (
	"bytes"
	"errors"
	"io"
	"os"
	"slices"
	"testing"

	"leat/internal/cli/run"
)

// made is a machine of files; what is not named is not there.
func made(files map[string]string) *machine {
	return &machine{system: "linux", openFiles: 1 << 20, knowsTime: true,
		read: func(name string) (string, bool) { text, ok := files[name]; return text, ok },
		disk: func(string) (disk, error) {
			return disk{kind: "xfs", options: "rw,noatime", total: 100 << 30, available: 50 << 30}, nil
		}}
}

// wrong are the checks that want a change.
func wrong(all []Finding) (names []string) {
	for _, f := range all {
		if !f.Fine {
			names = append(names, f.Check)
			if f.Why == "" || f.Change == "" {
				names = append(names, "without a word")
			}
		}
	}
	return names
}

func TestWhatStandsInTheWay(t *testing.T) {
	for name, c := range map[string]struct {
		change func(m *machine)
		files  map[string]string
		want   []string
	}{
		"nothing":        {},
		"few files":      {change: func(m *machine) { m.openFiles = 1024 }, want: []string{"open files"}},
		"swap":           {files: map[string]string{"/proc/swaps": "Filename\n/dev/x partition 1 0 -2", "/proc/sys/vm/swappiness": "60"}, want: []string{"swap", "swappiness"}},
		"no swap":        {files: map[string]string{"/proc/swaps": "Filename Type", "/proc/sys/vm/swappiness": "60"}},
		"short queue":    {files: map[string]string{"/proc/sys/net/core/somaxconn": "128"}, want: []string{"waiting connections"}},
		"ports":          {files: map[string]string{"/proc/sys/net/ipv4/ip_local_port_range": "1024\t65000"}, want: []string{"ports of outgoing connections"}},
		"usual ports":    {files: map[string]string{"/proc/sys/net/ipv4/ip_local_port_range": "32768 60999"}},
		"huge pages":     {files: map[string]string{"/sys/kernel/mm/transparent_hugepage/enabled": "[always] madvise never"}, want: []string{"transparent huge pages"}},
		"slow processor": {files: map[string]string{"/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor": "powersave"}, want: []string{"processor governor"}},
		"no time":        {change: func(m *machine) { m.unsynced = true }, want: []string{"clock"}},
		"little memory":  {change: func(m *machine) { m.memoryLimit = 64 << 20 }, want: []string{"memory limit"}},
		"swap of others": {files: map[string]string{"/proc/swaps": "Filename\n/dev/x partition 1 0 -2", "/proc/sys/vm/swappiness": "60"}, change: func(m *machine) { m.neverSwaps = true }},
		"network disk":   {change: func(m *machine) { m.disk = func(string) (disk, error) { return disk{kind: "nfs4"}, nil } }, want: []string{"file system of /d"}},
		"access times": {change: func(m *machine) {
			m.disk = func(string) (disk, error) { return disk{kind: "ext4", options: "rw"}, nil }
		}, want: []string{"access times of /d"}},
		"full":            {change: func(m *machine) { m.disk = func(string) (disk, error) { return disk{"xfs", "noatime", 100, 9}, nil } }, want: []string{"free space of /d"}},
		"no such disk":    {change: func(m *machine) { m.disk = func(string) (disk, error) { return disk{}, os.ErrPermission } }, want: []string{"directory /d"}},
		"not Linux":       {change: func(m *machine) { m.system, m.openFiles = "darwin", 0 }},
		"a file of chaos": {files: map[string]string{"/proc/sys/net/core/somaxconn": "many", "/proc/sys/net/ipv4/ip_local_port_range": "a b"}},
	} {
		m := made(c.files)
		if c.change != nil {
			c.change(m)
		}
		if got := wrong(examine(m, []string{"/d"})); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

func TestTheFileSystemOfADirectory(t *testing.T) {
	const mounts = "rootfs / rootfs rw 0 0\n/dev/a / ext4 rw,relatime 0 0\n/dev/b /var xfs rw,noatime 0 0\n/dev/c /var/lib\\040x btrfs rw 0 0\nshort\n"
	for dir, want := range map[string]string{"/": "ext4", "/etc": "ext4", "/var": "xfs", "/var/lib": "xfs", "/variant": "ext4", "/var/lib x/data": "btrfs"} {
		if kind, _ := mounted(mounts, dir); kind != want {
			t.Errorf("%s is on %s, not %s", dir, kind, want)
		}
	}
}

func TestThisMachineIsLookedAt(t *testing.T) {
	var out bytes.Buffer
	cmd := Command(run.Streams{Out: &out, Err: io.Discard})
	cmd.SetArgs([]string{"--log-dirs", t.TempDir() + "/not/there/yet"})
	if err := cmd.Execute(); err != nil || !bytes.Contains(out.Bytes(), []byte("open files")) && !bytes.Contains(out.Bytes(), []byte("operating system")) {
		t.Errorf("%s%v", out.String(), err)
	}
	cmd = Command(run.Streams{Out: io.Discard, Err: io.Discard})
	cmd.SetArgs([]string{"--strict", "--log-dirs", "/proc"})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	var status run.Exit
	if err := cmd.Execute(); !errors.As(err, &status) && thisMachine().system == "linux" {
		t.Errorf("data in /proc is fine: %v", err)
	}
}
