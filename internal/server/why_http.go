package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"leat/internal/why"
)

// ServeHTTP answers GET /why?about=kind:name, as text or, if ?format=json or an Accept header asks for it, as JSON; with ?facts it tells what this node
// knows itself.
func (x explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	about, err := why.ParseAbout(r.URL.Query().Get("about"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.URL.Query().Has("facts") {
		ctx, cancel := context.WithTimeout(r.Context(), whyOwn)
		defer cancel()
		writeJSON(w, x.facts(ctx, about))
		return
	}
	report := why.Explain(x.gather(r.Context(), about), about)
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeJSON(w, &report)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = report.Write(w) // a client that went away needs no answer
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(value) // a client that went away needs no answer
}
