package why

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// About is what the question is about. The zero About is the whole cluster.
type About struct{ Kind, Name string }

// AboutKinds are what can be asked about.
var AboutKinds = []string{"group", "topic", "partition", "client", "node"}

// ParseAbout reads "kind:name"; "": everything.
func ParseAbout(text string) (About, error) {
	if text == "" {
		return About{}, nil
	}
	kind, name, ok := strings.Cut(text, ":")
	if !ok || name == "" {
		return About{}, fmt.Errorf("about=%s: not kind:name, as in group:shop", text)
	}
	a := About{kind, name}
	if !slices.Contains(AboutKinds, kind) {
		return a, fmt.Errorf("about=%s: %q is none of %s", text, kind, strings.Join(AboutKinds, ", "))
	}
	if kind == "partition" {
		if _, _, ok := splitPartition(name); !ok {
			return a, fmt.Errorf("about=%s: not topic-number, as in orders-3", text)
		}
	}
	if kind == "node" {
		if _, err := strconv.ParseInt(name, 10, 32); err != nil {
			return a, fmt.Errorf("about=%s: a node is named by its number", text)
		}
	}
	return a, nil
}

func (a About) String() string {
	if a.Kind == "" {
		return ""
	}
	return a.Kind + ":" + a.Name
}

func splitPartition(name string) (topic string, partition int32, ok bool) {
	i := strings.LastIndexByte(name, '-')
	if i <= 0 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(name[i+1:], 10, 32)
	return name[:i], int32(n), err == nil && n >= 0
}

// Subjects are what a finding is about, as "kind:name". A partition also counts as its topic.
type subjects map[string]bool

func subject(kind, name string) string { return kind + ":" + name }

func (s subjects) add(kind, name string) {
	if name == "" {
		return
	}
	s[subject(kind, name)] = true
}

func (s subjects) node(id int32) { s.add("node", strconv.Itoa(int(id))) }

func (s subjects) partition(topic string, partition int32) {
	s.add("partition", partitionName(topic, partition))
	s.add("topic", topic)
}

// common reports whether two have something in common. Sharing a topic is not enough where both name partitions.
func (s subjects) common(o subjects) bool {
	for k := range s {
		if o[k] && !strings.HasPrefix(k, "topic:") {
			return true
		}
	}
	for k := range s {
		if o[k] && (!s.names("partition:") || !o.names("partition:")) {
			return true
		}
	}
	return false
}

func (s subjects) names(prefix string) bool {
	for k := range s {
		if strings.HasPrefix(k, prefix) {
			return true
		}
	}
	return false
}

// scope is everything that the question touches.
func (v *view) scope(a About) subjects {
	s := subjects{}
	switch a.Kind {
	case "partition":
		s.add("partition", a.Name)
	case "group":
		s.add("group", a.Name)
		v.scopeGroup(s, a.Name)
	case "client":
		s.add("client", a.Name)
		v.scopeClient(s, a.Name)
	default:
		s.add(a.Kind, a.Name)
	}
	return s
}

// scopeGroup adds what a group depends on: its members' clients, and the partitions that it reads.
func (v *view) scopeGroup(s subjects, name string) {
	v.groups(func(_ *Facts, g *Group) {
		if g.Group != name {
			return
		}
		for i := range g.Members {
			s.add("client", g.Members[i].ClientID)
		}
		for i := range g.Partitions {
			s.add("partition", g.Partitions[i].name())
		}
	})
}

// scopeClient adds who a client is, where it is a member, and what it was refused.
func (v *view) scopeClient(s subjects, name string) {
	v.events("", func(_ *Facts, e *Event) {
		if e.ClientID == name {
			s.add("principal", e.Principal)
			if kind, of, ok := strings.Cut(e.Resource, ":"); ok {
				s.add(kind, of)
			}
		}
	})
	v.groups(func(_ *Facts, g *Group) {
		if slices.ContainsFunc(g.Members, func(m Member) bool { return m.ClientID == name }) {
			s.add("group", g.Group)
			for i := range g.Partitions {
				s.add("partition", g.Partitions[i].name())
			}
		}
	})
}
