package otlp

import (
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestTheEndpointMayEndWithASlash(t *testing.T) {
	asked := make(chan string, 1)
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, rq *http.Request) { asked <- rq.URL.Path }))
	defer collector.Close()
	e := NewExporter(collector.URL+"/", slog.New(slog.DiscardHandler))
	defer e.Close()
	e.Metrics([]byte("metrics"))
	if path := <-asked; path != "/v1/metrics" {
		t.Errorf("the collector is asked for %s", path)
	}
}

func TestAPasswordOfTheEndpointIsNotLogged(t *testing.T) {
	collector := httptest.NewServer(http.NotFoundHandler())
	defer collector.Close()
	var logged strings.Builder
	e := NewExporter(strings.Replace(collector.URL, "http://", "http://leat:hunter2@", 1), slog.New(slog.NewTextHandler(&logged, nil)))
	e.send(payload{"/v1/traces", nil})
	if text := logged.String(); !strings.Contains(text, "404") || strings.Contains(text, "hunter2") {
		t.Errorf("a collector that refuses is logged as %s", text)
	}
}
