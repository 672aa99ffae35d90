package telemetry

import (
	"fmt"
	"net/http"
	"os"
)

// program tells the name of the program, for which tools that read profiles ask, and no arguments: --set may have given a password.
func program(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = fmt.Fprint(w, os.Args[0]) // who does not read it is gone
}
