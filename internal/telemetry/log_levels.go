package telemetry

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
)

// Levels is what is logged, changeable while the node runs: a level for all, and one for each logger that is to differ. A logger without a level of its own has
// that of the nearest one above it that has one: "leat.coordinator" is above "leat.coordinator.group", and "root", which always has a level, above all (KIP-412,
// KIP-676). The zero value logs from INFO on.
type Levels struct {
	once sync.Once
	mu   sync.Mutex        // guards the levels that are set, and that those in force agree with them
	root *level            // of "root"
	of   map[string]*level // by name; does not change once it is made
	all  []*level          // by name, "root" last; likewise
}

// RootLogger is the name of the logger above all others, as it is called in Kafka.
const RootLogger = "root"

// level is that of one logger.
type level struct {
	name    string
	above   *level
	set     *slog.Level // nil: it has none of its own
	inForce atomic.Int64
}

// LoggerLevel tells the level of a logger, and whether it is its own.
type LoggerLevel struct {
	Name, Level string
	Own         bool
}

// make builds the tree of loggers from their table, in which each stands behind the one above it.
func (l *Levels) make() {
	l.once.Do(func() {
		l.root = &level{name: RootLogger, set: new(slog.Level)}
		l.of = map[string]*level{RootLogger: l.root}
		for _, row := range Loggers {
			one := &level{name: row.Name, above: l.root}
			for name := row.Name; one.above == l.root && strings.Contains(name, "."); {
				name = name[:strings.LastIndexByte(name, '.')]
				if above := l.of[name]; above != nil {
					one.above = above
				}
			}
			l.of[row.Name] = one
			l.all = append(l.all, one)
		}
		l.all = append(l.all, l.root)
	})
}

// find returns a logger, nil if there is none of that name.
func (l *Levels) find(name string) *level {
	l.make()
	return l.of[name]
}

// Parse sets the levels that a text names: one for all, one for each of some loggers, or both ("info,leat.storage=debug").
func (l *Levels) Parse(text string) error {
	for part := range strings.SplitSeq(text, ",") {
		name, value, one := strings.Cut(part, "=")
		if !one {
			name, value = RootLogger, part
		}
		to, err := ParseLevel(value)
		if err != nil {
			return err
		}
		if !l.SetLevelOf(name, to) {
			return fmt.Errorf("logger %q: there is none of that name: docs/reference/loggers.md lists them", name)
		}
	}
	return nil
}

// Has reports whether there is a logger of that name.
func (l *Levels) Has(name string) bool { return l.find(name) != nil }

// Level is the name of what all loggers log that have no level of their own.
func (l *Levels) Level() string { return l.LevelOf(RootLogger) }

// LevelOf is the name of what a logger logs, "" if there is no such logger.
func (l *Levels) LevelOf(name string) string {
	if one := l.find(name); one != nil {
		return levelName(one.Level())
	}
	return ""
}

// SetLevel changes what is logged by all loggers that have no level of their own.
func (l *Levels) SetLevel(to slog.Level) { l.SetLevelOf(RootLogger, to) }

// SetLevelOf gives a logger a level of its own, which those below it have, too. It reports whether there is that logger.
func (l *Levels) SetLevelOf(name string, to slog.Level) bool { return l.change(name, &to) }

// UnsetLevelOf takes a logger's own level away; that of "root" stays. It reports whether there is that logger.
func (l *Levels) UnsetLevelOf(name string) bool { return name != RootLogger && l.change(name, nil) }

func (l *Levels) change(name string, to *slog.Level) bool {
	one := l.find(name)
	if one == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	one.set = to
	l.root.inForce.Store(int64(*l.root.set))
	for _, each := range l.all { // those above come first
		switch {
		case each.set != nil:
			each.inForce.Store(int64(*each.set))
		default:
			each.inForce.Store(each.above.inForce.Load())
		}
	}
	return true
}

// All lists all loggers by name, "root" last.
func (l *Levels) All() []LoggerLevel {
	l.make()
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []LoggerLevel
	for _, one := range l.all {
		out = append(out, LoggerLevel{one.name, levelName(one.Level()), one.set != nil})
	}
	return out
}

// Level is what is logged now, for a handler.
func (l *level) Level() slog.Level { return slog.Level(l.inForce.Load()) }
