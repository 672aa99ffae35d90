package controller

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/metadata"
)

// collisions finds topics whose names differ only in '.' and '_': the names of their metrics would be the same. By name with every
// '.' written as '_'.
type collisions map[string][]string

func unified(name string) (string, bool) {
	return strings.ReplaceAll(name, ".", "_"), strings.ContainsAny(name, "._")
}

func (c collisions) add(name string) {
	if u, can := unified(name); can {
		c[u] = append(c[u], name)
	}
}

func (c collisions) remove(name string) {
	u, _ := unified(name)
	names := c[u]
	for i, n := range names {
		if n == name {
			c[u] = append(names[:i:i], names[i+1:]...)
		}
	}
	if len(c[u]) == 0 {
		delete(c, u)
	}
}

// with returns an existing topic that a new name would collide with.
func (c collisions) with(name string) (string, bool) {
	u, can := unified(name)
	if !can {
		return "", false
	}
	for _, n := range c[u] {
		if n != name {
			return n, true
		}
	}
	return "", false
}

// apply follows the records of topics; im is the image before the record.
func (c collisions) apply(im *metadata.Image, r Record) {
	switch r := r.(type) {
	case *metadata.TopicRecord:
		c.add(r.Name)
	case *metadata.RemoveTopicRecord:
		if t, ok := im.TopicByID(r.TopicID); ok {
			c.remove(t.Name)
		}
	}
}

// checkTopicName refuses a name that is not legal, in Kafka's words.
func checkTopicName(name string) *refusal {
	if metadata.CheckTopicName(name) == nil {
		return nil
	}
	switch {
	case name == "":
		return refuse(kerr.InvalidTopicException, "Topic name is invalid: the empty string is not allowed")
	case name == "." || name == "..":
		return refuse(kerr.InvalidTopicException, "Topic name is invalid: '%s' is not allowed", name)
	case len(name) > 249:
		return refuse(kerr.InvalidTopicException, "Topic name is invalid: the length of '%s' is longer than the max allowed length 249", name)
	default:
		return refuse(kerr.InvalidTopicException,
			"Topic name is invalid: '%s' contains one or more characters other than ASCII alphanumerics, '.', '_' and '-'", name)
	}
}
