package consumer

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/group/kind"
)

// regexChange is what a heartbeat changed of a member's regular expression.
type regexChange int8

const (
	regexSame     regexChange = iota
	regexUpdated              // its topics are not known yet
	regexResolved             // its topics are known, so the group moves on
)

// maxRegex is the longest regular expression that is taken, in bytes. Go's expressions (RE2, as Kafka's) match in linear time, but what
// they compile to grows with their length.
const maxRegex = 4096

// compile makes an expression that has to match a whole name.
func compile(x string) (*regexp.Regexp, error) {
	if len(x) > maxRegex {
		return nil, fmt.Errorf("%d bytes are more than %d", len(x), maxRegex)
	}
	if _, err := regexp.Compile(x); err != nil { // alone: the frame below must not mend it
		return nil, err
	}
	return regexp.Compile(`\A(?:` + x + `)\z`)
}

// checkRegex refuses an expression that is none. Those that the group has were looked at before. g may be nil.
func (g *group) checkRegex(x string) *refusal {
	if x == "" || g != nil && g.byRegex[x] > 0 {
		return nil
	}
	if _, err := compile(x); err != nil {
		return refuse(kerr.InvalidRegularExpression, fmt.Sprintf("SubscribedTopicRegex `%s` is not a valid regular expression: %s.", x, err))
	}
	return nil
}

// refreshPause is how long a group waits, at least, before its expressions are resolved again.
const refreshPause = 10 * time.Second

// updateRegex decides on a change of the member's expression, and has the group's expressions resolved if that is due. An expression that
// nobody had is resolved in a decision of its own; until then the member is assigned nothing for it.
func (dr *draft) updateRegex(old, updated *member) (regexChange, *refusal) {
	was, is := old.expression(), updated.expression()
	change, due := regexSame, false
	if !same(old.regex, updated.regex) && was != is {
		change = regexUpdated
		switch {
		case is == "":
			change = regexResolved
		case dr.byRegex[is] == 0:
			if refused := dr.checkRegex(is); refused != nil {
				return regexSame, refused
			}
			due = true
		case dr.regexes[is] != nil:
			change = regexResolved
		}
	}
	if due || len(dr.byRegex) > 0 {
		dr.planResolution(was, is, due)
	}
	return change, nil
}

// dropRegex removes an expression that the member was the last to have.
func (dr *draft) dropRegex(old, updated *member) {
	was := old.expression()
	if was != "" && was != updated.expression() && dr.byRegex[was] == 1 && dr.regexes[was] != nil {
		dr.d.Write(&RegexRecord{Group: dr.id, Regex: was, Gone: true})
	}
}

// planResolution has the group's expressions resolved if one is not, or topics were added, or the last time is long ago.
func (dr *draft) planResolution(was, is string, due bool) {
	last, version := int64(-1)<<62, int64(-1)
	for _, x := range sortedKeys(dr.regexes) {
		last, version = dr.regexes[x].Timestamp, dr.regexes[x].Version
		break
	}
	now := dr.d.Now().UnixMilli()
	if dr.k.work[dr.id] != nil || now <= last+refreshPause.Milliseconds() {
		return
	}
	counts := cloneCounts(dr.byRegex)
	if was != "" && dr.before != nil {
		add(counts, was, -1)
	}
	if is != "" {
		add(counts, is, 1)
	}
	due = due || len(counts) != len(dr.regexes) || version < dr.k.topics || now > last+dr.d.Settings().Consumer.RegexRefreshInterval.Milliseconds()
	if due && len(counts) > 0 {
		dr.k.work[dr.id] = &resolution{found: make(map[string][]string)}
		dr.d.Timer(dr.id, regexTimer, dr.d.Now())
	}
}

// resolution is the work of resolving a group's expressions. It is done in pieces, because thousands of expressions over thousands of
// topics would hold up all other groups of the partition.
type resolution struct {
	begun   bool
	todo    []string
	version int64
	found   map[string][]string
}

// matchesPerPiece is how many names are matched before other groups get their turn: some ten milliseconds.
const matchesPerPiece = 50_000

// resolve does a piece of the work, and writes the result after the last.
func (k *Kind) resolve(d kind.Desk, id string, g *group) {
	w := k.work[id]
	if w == nil {
		return
	}
	if !w.begun {
		w.begun, w.todo, w.version = true, sortedKeys(g.byRegex), d.Image().Offset
	}
	for matched := 0; len(w.todo) > 0; {
		if matched >= matchesPerPiece {
			d.Timer(id, regexTimer, d.Now().Add(time.Millisecond))
			return
		}
		x := w.todo[0]
		w.todo = w.todo[1:]
		topics := []string{}
		if re, err := compile(x); err == nil {
			for t := range d.Image().Topics("") {
				if re.MatchString(t.Name) {
					topics = append(topics, t.Name)
				}
			}
		}
		matched += max(d.Image().TopicCount(), 1)
		w.found[x] = topics
	}
	delete(k.work, id)
	k.resolved(d, id, g, w)
}

// resolved takes over what was found; a group whose topics are other ones than before moves on.
func (k *Kind) resolved(d kind.Desk, id string, g *group, w *resolution) {
	after := *g
	after.regexes = make(map[string]*RegexRecord, len(g.regexes))
	for x, r := range g.regexes {
		after.regexes[x] = r
	}
	changed := false
	for _, x := range sortedKeys(w.found) {
		if g.byRegex[x] == 0 {
			continue
		}
		r := &RegexRecord{Group: id, Regex: x, Topics: w.found[x], Version: w.version, Timestamp: d.Now().UnixMilli()}
		changed = changed || !slices.Equal(r.Topics, g.regexes[x].topics())
		after.regexes[x] = r
		d.Write(r)
	}
	hash := k.hasher.MetadataHash(d.Image(), sortedKeys(after.topicNames()))
	if changed || hash != g.hash {
		d.Write(&EpochRecord{Group: id, Epoch: g.epoch + 1, Hash: hash})
		k.fresh[id] = true
	}
}
