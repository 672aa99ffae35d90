package telemetry

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
)

// logged makes loggers that write into a buffer.
func logged(t *testing.T, format string) (*bytes.Buffer, *Levels, *slog.Logger) {
	t.Helper()
	out, levels := &bytes.Buffer{}, &Levels{}
	logger, err := NewLogger(out, format, levels)
	if err != nil {
		t.Fatal(err)
	}
	return out, levels, logger
}

func TestLoggersHaveTheLevelOfTheNearestAbove(t *testing.T) {
	_, levels, _ := logged(t, "text")
	for _, step := range []struct {
		logger string
		to     string // "": its own is taken away
		want   map[string]string
	}{
		{RootLogger, "WARN", map[string]string{RootLogger: "WARN", LogAll: "WARN", LogGroups: "WARN", LogVoter: "WARN"}},
		{LogCoordinator, "DEBUG", map[string]string{RootLogger: "WARN", LogCoordinator: "DEBUG", LogGroups: "DEBUG", LogLag: "DEBUG", LogReplication: "WARN"}},
		{LogGroups, "ERROR", map[string]string{LogCoordinator: "DEBUG", LogGroups: "ERROR", LogLag: "DEBUG"}},
		{LogAll, "TRACE", map[string]string{RootLogger: "WARN", LogAll: "TRACE", LogReplication: "TRACE", LogCoordinator: "DEBUG", LogGroups: "ERROR"}},
		{LogCoordinator, "", map[string]string{LogCoordinator: "TRACE", LogGroups: "ERROR", LogLag: "TRACE"}},
		{LogGroups, "", map[string]string{LogGroups: "TRACE"}},
		{LogAll, "", map[string]string{LogAll: "WARN", LogGroups: "WARN", LogLag: "WARN"}},
		{LogAll, "", map[string]string{LogAll: "WARN"}},
	} {
		done := false
		if step.to == "" {
			done = levels.UnsetLevelOf(step.logger)
		} else if to, err := ParseLevel(step.to); err != nil {
			t.Fatal(err)
		} else {
			done = levels.SetLevelOf(step.logger, to)
		}
		if !done {
			t.Errorf("%s: there is no such logger", step.logger)
		}
		for name, want := range step.want {
			if got := levels.LevelOf(name); got != want {
				t.Errorf("%s=%s: %s logs from %s, not %s", step.logger, step.to, name, got, want)
			}
		}
	}
	if levels.UnsetLevelOf(RootLogger) || levels.SetLevelOf("leat.nothing", slog.LevelInfo) || levels.UnsetLevelOf("leat.nothing") || levels.LevelOf("leat.nothing") != "" {
		t.Error("what is not there has been changed")
	}
}

func TestLevelsAreReadFromText(t *testing.T) {
	_, levels, _ := logged(t, "text")
	if err := levels.Parse("warn,leat.storage=debug,leat.quorum=ERROR"); err != nil {
		t.Fatal(err)
	}
	if got := levels.LevelOf(LogStorage) + levels.LevelOf(LogVoter) + levels.Level(); got != "DEBUGERRORWARN" {
		t.Errorf("levels are %s", got)
	}
	for text, want := range map[string]string{
		"loud":            `log level "loud": not one of trace, debug, info, warn, error, fatal`,
		"":                `log level "": not one of trace, debug, info, warn, error, fatal`,
		"info,storage=no": `log level "no": not one of trace, debug, info, warn, error, fatal`,
		"storage=debug":   `logger "storage": there is none of that name: docs/reference/loggers.md lists them`,
	} {
		if err := levels.Parse(text); err == nil || err.Error() != want {
			t.Errorf("%s: %v", text, err)
		}
	}
}

func TestNamedLoggersSayTheirNameAndObeyTheirLevel(t *testing.T) {
	out, levels, base := logged(t, "json")
	// Made before the level changes, and from one with another name and with attributes.
	storage := Named(Named(base.With("node", 1), LogServer), LogStorage).With("dir", "d")
	levels.SetLevelOf(LogStorage, slog.LevelDebug)
	storage.Debug("rolled", "offset", 7)
	Named(base, LogServer).Debug("hidden")
	base.Info("above all")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(lines) != 2 || strings.Count(lines[0], `"logger":`) != 1 {
		t.Fatalf("log is %s", out)
	}
	var line struct {
		Logger, Dir string
		Node        int
		Offset      int64
	}
	if err := json.Unmarshal([]byte(lines[0]), &line); err != nil || line.Logger != LogStorage || line.Dir != "d" || line.Node != 1 || line.Offset != 7 {
		t.Errorf("%+v (%v): %s", line, err, lines[0])
	}
	if strings.Contains(lines[1], `"logger"`) {
		t.Errorf("the logger above all has a name: %s", lines[1])
	}
	text, _, base := logged(t, "text")
	Named(base, LogQuorum).Warn("lonely")
	if !strings.Contains(text.String(), `level=WARN msg=lonely logger=leat.quorum`) {
		t.Errorf("log is %s", text)
	}
	foreign := slog.New(slog.NewTextHandler(text, nil))
	Named(foreign, LogQuorum).Warn("elsewhere")
	if !strings.Contains(text.String(), `msg=elsewhere logger=leat.quorum`) || Named(nil, LogQuorum) != nil {
		t.Errorf("log is %s", text)
	}
}

func TestLineThatIsNotLoggedCostsNothing(t *testing.T) {
	levels := &Levels{}
	base, err := NewLogger(io.Discard, "json", levels)
	if err != nil {
		t.Fatal(err)
	}
	log := Named(base, LogReplication).With("node", 1)
	ctx := context.Background()
	if n := testing.AllocsPerRun(100, func() { log.LogAttrs(ctx, slog.LevelDebug, "not logged", slog.Int64("offset", 7)) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestLogLevelsOverHTTP(t *testing.T) {
	_, levels, logger := logged(t, "text")
	h := Handler(HTTPConfig{Levels: levels, Logger: logger})
	for _, step := range []struct {
		method, query string
		code          int
		answer        string
	}{
		{"GET", "", 200, "INFO\n"},
		{"PUT", "?level=warn", 200, "WARN\n"},
		{"PUT", "?logger=leat.quorum&level=debug", 200, "DEBUG\n"},
		{"GET", "?logger=leat.quorum.voter", 200, "DEBUG\n"},
		{"GET", "?logger=leat.storage", 200, "WARN\n"},
		{"GET", "", 200, "WARN\n"},
		{"POST", "?level=info", 405, "Method Not Allowed\n"},
		{"DELETE", "?logger=leat.quorum", 200, "WARN\n"},
		{"DELETE", "", 400, "logger \"root\": it has nothing above it whose level it could have: PUT another one\n"},
		{"PUT", "?logger=leat.quorum&level=loud", 400, "log level \"loud\": not one of trace, debug, info, warn, error, fatal\n"},
		{"PUT", "?logger=kafka.server&level=warn", 400, "logger \"kafka.server\": there is none of that name: GET /log-level?all lists them\n"},
	} {
		answer := httptest.NewRecorder()
		h.ServeHTTP(answer, httptest.NewRequest(step.method, "/log-level"+step.query, nil))
		if answer.Code != step.code || answer.Body.String() != step.answer {
			t.Errorf("%s %s: %d %q", step.method, step.query, answer.Code, answer.Body)
		}
	}
	_, all := get(t, h, "/log-level?all")
	if !strings.Contains(all, "\nleat.quorum.voter WARN inherited\n") || !strings.HasSuffix(all, "\nroot WARN set\n") || strings.Count(all, "\n") != 1+len(Loggers) {
		t.Errorf("all are %s", all)
	}
}

func BenchmarkLineThatIsNotLogged(b *testing.B) {
	base, err := NewLogger(io.Discard, "json", &Levels{})
	if err != nil {
		b.Fatal(err)
	}
	log := Named(base, LogReplication)
	for b.Loop() {
		log.Debug("not logged")
	}
}
