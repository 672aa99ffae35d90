package why

import (
	"cmp"
	"fmt"
	"slices"
)

var replicaCauses = []Cause{
	{
		Name: "follower-behind", Severity: Warning, find: findFollowerBehind,
		Seen: "A replica is not in sync although its broker is alive and reachable: its disk or network is slow, its copying is throttled, or it is still catching up after a start.",
		Next: []string{"leat config diff broker {node} shows a throttle (follower.replication.throttled.rate); kafka_server_replicafetchermanager_maxlag of node {node} whether it catches up",
			"if it does not: look at the disk of node {node} (iostat -x 5)"},
		Explains: []string{"isr-below-min", "partition-offline", "writes-refused"},
	},
	{
		Name: "partition-offline", Severity: Critical, find: findOffline,
		Seen: "A partition has no leader: nobody can read or write it.",
		Next: []string{"start the nodes that have its last copies: {nodes}",
			"if they are gone for good, and only then, since it loses records: leat kafka-leader-election --election-type unclean --topic {topic} --partition {partition}"},
		Explains: []string{"writes-refused", "coordinator-loading"},
	},
	{
		Name: "isr-below-min", Severity: Critical, find: findBelowMin,
		Seen:     "Fewer replicas than min.insync.replicas are in sync: producers with acks=all are refused, and so are commits of offsets if it is an internal topic.",
		Next:     []string{"bring the replicas on {nodes} back: leat cluster health lists what is left"},
		Explains: []string{"writes-refused"},
	},
	{
		Name: "writes-refused", Severity: Critical, find: findNotEnough,
		Seen: "Producers are refused because too few replicas are in sync (NOT_ENOUGH_REPLICAS).",
		Next: []string{"leat cluster health tells which partitions"},
	},
}

// findFollowerBehind tells of each broker that is not in sync somewhere though it is there.
func findFollowerBehind(v *view, at func() *Finding) {
	for _, b := range v.brokers() {
		if b.Fenced || v.silent[b.ID] != nil {
			continue
		}
		var behind []*Partition
		for i := range v.partitions() {
			if p := &v.partitions()[i]; slices.Contains(p.missing(), b.ID) {
				behind = append(behind, p)
			}
		}
		if len(behind) == 0 {
			continue
		}
		f := at()
		f.touches.node(b.ID)
		throttled := false
		for i, p := range behind {
			f.touches.partition(p.Topic, p.Partition)
			throttled = throttled || p.Throttled
			if i < mostNamed {
				f.Evidence = append(f.Evidence, fmt.Sprintf("%s: replicas %s, in sync %s", p.name(), nodeList(p.Replicas), nodeList(p.InSync)))
			}
		}
		why := "its disk or network is slow, or it has just begun"
		if throttled {
			why = "a throttle holds its copying back (follower.replication.throttled.rate or leader.replication.throttled.rate)"
		}
		f.Chain = []string{fmt.Sprintf("node %d is alive but not in sync in %s: %s", b.ID, count(len(behind), "partition"), why)}
		f.next("{node}", fmt.Sprint(b.ID))
	}
}

// mostNamed is how many of many are named one by one.
const mostNamed = 5

func findOffline(v *view, at func() *Finding) {
	for i := range v.partitions() {
		p := &v.partitions()[i]
		if p.Leader >= 0 {
			continue
		}
		f := at()
		f.touches.partition(p.Topic, p.Partition)
		for _, r := range p.Replicas {
			f.touches.node(r)
		}
		f.touchInternal(p.Topic)
		f.Chain = []string{fmt.Sprintf("partition %s has no leader", p.name())}
		f.Evidence = []string{fmt.Sprintf("%s: replicas %s, in sync last: %s", p.name(), nodeList(p.Replicas), cmp.Or(nodeList(p.InSync), "none"))}
		last := p.InSync
		if len(last) == 0 { // whoever was, counts as eligible or not at all
			last = p.Replicas
		}
		f.next("{nodes}", nodeList(last), "{topic}", p.Topic, "{partition}", fmt.Sprint(p.Partition))
	}
}

// touchInternal makes what hits internal topics matter to everybody.
func (f *Finding) touchInternal(topic string) {
	if topic == "__consumer_offsets" || topic == "__transaction_state" {
		f.everyone = true
	}
}

// findBelowMin tells of topics, as partitions of one topic mostly suffer together.
func findBelowMin(v *view, at func() *Finding) {
	byTopic := map[string]*Finding{}
	for i := range v.partitions() {
		p := &v.partitions()[i]
		if p.Leader < 0 || len(p.InSync) >= p.MinISR {
			continue
		}
		f := byTopic[p.Topic]
		if f == nil {
			f = at()
			byTopic[p.Topic] = f
			f.touchInternal(p.Topic)
			f.Chain = []string{fmt.Sprintf("partition %s has %s of %d in sync, and min.insync.replicas=%d", p.name(), count(len(p.InSync), "replica"), len(p.Replicas), p.MinISR)}
			f.next("{nodes}", "nodes "+nodeList(p.missing()))
		}
		f.touches.partition(p.Topic, p.Partition)
		for _, r := range p.missing() {
			f.touches.node(r)
		}
		if len(f.Evidence) < mostNamed {
			f.Evidence = append(f.Evidence, fmt.Sprintf("%s: leader %d, replicas %s, in sync %s, min.insync.replicas=%d", p.name(), p.Leader, nodeList(p.Replicas), nodeList(p.InSync), p.MinISR))
		}
	}
}

func findNotEnough(v *view, at func() *Finding) {
	v.eachRefusal("NOT_ENOUGH_REPLICAS NOT_ENOUGH_REPLICAS_AFTER_APPEND", func(e *Event) string { return e.Resource }, func(e *Event) {
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("writes to %s are refused with %s", named(e.Resource), e.Code)}
		f.Evidence = []string{fmt.Sprintf("%s: %s", e.who(), v.times(e))}
		f.next()
	})
}

// eachRefusal yields refusals with these codes, those with equal keys as one.
func (v *view) eachRefusal(codes string, key func(*Event) string, each func(*Event)) {
	var list []*Event
	v.refused(codes, func(_ *Facts, e *Event) { list = append(list, e) })
	for _, same := range byKey(list, key) {
		e := sum(same)
		each(&e)
	}
}

// each yields events of a kind, those with equal keys as one.
func (v *view) each(kind Kind, key func(*Event) string, each func(*Event)) {
	var list []*Event
	v.events(kind, func(_ *Facts, e *Event) { list = append(list, e) })
	for _, same := range byKey(list, key) {
		e := sum(same)
		each(&e)
	}
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}
