package why

import (
	"fmt"
	"slices"
	"time"
)

// replicaTrouble is what follows when a broker is not there.
var replicaTrouble = []string{"node-down", "broker-fenced", "follower-behind", "partition-offline", "isr-below-min", "writes-refused", "coordinator-loading", "address-unreachable"}

var quorumCauses = []Cause{
	{
		Name: "no-controller", Severity: Critical, find: findNoController,
		Seen: "No node that answers knows an active controller: nothing in the cluster can change (topics, leaders, configs, rights), though partitions that have a leader go on.",
		Next: []string{"start the controllers that do not answer ({silent}), or mend the network between them: a majority of the voters must reach each other",
			"leat quorum describe --bootstrap-controller HOST:PORT tells who the voters are",
			"if a majority is lost for good: leat quorum takeover --help, after stopping all nodes"},
		Explains: replicaTrouble,
	},
}

var nodeCauses = []Cause{
	{
		Name: "log-dir-failed", Severity: Critical, find: findDirFailed,
		Seen:     "A log directory failed: what lies in it is offline on that node until the node is restarted with a disk that works.",
		Next:     []string{"look at the disk of {dir} on node {node} (dmesg, smartctl); mend or replace it, then restart the node: replicas are copied again from the others"},
		Explains: append([]string{"storage-refused", "compaction-failed"}, replicaTrouble...),
	},
	{
		Name: "disk-full", Severity: Critical, find: findDiskFull,
		Seen:     "The free space of a log directory is below leat.disk.hard.free.bytes: producers are refused so that deleting, commits and the metadata log can go on.",
		Next:     []string{"make room on node {node}: lower retention.ms or retention.bytes of large topics (leat topic alter TOPIC --set retention.ms=N), or move partitions away: leat cluster drain {node}", "or give the disk of {dir} more room"},
		Explains: append([]string{"disk-short", "storage-refused", "compaction-failed"}, replicaTrouble...),
	},
	{
		Name: "disk-short", Severity: Warning, find: findDiskShort,
		Seen: "The free space of a log directory is below leat.disk.soft.free.bytes: producers are slowed down.",
		Next: []string{"make room on node {node} before it is full: lower retention.ms or retention.bytes of large topics, or move partitions away: leat cluster balance --plan"},
	},
	{
		Name: "node-recovering", Severity: Warning, find: findRecovering,
		Seen:     "A node reads its logs after it was not shut down cleanly; it serves nobody until it is done.",
		Next:     []string{"wait: /readyz of node {node} says when it is done; num.recovery.threads.per.data.dir makes it faster on disks that can do more"},
		Explains: replicaTrouble,
	},
	{
		Name: "broker-flapping", Severity: Warning, find: findFlapping,
		Seen: "A broker was fenced and let in again three times or more lately (within ten times leat.why.window.ms), by the same process each time: its heartbeats come too seldom. " +
			"The process stands still now and then (stopped, swapped out, on a virtual machine that is paused), gets too little of the processors, or its network to the controllers comes and goes.",
		Next: []string{"look what holds node {node} up at these times: vmstat 5 shows swapping and processor time that was stolen, dmesg a disk that hangs, ping a network that loses packets",
			"if it cannot be mended: broker.session.timeout.ms of the controllers, raised by more than {longest}, lets it stay; a machine that is dead is noticed later then, too"},
		Explains: replicaTrouble,
	},
	{
		Name: "node-down", Severity: Critical, find: findNodeDown,
		Seen:     "A registered broker is fenced or not answering, and cannot be connected to: its process does not run, hangs, or is cut off.",
		Next:     []string{"start node {node}, or look why it stopped (its log; systemctl status leat)", "if it is gone for good: leat cluster drain {node} moves its replicas to others"},
		Explains: append([]string{"address-unreachable"}, replicaTrouble...),
	},
	{
		Name: "node-slow", Severity: Warning, find: findSlow,
		Seen: "A broker does not answer in time, within 800 ms, though the controller still has its heartbeats: it lives, and is busy, or stands still for a moment, or only the way to it is slow.",
		Next: []string{"ask again: a moment's stillness passes, and a broker that hangs is told as down once its heartbeats stop",
			"if it stays: look what keeps node {node} busy (top, iostat -x 5), and whether its network loses packets"},
	},
	{
		Name: "address-unreachable", Severity: Critical, find: findUnreachable,
		Seen:     "A broker is alive for the controller, but others cannot connect to the address that it advertises: clients cannot either.",
		Next:     []string{"correct advertised.listeners of node {node} ({address}), or what stands between (DNS, firewall), and restart it"},
		Explains: replicaTrouble,
	},
	{
		Name: "broker-fenced", Severity: Critical, find: findFenced,
		Seen:     "A broker answers but is fenced: its heartbeats do not reach the active controller, so it leads nothing.",
		Next:     []string{"look whether node {node} reaches the controllers: its /readyz says which it does not, and why"},
		Explains: replicaTrouble,
	},
	{
		Name: "clock-skew", Severity: Warning, find: findSkew,
		Seen: "The clocks of two nodes differ by more than a second and a half: timestamps, retention, sessions of tokens and certificates go wrong.",
		Next: []string{"set the clock of node {node} (chronyc tracking, timedatectl status)"},
	},
	{
		Name: "certificate-expired", Severity: Critical, find: findCertificateExpired,
		Seen:     "The certificate of a listener is past its end: clients and other nodes refuse to connect.",
		Next:     []string{"replace the key store of listener {listener} on node {node}: it is read again within leat.ssl.reload.interval.ms, without a restart"},
		Explains: []string{"certificate-refused"},
	},
	{
		Name: "certificate-expiring", Severity: Warning, find: findCertificateExpiring,
		Seen: "The certificate of a listener ends within two weeks.",
		Next: []string{"replace the key store of listener {listener} on node {node} before {when}: it is read again without a restart"},
	},
}

// election is how long one may take that succeeds: until then there is nothing to mend.
const election = 3 * time.Second

func findNoController(v *view, at func() *Finding) {
	var since []*Facts
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.Controller >= 0 && (v.silent[n.Controller] == nil || n.Trouble == "") && !v.minority(n.Voters) {
			return
		}
		if n.begins() {
			continue
		}
		if n.Without > 0 && n.Without < election && !v.minority(n.Voters) {
			return
		}
		since = append(since, n)
	}
	if len(since) == 0 {
		return
	}
	f := at()
	f.everyone, f.all = true, true
	f.Chain = []string{"no controller is active: the voters that are left are no majority, or do not reach each other"}
	var silent []int32
	for _, s := range v.Silent {
		silent = append(silent, s.Node)
		f.Evidence = append(f.Evidence, fmt.Sprintf("node %d does not answer at %s: %s", s.Node, s.Address, s.Err))
	}
	for _, n := range since {
		text := fmt.Sprintf("node %d knows no active controller", n.Node)
		if n.Controller >= 0 {
			text = fmt.Sprintf("node %d takes node %d for the controller, which does not answer", n.Node, n.Controller)
		}
		if n.Trouble != "" {
			text += ": " + n.Trouble
		}
		f.Evidence = append(f.Evidence, text)
	}
	names := "nodes " + nodeList(silent)
	if len(silent) == 0 {
		names = "all answer here"
	}
	f.next("{silent}", names)
}

// begins reports whether a node reads its logs, or has not looked for a controller yet: that it knows none says nothing.
func (f *Facts) begins() bool {
	return f.State == "recovering" || f.Recovering > 0 || f.State == "starting" && f.Controller < 0 && f.Trouble == ""
}

// minority reports whether so many voters are silent that those who answer cannot elect anybody, or will soon not be followed.
func (v *view) minority(voters []int32) bool {
	silent := 0
	for _, id := range voters {
		if v.silent[id] != nil {
			silent++
		}
	}
	const half = 2
	return len(voters) > 0 && silent*half >= len(voters)
}

func (v *view) dirs(each func(*Facts, *Dir)) {
	for i := range v.Nodes {
		for j := range v.Nodes[i].Dirs {
			each(&v.Nodes[i], &v.Nodes[i].Dirs[j])
		}
	}
}

func findDirFailed(v *view, at func() *Finding) {
	v.dirs(func(n *Facts, d *Dir) {
		if d.Err == "" {
			return
		}
		f := at()
		v.touchPartitions(f, n.Node)
		f.Chain = []string{fmt.Sprintf("log directory %s of node %d failed", d.Path, n.Node)}
		f.Evidence = []string{fmt.Sprintf("node %d: %s: %s", n.Node, d.Path, d.Err)}
		f.next("{dir}", d.Path, "{node}", fmt.Sprint(n.Node))
	})
}

func findRoom(grade, what string) func(v *view, at func() *Finding) {
	return func(v *view, at func() *Finding) {
		v.dirs(func(n *Facts, d *Dir) {
			if d.Err != "" || d.Grade != grade {
				return
			}
			f := at()
			v.touchPartitions(f, n.Node)
			f.everyone = true // whoever writes, may write to this node
			f.Chain = []string{fmt.Sprintf("the disk of %s on node %d is %s: %s free of %s", d.Path, n.Node, what, size(d.Available), size(d.Total))}
			f.Evidence = []string{fmt.Sprintf("node %d: %s: %d bytes free, marks: soft %d, hard %d, batches refused: %d", n.Node, d.Path, d.Available, d.Soft, d.Hard, d.RefusedBatches)}
			f.next("{dir}", d.Path, "{node}", fmt.Sprint(n.Node))
		})
	}
}

var (
	findDiskFull  = findRoom("gone", "full, so that producers are refused")
	findDiskShort = findRoom("short", "nearly full, so that producers are slowed")
)

func findRecovering(v *view, at func() *Finding) {
	for i := range v.Nodes {
		n := &v.Nodes[i]
		if n.State != "recovering" && (n.State != "starting" || n.Recovering == 0) {
			continue
		}
		f := at()
		v.touchPartitions(f, n.Node)
		f.Chain = []string{fmt.Sprintf("node %d is reading its logs after an unclean shutdown", n.Node)}
		f.Evidence = []string{fmt.Sprintf("node %d: %d logs left to read", n.Node, n.Recovering)}
		f.next("{node}", fmt.Sprint(n.Node))
	}
}

// notReached are the nodes that cannot connect to another, and what they say.
func (v *view) notReached(node int32) (by []int32, texts []string, since time.Time) {
	for i := range v.Nodes {
		for _, u := range v.Nodes[i].Unreached {
			if u.Node == node {
				by = append(by, v.Nodes[i].Node)
				texts = append(texts, fmt.Sprintf("node %d cannot connect to node %d at %s since %s: %s", v.Nodes[i].Node, node, u.Address, v.ago(u.Since), u.Err))
				if since.IsZero() || u.Since.Before(since) {
					since = u.Since
				}
			}
		}
	}
	return by, texts, since
}

func findNodeDown(v *view, at func() *Finding) {
	for _, b := range v.brokers() {
		s := v.silent[b.ID]
		if s == nil || b.Stopping || !b.Fenced && v.newest.Controller >= 0 && v.heartbeats(b.ID) || v.slow(&b) {
			continue
		}
		f := at()
		v.touchPartitions(f, b.ID)
		f.Chain = []string{fmt.Sprintf("node %d is down", b.ID)}
		_, texts, since := v.notReached(b.ID)
		f.Since = since
		f.Evidence = append([]string{fmt.Sprintf("node %d does not answer at %s: %s", b.ID, b.Address, s.Err)}, texts...)
		if b.Fenced {
			f.Evidence = append(f.Evidence, fmt.Sprintf("the controller has fenced broker %d: no heartbeats come from it", b.ID))
		}
		if !s.Refused {
			f.Evidence = append(f.Evidence, fmt.Sprintf("node %d was not heard to refuse the connection: its machine is gone or cut off, it hangs, or it still reads its logs (then its /readyz says so)", b.ID))
		}
		if n := v.lacking(b.ID); n > 0 {
			f.Evidence = append(f.Evidence, fmt.Sprintf("not in sync on node %d: %s", b.ID, count(n, "partition")))
		}
		f.next("{node}", fmt.Sprint(b.ID))
	}
}

// lacking is how many partitions a node is not in sync in.
func (v *view) lacking(node int32) (n int) {
	for i := range v.partitions() {
		if slices.Contains(v.partitions()[i].missing(), node) {
			n++
		}
	}
	return n
}

// heartbeats reports whether a broker that does not answer lives for the controller. That it was not fenced says so only after a while: fencing takes the
// time of a session, unless the controller noticed sooner.
func (v *view) heartbeats(node int32) bool {
	s := v.silent[node]
	if s != nil && s.Refused && v.beats(node) {
		return true
	}
	_, _, since := v.notReached(node)
	const session = 9 * time.Second
	return !since.IsZero() && v.At.Sub(since) > session
}

// beats reports whether the controller has heard of a broker just now.
func (v *view) beats(node int32) bool {
	for i := range v.Nodes {
		if ago, ok := v.Nodes[i].Heard[node]; ok && ago < lately {
			return true
		}
	}
	return false
}

// slow reports whether a broker has not answered in time, and lives for the controller. That nobody answers on a machine that is busy is no sign of a process that is gone.
func (v *view) slow(b *Broker) bool {
	s := v.silent[b.ID]
	return s != nil && !s.Refused && !b.Fenced && !b.Stopping && v.beats(b.ID) && !v.heartbeats(b.ID)
}

func findSlow(v *view, at func() *Finding) {
	for _, b := range v.brokers() {
		if !v.slow(&b) {
			continue
		}
		f := at()
		f.touches.node(b.ID)
		f.Chain = []string{fmt.Sprintf("node %d does not answer in time", b.ID)}
		f.Evidence = []string{fmt.Sprintf("node %d does not answer at %s: %s", b.ID, b.Address, v.silent[b.ID].Err),
			fmt.Sprintf("the controller has heard of broker %d within the last %s", b.ID, short(lately))}
		f.next("{node}", fmt.Sprint(b.ID))
	}
}

// lately is within how long a broker that lives has sent a heartbeat (broker.heartbeat.interval.ms is 2 s).
const lately = 2500 * time.Millisecond

func findUnreachable(v *view, at func() *Finding) {
	for _, b := range v.brokers() {
		by, texts, since := v.notReached(b.ID)
		if b.Fenced || b.Stopping || v.silent[b.ID] == nil && len(by) == 0 {
			continue
		}
		if v.silent[b.ID] != nil && !v.heartbeats(b.ID) { // told by node-down or node-slow
			continue
		}
		f := at()
		v.touchPartitions(f, b.ID)
		f.Since = since
		f.Chain = []string{fmt.Sprintf("node %d cannot be reached at the address that it advertises, %s, though it is alive", b.ID, b.Address)}
		f.Evidence = texts
		if s := v.silent[b.ID]; s != nil {
			f.Evidence = append(f.Evidence, fmt.Sprintf("node %d does not answer node %d: %s", b.ID, v.Asked, s.Err))
		}
		f.Evidence = append(f.Evidence, fmt.Sprintf("the controller has not fenced broker %d: its heartbeats come", b.ID))
		f.next("{node}", fmt.Sprint(b.ID), "{address}", b.Address)
	}
}

func findFenced(v *view, at func() *Finding) {
	for _, b := range v.brokers() {
		n := v.nodes[b.ID]
		if !b.Fenced || b.Stopping || n == nil || n.State != "running" {
			continue
		}
		f := at()
		v.touchPartitions(f, b.ID)
		f.Chain = []string{fmt.Sprintf("broker %d is fenced, though it answers", b.ID)}
		f.Evidence = []string{fmt.Sprintf("node %d takes node %d for the active controller", b.ID, n.Controller)}
		f.next("{node}", fmt.Sprint(b.ID))
	}
}

// mostSkew is how far clocks may be apart, beyond what asking took.
const mostSkew = 1500 * time.Millisecond

func findSkew(v *view, at func() *Finding) {
	for i := range v.Nodes {
		n := &v.Nodes[i]
		skew := n.At.Sub(v.At)
		if n.Node == v.Asked || skew.Abs() <= mostSkew+n.Took {
			continue
		}
		f := at()
		f.touches.node(n.Node)
		ahead := "ahead of"
		if skew < 0 {
			ahead = "behind"
		}
		f.Chain = []string{fmt.Sprintf("the clock of node %d is %s %s that of node %d", n.Node, short(skew.Abs()), ahead, v.Asked)}
		f.Evidence = []string{fmt.Sprintf("node %d says %s, node %d %s; asking took %s", n.Node, n.At.UTC().Format(time.RFC3339Nano), v.Asked, v.At.UTC().Format(time.RFC3339Nano), short(n.Took))}
		f.next("{node}", fmt.Sprint(n.Node))
	}
}

const certificateSoon = 14 * 24 * time.Hour

func (v *view) certificates(each func(n *Facts, c *Certificate, left time.Duration)) {
	for i := range v.Nodes {
		for j := range v.Nodes[i].Certificates {
			c := &v.Nodes[i].Certificates[j]
			each(&v.Nodes[i], c, c.NotAfter.Sub(v.At))
		}
	}
}

func findCertificateExpired(v *view, at func() *Finding) {
	v.certificates(func(n *Facts, c *Certificate, left time.Duration) {
		if left > 0 {
			return
		}
		f := at()
		v.touchPartitions(f, n.Node)
		f.touches.add("listener", c.Listener)
		f.Since = c.NotAfter
		f.Chain = []string{fmt.Sprintf("the certificate of listener %s on node %d expired %s ago", c.Listener, n.Node, short(-left))}
		f.Evidence = []string{fmt.Sprintf("node %d, listener %s: %s, valid until %s", n.Node, c.Listener, c.Subject, c.NotAfter.UTC().Format(time.RFC3339))}
		f.next("{listener}", c.Listener, "{node}", fmt.Sprint(n.Node))
	})
}

func findCertificateExpiring(v *view, at func() *Finding) {
	v.certificates(func(n *Facts, c *Certificate, left time.Duration) {
		if left <= 0 || left > certificateSoon {
			return
		}
		f := at()
		f.touches.node(n.Node)
		f.touches.add("listener", c.Listener)
		f.Chain = []string{fmt.Sprintf("the certificate of listener %s on node %d expires in %s", c.Listener, n.Node, short(left))}
		f.Evidence = []string{fmt.Sprintf("node %d, listener %s: %s, valid until %s", n.Node, c.Listener, c.Subject, c.NotAfter.UTC().Format(time.RFC3339))}
		f.next("{listener}", c.Listener, "{node}", fmt.Sprint(n.Node), "{when}", c.NotAfter.UTC().Format(time.DateOnly))
	})
}

// missing are the replicas that are not in sync.
func (p *Partition) missing() []int32 {
	var out []int32
	for _, r := range p.Replicas {
		if !slices.Contains(p.InSync, r) {
			out = append(out, r)
		}
	}
	return out
}
