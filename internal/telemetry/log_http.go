package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"
)

func tellLevel(w http.ResponseWriter, levels *Levels) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	_, _ = fmt.Fprintln(w, levels.Level()) // a client that went away needs no answer
}

// changeLevel sets what is logged. It takes PUT only, which no page of another site can have a browser send.
func changeLevel(levels *Levels, logger *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		level, err := ParseLevel(r.URL.Query().Get("level"))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		before := levels.Level()
		levels.SetLevel(level)
		logger.Info("log level changed", "level", levels.Level(), "before", before)
		tellLevel(w, levels)
	}
}
