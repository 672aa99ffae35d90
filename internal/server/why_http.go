package server

import (
	"context"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"

	"leat/internal/why"
)

// ServeHTTP answers GET /why?about=kind:name, as text or, if ?format=json or an Accept header asks for it, as JSON; with ?facts it tells what this node
// knows itself. Who clients are it leaves out where leat.http.why.clients says so.
func (x explainer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	about, err := why.ParseAbout(r.URL.Query().Get("about"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	named := tellsClientsTo(x.settings.now().values.String("leat.http.why.clients"), r.RemoteAddr)
	if r.URL.Query().Has("facts") {
		ctx, cancel := context.WithTimeout(r.Context(), whyOwn)
		defer cancel()
		facts := x.facts(ctx, about)
		if !named {
			facts.Withhold()
		}
		writeJSON(w, facts)
		return
	}
	cluster := x.gather(r.Context(), about)
	if !named {
		cluster.Withhold()
	}
	report := why.Explain(cluster, about)
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		writeJSON(w, &report)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_ = report.Write(w) // a client that went away needs no answer
}

// tellsClientsTo reports whether who asks is told who clients are. Nobody has to say here who they are, so it goes by where they ask from: on this
// machine an operator reads the log as well, which names them too.
func tellsClientsTo(setting, remote string) bool {
	switch setting {
	case "all":
		return true
	case "local":
		from, err := netip.ParseAddrPort(remote)
		return err == nil && from.Addr().Unmap().IsLoopback()
	}
	return false
}

func writeJSON(w http.ResponseWriter, value any) {
	w.Header().Set("Content-Type", "application/json")
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	_ = out.Encode(value) // a client that went away needs no answer
}
