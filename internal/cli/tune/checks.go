package tune

import (
	"fmt"
	"runtime"
	"strconv"
	"strings"
)

// enoughFiles are open files for thousands of connections beside the segments that a node holds open.
const enoughFiles = 100_000

// examine makes all checks.
func examine(m *machine, dirs []string) []Finding {
	if m.system != "linux" {
		return []Finding{{Check: "operating system", Found: m.system, Fine: true, Why: "the checks know Linux only"}}
	}
	all := []Finding{m.files()}
	for _, check := range []func() (Finding, bool){m.swap, m.swappiness, m.backlog, m.ports, m.hugePages, m.governor, m.clock, m.memory, m.ciphers} {
		if f, known := check(); known {
			all = append(all, f)
		}
	}
	for _, dir := range dirs {
		all = append(all, m.fileSystem(dir)...)
	}
	return all
}

func (m *machine) files() Finding {
	return Finding{Check: "open files", Found: strconv.FormatUint(m.openFiles, 10), Fine: m.openFiles >= enoughFiles,
		Why:    "each connection and each open segment is one; a node without any left takes no connections",
		Change: fmt.Sprintf("LimitNOFILE=%d in the unit, or ulimit -n %[1]d", enoughFiles)}
}

// number reads a file that holds one.
func (m *machine) number(file string) (int, bool) {
	text, there := m.read(file)
	n, err := strconv.Atoi(text)
	return n, there && err == nil
}

func (m *machine) swap() (Finding, bool) {
	text, known := m.read("/proc/swaps")
	lines := strings.Count(text, "\n")
	if lines > 0 && m.neverSwaps {
		return Finding{Check: "swap", Found: "none for this control group", Fine: true}, known
	}
	return Finding{Check: "swap", Found: fmt.Sprintf("%d areas", lines), Fine: lines == 0,
		Why: "a node whose memory is on disk answers late, and others take it for dead", Change: "swapoff -a, and take it out of /etc/fstab"}, known
}

func (m *machine) swappiness() (Finding, bool) {
	n, known := m.number("/proc/sys/vm/swappiness")
	if text, _ := m.read("/proc/swaps"); strings.Count(text, "\n") == 0 || m.neverSwaps {
		return Finding{}, false // nothing to swap to
	}
	return Finding{Check: "swappiness", Found: strconv.Itoa(n), Fine: n <= 1,
		Why: "the page cache of records pushes the node's own memory out", Change: "sysctl vm.swappiness=1"}, known
}

func (m *machine) backlog() (Finding, bool) {
	n, known := m.number("/proc/sys/net/core/somaxconn")
	return Finding{Check: "waiting connections", Found: strconv.Itoa(n), Fine: n >= 1024,
		Why: "when all clients come at once, as after a restart, those beyond are turned away", Change: "sysctl net.core.somaxconn=4096"}, known
}

// kafkaPorts are what a node listens on unless told otherwise.
var kafkaPorts = []int{9092, 9093, 9644}

func (m *machine) ports() (Finding, bool) {
	text, known := m.read("/proc/sys/net/ipv4/ip_local_port_range")
	var low, high int
	if _, err := fmt.Sscan(text, &low, &high); err != nil {
		return Finding{}, false
	}
	fine := true
	for _, p := range kafkaPorts {
		fine = fine && (p < low || p > high)
	}
	return Finding{Check: "ports of outgoing connections", Found: fmt.Sprintf("%d to %d", low, high), Fine: fine,
		Why: "one may take the port of a listener while the node restarts", Change: `sysctl net.ipv4.ip_local_port_range="32768 60999"`}, known
}

func (m *machine) hugePages() (Finding, bool) {
	text, known := m.read("/sys/kernel/mm/transparent_hugepage/enabled")
	return Finding{Check: "transparent huge pages", Found: chosen(text), Fine: !strings.Contains(text, "[always]"),
		Why: "memory that is not used is kept in large pages", Change: "echo madvise >/sys/kernel/mm/transparent_hugepage/enabled"}, known
}

// chosen is the word in brackets of a list such as "always [madvise] never".
func chosen(text string) string {
	_, rest, _ := strings.Cut(text, "[")
	word, _, _ := strings.Cut(rest, "]")
	return word
}

func (m *machine) governor() (Finding, bool) {
	text, known := m.read("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
	return Finding{Check: "processor governor", Found: text, Fine: text != "powersave" && text != "conservative",
		Why: "latencies grow when the processor has to wake up first", Change: "cpupower frequency-set -g performance"}, known
}

func (m *machine) clock() (Finding, bool) {
	found := "synchronised"
	if m.unsynced {
		found = "not synchronised"
	}
	return Finding{Check: "clock", Found: found, Fine: !m.unsynced,
		Why: "timestamps of records, retention by time and tokens that expire go by it", Change: "run chrony or systemd-timesyncd"}, m.knowsTime
}

func (m *machine) memory() (Finding, bool) {
	const least = 256 << 20
	return Finding{Check: "memory limit", Found: bytesText(m.memoryLimit), Fine: m.memoryLimit >= least,
		Why: "requests, caches and the page cache of what is read share it", Change: "give the control group 256 MiB or more; 1 GiB serves thousands of partitions"}, m.memoryLimit > 0
}

func (m *machine) ciphers() (Finding, bool) {
	text, known := m.read("/proc/cpuinfo")
	if runtime.GOARCH != "amd64" {
		return Finding{}, false
	}
	has := strings.Contains(text, " aes ") && strings.Contains(text, " pclmulqdq ")
	found := "AES by instructions of the processor"
	if !has {
		found = "AES by program"
	}
	return Finding{Check: "encryption", Found: found, Fine: has,
		Why: "TLS and encrypted segments cost some ten times as much", Change: "choose a machine type that shows its AES instructions to guests"}, known
}

// goodDisks are file systems that a log is well kept on.
var goodDisks = map[string]bool{"xfs": true, "ext4": true, "btrfs": true, "zfs": true, "ext3": true, "f2fs": true, "apfs": true}

func (m *machine) fileSystem(dir string) []Finding {
	d, err := m.disk(dir)
	if err != nil {
		return []Finding{{Check: "directory " + dir, Found: err.Error(), Why: "nothing can be said about it", Change: "name a directory, or one below one, that this user can read"}}
	}
	all := []Finding{{Check: "file system of " + dir, Found: d.kind, Fine: goodDisks[d.kind],
		Why: "others lose what was synced, are slow to sync, or keep data in memory", Change: "put log.dirs on XFS or ext4 of a local disk"}}
	if goodDisks[d.kind] {
		quiet := strings.Contains(d.options, "noatime") || strings.Contains(d.options, "relatime")
		all = append(all, Finding{Check: "access times of " + dir, Found: d.options, Fine: quiet,
			Why: "every read of a segment writes", Change: "mount with noatime"})
	}
	return append(all, Finding{Check: "free space of " + dir, Found: fmt.Sprintf("%s of %s", bytesText(d.available), bytesText(d.total)),
		Fine: d.total == 0 || d.available*10 >= d.total, Why: "a full disk takes no records", Change: "free some, or choose another disk"})
}

func bytesText(n int64) string {
	const unit = 1 << 10
	value, names := float64(n), "BKMGTP"
	i := 0
	for ; value >= unit && i < len(names)-1; i++ {
		value /= unit
	}
	if i == 0 {
		return fmt.Sprintf("%d B", n)
	}
	return fmt.Sprintf("%.1f %ciB", value, names[i])
}
