package consumer

import (
	"fmt"
	"math"
	"regexp"
	"regexp/syntax"
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

// What a regular expression may be, at most. Go's expressions (RE2, as Kafka's) match in a time that grows with the length of the name times
// the steps of the expression; and a few bytes can repeat a thousand times what repeats a thousand steps.
const (
	maxRegex      = 4096 // bytes
	maxRegexSteps = 5000
)

// compile makes an expression that has to match a whole name, and says how many steps it has.
func compile(x string) (*regexp.Regexp, int, error) {
	if len(x) > maxRegex {
		return nil, 0, fmt.Errorf("%d bytes are more than %d", len(x), maxRegex)
	}
	parsed, err := syntax.Parse(x, syntax.Perl) // alone: the frame below must not mend it
	if err != nil {
		return nil, 0, err
	}
	if name, twice := repeated(parsed.CapNames()); twice {
		return nil, 0, fmt.Errorf("two groups are named %s", name)
	}
	n := steps(parsed)
	if n > maxRegexSteps {
		return nil, 0, fmt.Errorf("%d steps are more than %d", n, maxRegexSteps)
	}
	re, err := regexp.Compile(`\A(?:` + x + `)\z`)
	return re, n, err
}

// repeated finds a name that is there twice.
func repeated(names []string) (string, bool) {
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if name != "" && seen[name] {
			return name, true
		}
		seen[name] = true
	}
	return "", false
}

// steps is about how many instructions an expression compiles to, found without doing it.
func steps(x *syntax.Regexp) int {
	n := 1 + len(x.Rune)
	for _, sub := range x.Sub {
		n = min(n+steps(sub), math.MaxInt32)
	}
	if x.Op == syntax.OpRepeat {
		n *= max(x.Min, x.Max) + 1
	}
	return min(n, math.MaxInt32)
}

// checkRegex refuses an expression that is none. Those that the group has were looked at before. g may be nil.
func (g *group) checkRegex(x string) *refusal {
	if x == "" || g != nil && g.byRegex[x] > 0 {
		return nil
	}
	if _, _, err := compile(x); err != nil {
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
	last, version := int64(-1)<<62, int64(math.MaxInt64)
	for _, r := range dr.regexes { // as a rule all are from one resolution
		last, version = max(last, r.Timestamp), min(version, r.Version)
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
		dr.k.work[dr.id] = &resolution{sees: dr.sees, found: make(map[string][]string)}
		dr.d.Timer(dr.id, regexTimer, dr.d.Now())
	}
}

// resolution is the work of resolving a group's expressions. It is done in pieces, because thousands of expressions over thousands of
// topics would hold up all other groups of the partition.
type resolution struct {
	begun   bool
	todo    []string
	names   []string // of all topics
	next    int      // of those, for the first expression
	topics  []string // that it matches so far
	version int64
	found   map[string][]string
	sees    func(topic string) bool // by the one whose heartbeat began this; nil: all topics
}

// stepsPerPiece is how much is matched before other groups get their turn: some ten milliseconds. A name costs at least matchSteps.
const (
	stepsPerPiece = 500_000
	matchSteps    = 10
)

// resolve does a piece of the work, and writes the result after the last.
func (k *Kind) resolve(d kind.Desk, id string, g *group) {
	w := k.work[id]
	if w == nil {
		return
	}
	if !w.begun {
		w.begun, w.todo, w.version = true, sortedKeys(g.byRegex), d.Image().Offset
		for t := range d.Image().Topics("") {
			w.names = append(w.names, t.Name)
		}
	}
	for left := stepsPerPiece; len(w.todo) > 0; {
		if left = w.match(left); left <= 0 && len(w.todo) > 0 {
			d.Timer(id, regexTimer, d.Now().Add(time.Millisecond))
			return
		}
	}
	delete(k.work, id)
	k.resolved(d, id, g, w)
}

// match goes on with the first expression until it is resolved or nothing of left is left.
func (w *resolution) match(left int) int {
	x := w.todo[0]
	re, n, err := compile(x)
	left -= n + matchSteps
	for ; err == nil && w.next < len(w.names) && left > 0; w.next++ {
		if name := w.names[w.next]; re.MatchString(name) && (w.sees == nil || w.sees(name)) {
			w.topics = append(w.topics, name)
		}
		left -= n + matchSteps
	}
	if err == nil && w.next < len(w.names) {
		return left
	}
	if w.found[x] = w.topics; w.topics == nil {
		w.found[x] = []string{}
	}
	w.todo, w.next, w.topics = w.todo[1:], 0, nil
	return left
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
	for _, x := range sortedKeys(g.regexes) {
		if g.byRegex[x] == 0 { // a log may have kept it
			d.Write(&RegexRecord{Group: id, Regex: x, Gone: true})
			delete(after.regexes, x)
		}
	}
	hash := k.hasher.MetadataHash(d.Image(), sortedKeys(after.topicNames()))
	if changed || hash != g.hash {
		d.Write(&EpochRecord{Group: id, Epoch: g.epoch + 1, Hash: hash})
		k.fresh[id] = true
	}
}
