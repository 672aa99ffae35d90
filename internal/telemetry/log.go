package telemetry

import (
	"fmt"
	"io"
	"log/slog"
	"strings"
)

// Levels is what is logged, changeable while the node runs. There is one logger, "root", as the parent of all is called in Kafka.
type Levels struct{ root slog.LevelVar }

// RootLogger is the name of the one logger.
const RootLogger = "root"

// levelNames are Kafka's log levels, the most talkative first. slog has no level for TRACE and FATAL; they are a step beyond.
var levelNames = []struct {
	name  string
	level slog.Level
}{
	{"TRACE", slog.LevelDebug - 4}, {"DEBUG", slog.LevelDebug}, {"INFO", slog.LevelInfo}, {"WARN", slog.LevelWarn},
	{"ERROR", slog.LevelError}, {"FATAL", slog.LevelError + 4},
}

// ParseLevel finds a level by its name, in any case.
func ParseLevel(name string) (slog.Level, error) {
	var names []string
	for _, l := range levelNames {
		if strings.EqualFold(l.name, name) {
			return l.level, nil
		}
		names = append(names, strings.ToLower(l.name))
	}
	return 0, fmt.Errorf("log level %q: not one of %s", name, strings.Join(names, ", "))
}

// Level is the name of what is logged now.
func (l *Levels) Level() string {
	for _, known := range levelNames {
		if l.root.Level() <= known.level {
			return known.name
		}
	}
	return "FATAL"
}

// SetLevel changes what is logged.
func (l *Levels) SetLevel(level slog.Level) { l.root.Set(level) }

// NewLogger writes lines of text, or of JSON, to w: what is at or above the level that levels has at that moment.
func NewLogger(w io.Writer, format string, levels *Levels) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: &levels.root, ReplaceAttr: renameLevel}
	switch format {
	case "text":
		return slog.New(leveled{slog.NewTextHandler(w, options), levels}), nil
	case "json":
		return slog.New(leveled{slog.NewJSONHandler(w, options), levels}), nil
	}
	return nil, fmt.Errorf("log format %q: neither text nor json", format)
}

// LevelsOf returns the levels that a logger of NewLogger obeys, nil for any other logger.
func LevelsOf(logger *slog.Logger) *Levels {
	l, _ := logger.Handler().(leveled)
	return l.levels
}

// leveled is a handler that knows its levels.
type leveled struct {
	slog.Handler
	levels *Levels
}

// WithAttrs and WithGroup keep the levels.
func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs), l.levels}
}
func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.levels}
}

// renameLevel writes TRACE and FATAL instead of slog's DEBUG-4 and ERROR+4.
func renameLevel(_ []string, a slog.Attr) slog.Attr {
	if level, ok := a.Value.Any().(slog.Level); ok && a.Key == slog.LevelKey {
		for _, known := range levelNames {
			if known.level == level {
				a.Value = slog.StringValue(known.name)
			}
		}
	}
	return a
}
