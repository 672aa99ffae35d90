package telemetry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Check is one thing that must be well; Problem says why it is not.
type Check struct {
	Name    string
	Problem func() error
}

// HTTPConfig is what the operations listener needs.
type HTTPConfig struct {
	Live, Ready []Check
	Notes       []Check // told beside Ready, which they do not change
	InSync      []Check // of Ready, too, for those who ask for ?in-sync
	Metrics     *Source
	Balance     func() any   // what is moved between brokers, and why nothing is
	Why         http.Handler // what is wrong; nil: nobody can tell
	Levels      *Levels      // what is logged; nil: it cannot be changed
	Logger      *slog.Logger
}

// Endpoint is one path of the operations listener.
type Endpoint struct{ Path, Doc string }

// Endpoints lists what is served, for the reference page.
var Endpoints = []Endpoint{
	{"/livez", "200 while the process works, else 503; the text says of each check whether it is well and why not."},
	{"/readyz", "200 while clients can be served, else 503; the text is like that of /livez, and names the nodes that this one cannot reach, with address and reason. With ?in-sync it is 503, too, until the node's replicas have been in sync once since it started: then the next one may be restarted."},
	{"/metrics", "Metrics in Prometheus' text format; with ?partitions=true a line for each partition instead of one for each topic (leat.metrics.partitions has it so always)."},
	{"/balance", "On the node whose controller is active: which replicas are being moved between brokers, and why not more are (JSON)."},
	{"/why", "What is wrong with the cluster, the root cause first, as far as its nodes know: ?about=group:NAME, topic:NAME, partition:TOPIC-N, client:ID or node:N narrows it; ?format=json; ?facts tells what this node knows itself."},
	{"/log-level", "The least level that is logged; PUT /log-level?level=debug (or trace, info, warn, error, fatal) changes it until the node ends. ?logger=leat.replication is about one logger and those below it, DELETE takes its own level away, ?all lists all."},
	{"/debug/pprof/", "Profiles of the Go runtime: heap, goroutine, profile (processor time), trace and others; waiting (block, mutex) is recorded while it is asked for with ?seconds=N."},
}

// Server serves the operations listener.
type Server struct {
	http http.Server
	done chan struct{}
}

// Serve starts serving on l until Close.
func Serve(l net.Listener, cfg HTTPConfig) *Server {
	s := &Server{done: make(chan struct{})}
	s.http = http.Server{
		Handler: Handler(cfg), ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 64 << 10,
		ErrorLog: slog.NewLogLogger(cfg.Logger.Handler(), slog.LevelWarn),
	}
	go func() {
		defer close(s.done)
		if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			cfg.Logger.Error("operations listener stopped", "err", err)
		}
	}()
	return s
}

// Close stops serving. Requests under way get a moment to end, then they are cut off: a profile may run for minutes.
func (s *Server) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.http.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = s.http.Close()
	}
	<-s.done
	return err
}

// Handler answers what Endpoints lists.
func Handler(cfg HTTPConfig) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", health(cfg.Live, nil))
	ready, inSync := health(cfg.Ready, cfg.Notes), health(slices.Concat(cfg.Ready, cfg.InSync), cfg.Notes)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Query().Has("in-sync") {
			inSync(w, r)
			return
		}
		ready(w, r)
	})
	mux.Handle("GET /metrics", metrics(cfg.Metrics))
	if cfg.Balance != nil {
		mux.HandleFunc("GET /balance", asJSON(cfg.Balance))
	}
	if cfg.Why != nil {
		mux.Handle("GET /why", cfg.Why)
	}
	if cfg.Levels != nil {
		change := changeLevel(cfg.Levels, cfg.Logger)
		mux.HandleFunc("GET /log-level", tellLevels(cfg.Levels))
		mux.HandleFunc("PUT /log-level", change)
		mux.HandleFunc("DELETE /log-level", change)
	}
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/cmdline", program)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	mux.Handle("/debug/pprof/block", during("block", &blocking))
	mux.Handle("/debug/pprof/mutex", during("mutex", &mutexes))
	return mux
}

// health runs the checks and writes a line for each, and for each note that has something to say.
func health(checks, notes []Check) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusOK
		var text strings.Builder
		for _, c := range checks {
			if err := c.Problem(); err != nil {
				status = http.StatusServiceUnavailable
				fmt.Fprintf(&text, "%s: %v\n", c.Name, err)
			} else {
				fmt.Fprintf(&text, "%s: ok\n", c.Name)
			}
		}
		for _, c := range notes {
			if err := c.Problem(); err != nil {
				fmt.Fprintf(&text, "note: %s: %v\n", c.Name, err)
			}
		}
		if status == http.StatusOK {
			text.WriteString("ok\n")
		}
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(status)
		_, _ = w.Write([]byte(text.String())) // a client that went away needs no answer
	}
}

// asJSON answers with a value.
func asJSON(value func() any) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("Cache-Control", "no-store")
		out := json.NewEncoder(w)
		out.SetIndent("", "  ")
		_ = out.Encode(value()) // a client that went away needs no answer
	}
}

// metrics answers with the process's and the Go runtime's metrics from the Prometheus library, and after them all others.
func metrics(source *Source) http.Handler {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	process := promhttp.HandlerFor(registry, promhttp.HandlerOpts{DisableCompression: true})
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		plain := r.Clone(r.Context())
		plain.Header.Del("Accept") // of the formats that could be asked for, the text format is the one that can be continued
		process.ServeHTTP(w, plain)
		if source != nil {
			_ = source.WriteTo(w, time.Now(), source.wantsEach(r.URL.Query().Get("partitions"))) // a scraper that went away needs no answer
		}
	})
}

// wantsEach reads what a scrape says about partitions.
func (s *Source) wantsEach(asked string) bool {
	if each, err := strconv.ParseBool(asked); err == nil {
		return each
	}
	return s.EachPartition != nil && s.EachPartition()
}
