package telemetry

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
)

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

// levelName is the name of a level, or of the next one above it.
func levelName(of slog.Level) string {
	for _, known := range levelNames {
		if of <= known.level {
			return known.name
		}
	}
	return "FATAL"
}

// NewLogger writes lines of text, or of JSON, to w: what is at or above the level that levels has at that moment. It is the logger above all; see Named.
func NewLogger(w io.Writer, format string, levels *Levels) (*slog.Logger, error) {
	options := &slog.HandlerOptions{Level: slog.Level(math.MinInt), ReplaceAttr: renameLevel} // levels are looked at before
	var h slog.Handler
	switch format {
	case "text":
		h = slog.NewTextHandler(w, options)
	case "json":
		h = slog.NewJSONHandler(w, options)
	default:
		return nil, fmt.Errorf("log format %q: neither text nor json", format)
	}
	return slog.New(leveled{h, h, levels.find(RootLogger), levels}), nil
}

// LevelsOf returns the levels that a logger of NewLogger obeys, nil for any other logger.
func LevelsOf(logger *slog.Logger) *Levels {
	l, _ := logger.Handler().(leveled)
	return l.levels
}

// leveled is a handler with a level that changes.
type leveled struct {
	slog.Handler
	nameless slog.Handler // the same without the logger's name
	level    *level
	levels   *Levels
}

// Enabled is all that a line costs which is not logged.
func (l leveled) Enabled(_ context.Context, of slog.Level) bool { return of >= l.level.Level() }

// WithAttrs and WithGroup keep the levels.
func (l leveled) WithAttrs(attrs []slog.Attr) slog.Handler {
	return leveled{l.Handler.WithAttrs(attrs), l.nameless.WithAttrs(attrs), l.level, l.levels}
}
func (l leveled) WithGroup(name string) slog.Handler {
	return leveled{l.Handler.WithGroup(name), l.nameless.WithGroup(name), l.level, l.levels}
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
