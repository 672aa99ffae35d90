package telemetry

import (
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// TestArgumentsOfTheProgramAreNotTold: whoever reaches the operations listener would read what was set on the command line.
func TestArgumentsOfTheProgramAreNotTold(t *testing.T) {
	args := os.Args
	defer func() { os.Args = args }()
	os.Args = []string{"leat", "server", "--set", "listener.name.sasl_ssl.plain.sasl.jaas.config=secret"}
	w := httptest.NewRecorder()
	Handler(HTTPConfig{Metrics: testSource(NewBroker(1))}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/debug/pprof/cmdline", nil))
	if got := w.Body.String(); w.Code != http.StatusOK || got != "leat" {
		t.Errorf("%d: %q", w.Code, got)
	}
}
