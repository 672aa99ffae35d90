package why

import (
	"fmt"
	"strings"
	"time"
)

var groupCauses = []Cause{
	{
		Name: "poll-too-slow", Severity: Warning, find: findPollTimeout,
		Seen:     "A consumer left its group because it did not ask for records for longer than max.poll.interval.ms: what it does with them takes too long, or hangs. Some say so; of others (all of group.protocol=consumer) it is told as likely, if they left without a word after as long without a commit while records waited.",
		Next:     []string{"look what {client} does between two polls (its stack); make it faster, lower max.poll.records, or raise max.poll.interval.ms", "leat group describe {group} shows who is left"},
		Explains: groupTrouble,
	},
	{
		Name: "member-dead", Severity: Warning, find: findSessionEnded,
		Seen:     "A member of a group fell silent and was removed when its session ended: its process was killed, hangs, or is cut off.",
		Next:     []string{"look whether the process of {client} runs and reaches the cluster", "leat group describe {group} shows who is left"},
		Explains: groupTrouble,
	},
	{
		Name: "rebalance-loop", Severity: Warning, find: findRebalances,
		Seen:     "A group gets a new generation again and again and hardly reads meanwhile: members come and go, or do not join in time.",
		Next:     []string{"look which member comes and goes (below), and why it does: its log, its restarts; static members (group.instance.id) spare rebalances at restarts", "leat group describe {group} shows the members"},
		Explains: []string{"group-empty", "group-stuck", "group-outpaced", "group-hot-partition"},
	},
	{
		Name: "group-empty", Severity: Warning, find: findEmpty,
		Seen:     "A group has no members, and records come in that it has not read; of a group that somebody asks about, also that records wait.",
		Next:     []string{"start its consumers; if it is not needed any more: leat group delete {group}"},
		Explains: nil,
	},
	{
		Name: "group-stuck", Severity: Warning, find: findStuck,
		Seen:     "A group stays at one offset of a partition while records come in and its members are alive: the record there is likely one that it cannot process (a poison record), or what it waits for hangs.",
		Next:     []string{"look at the record: leat consume {topic} --partitions {partition} --from {offset} --num 1", "to leave it out: stop the group, then leat group reset {group} --topic {topic}:{partition} --to-offset {after} --execute"},
		Explains: nil,
	},
	{
		Name: "group-hot-partition", Severity: Warning, find: findHot,
		Seen:     "A group falls behind in one partition only: most records go there, so that more members do not help.",
		Next:     []string{"look at the keys of the producers: one of them has most of the records of {topic}-{partition}", "spread them (a longer key, another partitioner), or make that one consumer faster"},
		Explains: nil,
	},
	{
		Name: "group-outpaced", Severity: Warning, find: findOutpaced,
		Seen:     "A group reads, but producers write faster: its lag grows in most of its partitions.",
		Next:     []string{"add members (there are {members} for {partitions} partitions), make them faster, or add partitions: leat topic alter {topic} --partitions N"},
		Explains: nil,
	},
}

var groupTrouble = []string{"rebalance-loop", "group-empty", "group-stuck", "group-outpaced", "group-hot-partition"}

func byGroupAndClient(e *Event) string { return e.Resource + "\x00" + e.ClientID }

// pollTimedOut reports whether a member left because its client noticed that nobody polled (KIP-800 lets it say so).
func pollTimedOut(e *Event) bool {
	return strings.Contains(e.Detail, "poll") && strings.Contains(e.Detail, "timeout")
}

func findPollTimeout(v *view, at func() *Finding) {
	v.each(Left, func(e *Event) string { return e.Resource + "\x00" + e.ClientID + "\x00" + e.Detail }, func(e *Event) {
		if !pollTimedOut(e) {
			return
		}
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("%s stopped asking for records and left %s", e.who(), named(e.Resource))}
		f.Evidence = []string{fmt.Sprintf("it said: %s; %s", e.Detail, v.times(e))}
		f.next("{client}", e.who(), "{group}", e.name())
	})
	v.each(Quiet, byGroupAndClient, func(e *Event) {
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("%s likely stopped asking for records, and left %s", e.who(), named(e.Resource))}
		f.Evidence = []string{fmt.Sprintf("it did not say why it left, but %s; %s", e.Detail, v.times(e))}
		f.next("{client}", e.who(), "{group}", e.name())
	})
}

func findSessionEnded(v *view, at func() *Finding) {
	v.each(SessionEnded, byGroupAndClient, func(e *Event) {
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("%s fell silent, a member of %s: %s", e.who(), named(e.Resource), e.Detail)}
		f.Evidence = []string{fmt.Sprintf("%s: %s", named(e.Resource), v.times(e))}
		f.next("{client}", e.who(), "{group}", e.name())
	})
}

// loop is how many generations in the time that events are kept are too many.
const loop = 6

func findRebalances(v *view, at func() *Finding) {
	v.each(Rebalanced, func(e *Event) string { return e.Resource }, func(e *Event) {
		if e.Count < loop {
			return
		}
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("%s does not settle: %d generations in %s", named(e.Resource), e.Count, short(e.Last.Sub(e.First)))}
		f.Evidence = []string{"last reason: " + e.Detail}
		for _, kind := range []Kind{Left, Quiet, SessionEnded} {
			v.each(kind, byGroupAndClient, func(l *Event) {
				if l.Resource == e.Resource {
					f.Evidence = append(f.Evidence, fmt.Sprintf("%s: %s, %s", l.Detail, kind, v.times(l)))
				}
			})
		}
		f.next("{group}", e.name())
	})
}

func (e *Event) name() string {
	_, name, _ := strings.Cut(e.Resource, ":")
	return name
}

// least of lag and growth that are worth a word.
const (
	leastLag  = 1
	leastHeld = 5 * time.Second
)

// behind says what it comes to.
func (v *view) behind(g *Group, s *Standing) string {
	return fmt.Sprintf("group %s is %s behind in %s (%s)", g.Group, count(int(s.Lag()), "record"), s.name(), short(time.Duration(s.Seconds*float64(time.Second))))
}

func findEmpty(v *view, at func() *Finding) {
	v.groups(func(_ *Facts, g *Group) {
		if len(g.Members) > 0 || g.State != "Empty" {
			return
		}
		// Whoever asks about this very group wonders about its lag. Otherwise one that was left behind for good is nobody's trouble.
		asked := v.about == About{"group", g.Group}
		var f *Finding
		for i := range g.Partitions {
			s := &g.Partitions[i]
			if s.Lag() < leastLag || !asked && !v.unattended(s) {
				continue
			}
			if f == nil {
				f = at()
				f.touches.add("group", g.Group)
				f.Since = s.Since
				f.Chain = []string{fmt.Sprintf("group %s has no members", g.Group), v.behind(g, s)}
				f.next("{group}", g.Group)
			}
			f.touches.partition(s.Topic, s.Partition)
			f.standing(s)
		}
	})
}

// unattended reports whether records come in while a group stands still.
func (v *view) unattended(s *Standing) bool {
	return s.HighWatermark > s.ThenWatermark && v.At.Sub(s.Since) >= leastHeld
}

// standing adds where a group is, if there is room.
func (f *Finding) standing(s *Standing) {
	if len(f.Evidence) < mostNamed {
		f.Evidence = append(f.Evidence, fmt.Sprintf("%s: committed %d since %s, last stable offset %d, high watermark %d; at the beginning of the window %d and %d",
			s.name(), s.Committed, s.Since.UTC().Format(time.RFC3339), s.LastStable, s.HighWatermark, s.ThenCommitted, s.ThenWatermark))
	}
}

// held reports whether a group stayed where it is while the partition grew.
func (v *view) held(g *Group, s *Standing) bool {
	return s.Lag() > 0 && v.At.Sub(s.Since) >= g.patience() && s.HighWatermark > s.WatermarkAtHold && s.Committed < s.WatermarkAtHold
}

// patience is how long standing still says nothing.
func (g *Group) patience() time.Duration { return max(leastHeld, g.Window) }

func findStuck(v *view, at func() *Finding) {
	v.groups(func(_ *Facts, g *Group) {
		if len(g.Members) == 0 {
			return
		}
		for i := range g.Partitions {
			s := &g.Partitions[i]
			if !v.held(g, s) {
				continue
			}
			f := at()
			f.touches.add("group", g.Group)
			f.touches.partition(s.Topic, s.Partition)
			f.Since = s.Since
			where := s.Committed
			f.Chain = []string{fmt.Sprintf("group %s has stood at offset %d of %s for %s, though its %s alive and %s came in", g.Group, where, s.name(), v.ago(s.Since),
				map[bool]string{true: "member is", false: "members are"}[len(g.Members) == 1], count(int(s.HighWatermark-s.WatermarkAtHold), "record")),
				v.behind(g, s)}
			f.standing(s)
			f.next("{group}", g.Group, "{topic}", s.Topic, "{partition}", fmt.Sprint(s.Partition), "{offset}", fmt.Sprint(where), "{after}", fmt.Sprint(where+1))
		}
	})
}

// growth is by how many records a lag grew in the window.
func (s *Standing) growth() int64 {
	return s.Lag() - max(0, s.ThenWatermark-s.ThenCommitted)
}

// falling are the partitions of a group in which it reads and falls behind all the same: by a tenth of what came in.
func (v *view) falling(g *Group) (list []*Standing, lag, in int64) {
	for i := range g.Partitions {
		s := &g.Partitions[i]
		in += s.HighWatermark - s.ThenWatermark
		lag += s.Lag()
		const tenth = 10
		if came := s.HighWatermark - s.ThenWatermark; s.growth() > 0 && s.growth()*tenth > came && s.Lag() > came && !v.held(g, s) && s.watched(v) && s.Committed > s.ThenCommitted {
			list = append(list, s)
		}
	}
	return list, lag, in
}

// watched reports whether a standing was watched for long enough to compare.
func (s *Standing) watched(v *view) bool { return !s.Then.IsZero() && v.At.Sub(s.Then) >= leastHeld }

func findHot(v *view, at func() *Finding) {
	v.groups(func(_ *Facts, g *Group) {
		list, lag, in := v.falling(g)
		const most = 2 // more than half of it all
		if len(list) != 1 || len(g.Partitions) < 2 || len(g.Members) == 0 {
			return
		}
		s := list[0]
		if s.Lag()*most <= lag || (s.HighWatermark-s.ThenWatermark)*most <= in {
			return
		}
		f := at()
		f.touches.add("group", g.Group)
		f.touches.partition(s.Topic, s.Partition)
		f.Chain = []string{fmt.Sprintf("partition %s gets %d of the %d records that came in for group %s", s.name(), s.HighWatermark-s.ThenWatermark, in, g.Group), v.behind(g, s)}
		f.standing(s)
		f.next("{topic}", s.Topic, "{partition}", fmt.Sprint(s.Partition))
	})
}

func findOutpaced(v *view, at func() *Finding) {
	v.groups(func(_ *Facts, g *Group) {
		list, lag, in := v.falling(g)
		const most = 2
		if len(list) == 0 || len(g.Members) == 0 || len(list) == 1 && len(g.Partitions) > 1 && list[0].Lag()*most > lag && (list[0].HighWatermark-list[0].ThenWatermark)*most > in {
			return
		}
		f := at()
		f.touches.add("group", g.Group)
		var grew int64
		for _, s := range list {
			grew += s.growth()
			f.touches.partition(s.Topic, s.Partition)
			f.standing(s)
		}
		f.Chain = []string{
			fmt.Sprintf("producers write faster than group %s reads: its lag grew by %s in %s", g.Group, count(int(grew), "record"), short(v.At.Sub(list[0].Then))),
			fmt.Sprintf("group %s is %s behind", g.Group, count(int(lag), "record")),
		}
		f.next("{members}", fmt.Sprint(len(g.Members)), "{partitions}", fmt.Sprint(len(g.Partitions)), "{topic}", list[0].Topic)
	})
}
