package why

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"
)

// view is the facts, looked at from all sides.
type view struct {
	*Cluster
	about  About
	newest *Facts // the node with the newest metadata; nil: none told anything
	nodes  map[int32]*Facts
	silent map[int32]*Silent
}

func newView(c *Cluster, about About) *view {
	v := &view{Cluster: c, about: about, nodes: map[int32]*Facts{}, silent: map[int32]*Silent{}}
	for i := range c.Nodes {
		f := &c.Nodes[i]
		v.nodes[f.Node] = f
		if v.newest == nil || f.Offset > v.newest.Offset {
			v.newest = f
		}
	}
	for i := range c.Silent {
		v.silent[c.Silent[i].Node] = &c.Silent[i]
	}
	return v
}

func (v *view) groups(each func(*Facts, *Group)) {
	for i := range v.Nodes {
		for j := range v.Nodes[i].Groups {
			each(&v.Nodes[i], &v.Nodes[i].Groups[j])
		}
	}
}

// events yields those of a kind; "": all.
func (v *view) events(kind Kind, each func(*Facts, *Event)) {
	for i := range v.Nodes {
		for j := range v.Nodes[i].Events {
			if e := &v.Nodes[i].Events[j]; kind == "" || e.Kind == kind {
				each(&v.Nodes[i], e)
			}
		}
	}
}

// refused yields requests that were answered with one of these codes.
func (v *view) refused(codes string, each func(*Facts, *Event)) {
	list := strings.Fields(codes)
	v.events(Refused, func(f *Facts, e *Event) {
		if slices.Contains(list, e.Code) {
			each(f, e)
		}
	})
}

// brokers are those of the newest image.
func (v *view) brokers() []Broker {
	if v.newest == nil {
		return nil
	}
	return v.newest.Brokers
}

// partitions are those of the newest image that are not as they should be.
func (v *view) partitions() []Partition {
	if v.newest == nil {
		return nil
	}
	return v.newest.Partitions
}

// touchPartitions notes the partitions that a node has, of those that are not as they should be.
func (v *view) touchPartitions(f *Finding, node int32) {
	f.touches.node(node)
	for i := range v.partitions() {
		p := &v.partitions()[i]
		if slices.Contains(p.Replicas, node) {
			f.touches.partition(p.Topic, p.Partition)
		}
	}
}

// unknown says that the cluster does not know what was asked about, as far as that can be told.
func (v *view) unknown(a About) string {
	if a.Kind != "node" || v.newest == nil {
		return ""
	}
	for _, b := range v.brokers() {
		if fmt.Sprint(b.ID) == a.Name {
			return ""
		}
	}
	if v.nodes[v.Asked] != nil && fmt.Sprint(v.Asked) == a.Name {
		return ""
	}
	return "no node " + a.Name + " is registered"
}

// ago says how long something has been, roughly.
func (v *view) ago(t time.Time) string { return short(v.At.Sub(t)) }

// short is a duration as a person says it.
func short(d time.Duration) string {
	switch d = max(d, 0); {
	case d < time.Second:
		return fmt.Sprintf("%d ms", d.Milliseconds())
	case d < 2*time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours()/24))
}

// times says how often and since when.
func (v *view) times(e *Event) string {
	if e.Count == 1 {
		return "once, " + v.ago(e.Last) + " ago"
	}
	return fmt.Sprintf("%d times in %s, last %s ago", e.Count, short(e.Last.Sub(e.First)), v.ago(e.Last))
}

func size(n int64) string {
	const kilo = 1024
	units := []string{"bytes", "KiB", "MiB", "GiB", "TiB"}
	x, i := float64(n), 0
	for x >= kilo && i < len(units)-1 {
		x, i = x/kilo, i+1
	}
	if i == 0 {
		return fmt.Sprintf("%d bytes", n)
	}
	return fmt.Sprintf("%.1f %s", x, units[i])
}

func nodeList(ids []int32) string {
	var out []string
	for _, id := range ids {
		out = append(out, fmt.Sprint(id))
	}
	return strings.Join(out, ", ")
}

// who names the client of an event.
func (e *Event) who() string {
	name := "a client"
	if e.ClientID != "" {
		name = "client " + e.ClientID
	}
	if e.Principal != "" && e.Principal != "User:ANONYMOUS" {
		name += " (" + e.Principal + ")"
	}
	if e.Host != "" {
		name += " at " + e.Host
	}
	return name
}

// touch notes whom an event is about.
func (f *Finding) touch(e *Event) {
	f.touches.add("client", e.ClientID)
	f.touches.add("principal", e.Principal)
	if kind, name, ok := strings.Cut(e.Resource, ":"); ok {
		f.touches.add(kind, name)
		if topic, _, ok := splitPartition(name); ok && kind == "partition" {
			f.touches.add("topic", topic)
		}
	}
	if f.Since.IsZero() || e.First.Before(f.Since) {
		f.Since = e.First
	}
}

// byKey joins events of several nodes that tell of the same.
func byKey(list []*Event, key func(*Event) string) [][]*Event {
	at := map[string]int{}
	var out [][]*Event
	for _, e := range list {
		k := key(e)
		i, ok := at[k]
		if !ok {
			i = len(out)
			at[k] = i
			out = append(out, nil)
		}
		out[i] = append(out[i], e)
	}
	slices.SortStableFunc(out, func(a, b []*Event) int { return cmp.Compare(key(a[0]), key(b[0])) })
	return out
}

// sum joins events into one.
func sum(list []*Event) Event {
	out := *list[0]
	for _, e := range list[1:] {
		out.Count, out.Amount = out.Count+e.Count, out.Amount+e.Amount
		if e.First.Before(out.First) {
			out.First = e.First
		}
		if e.Last.After(out.Last) {
			out.Last, out.Detail = e.Last, e.Detail
		}
	}
	return out
}
