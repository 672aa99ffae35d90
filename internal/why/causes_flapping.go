package why

import (
	"fmt"
	"time"
)

const (
	// AbsenceWindows is for how many windows of events the absences of brokers count: one is as long as a session at least, so that few fit into a window.
	AbsenceWindows = 10
	// mostAbsences may be by chance: a restart of the controllers, a machine that was moved.
	mostAbsences = 2
)

// absences are those of each broker as the node tells them that saw most: who is held up itself sees two changes as none.
func (v *view) absences() map[int32]*Absent {
	all := map[int32]*Absent{}
	for i := range v.Nodes {
		for j := range v.Nodes[i].Away {
			if a := &v.Nodes[i].Away[j]; all[a.Node] == nil || len(a.Past) > len(all[a.Node].Past) {
				all[a.Node] = a
			}
		}
	}
	return all
}

func (a *Absence) length() time.Duration { return a.Ended.Sub(a.Began) }

// longest is the longest of the absences that are over.
func (a *Absent) longest() (d time.Duration) {
	for i := range a.Past {
		d = max(d, a.Past[i].length())
	}
	return d
}

// gone reports whether a broker that flapped is away now for much longer than it ever was: then it is down, which is told by itself.
func (v *view) gone(a *Absent) bool {
	const much = 3
	return !a.Since.IsZero() && v.At.Sub(a.Since) > max(much*a.longest(), v.Window)
}

func findFlapping(v *view, at func() *Finding) {
	away := v.absences()
	for _, b := range v.brokers() {
		a := away[b.ID]
		if a == nil || len(a.Past) <= mostAbsences || v.gone(a) {
			continue
		}
		f := at()
		v.touchPartitions(f, b.ID)
		first, last := &a.Past[0], &a.Past[len(a.Past)-1]
		f.Since = first.Began
		f.Chain = []string{fmt.Sprintf("broker %d was fenced %d times in %s and let in again each time, by the same process: its heartbeats come too seldom",
			b.ID, len(a.Past), short(last.Ended.Sub(first.Began)))}
		text := fmt.Sprintf("broker %d was away for %s at most, last for %s, which ended %s ago", b.ID, short(a.longest()), short(last.length()), v.ago(last.Ended))
		if !a.Since.IsZero() {
			text = fmt.Sprintf("broker %d was away for %s at most, and is away again for %s", b.ID, short(a.longest()), v.ago(a.Since))
		}
		f.Evidence = []string{text}
		f.next("{node}", fmt.Sprint(b.ID), "{longest}", short(a.longest()))
	}
}
