package telemetry

import (
	"fmt"
	"log/slog"
	"net/http"
)

// tellLevels answers the level of one logger, that of "root" if none is named, or, asked for all, a line for each.
func tellLevels(levels *Levels) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !r.URL.Query().Has("all") {
			if name, ok := namedLogger(w, r, levels); ok {
				tellLevel(w, levels, name)
			}
			return
		}
		plain(w)
		for _, l := range levels.All() {
			from := "inherited"
			if l.Own {
				from = "set"
			}
			_, _ = fmt.Fprintln(w, l.Name, l.Level, from) // a client that went away needs no answer
		}
	}
}

func plain(w http.ResponseWriter) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
}

func tellLevel(w http.ResponseWriter, levels *Levels, name string) {
	plain(w)
	_, _ = fmt.Fprintln(w, levels.LevelOf(name)) // likewise
}

// namedLogger is the logger that a request is about. If there is none of that name it has been answered.
func namedLogger(w http.ResponseWriter, r *http.Request, levels *Levels) (name string, ok bool) {
	name = RootLogger
	if q := r.URL.Query(); q.Has("logger") {
		name = q.Get("logger")
	}
	if ok = levels.Has(name); !ok {
		http.Error(w, fmt.Sprintf("logger %q: there is none of that name: GET /log-level?all lists them", name), http.StatusBadRequest)
	}
	return name, ok
}

// changeLevel sets what is logged, or takes a logger's own level away. It takes PUT and DELETE only, which no page of another site can have a browser send.
func changeLevel(levels *Levels, logger *slog.Logger) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		name, ok := namedLogger(w, r, levels)
		if !ok {
			return
		}
		before := levels.LevelOf(name)
		if r.Method == http.MethodDelete {
			if !levels.UnsetLevelOf(name) {
				http.Error(w, fmt.Sprintf("logger %q: it has nothing above it whose level it could have: PUT another one", name), http.StatusBadRequest)
				return
			}
		} else {
			level, err := ParseLevel(r.URL.Query().Get("level"))
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			levels.SetLevelOf(name, level)
		}
		logger.Info("log level changed", "of", name, "level", levels.LevelOf(name), "before", before)
		tellLevel(w, levels, name)
	}
}
