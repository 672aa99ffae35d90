package config

import (
	"fmt"
	"net/url"
)

// leatObserveKeys are about seeing what a node does.
var leatObserveKeys = []Key{
	{Name: "leat.otlp.endpoint", Type: String, Default: "", Valid: otlpEndpoint, Importance: "LOW", Built: true,
		Doc: "Address (http://host:4318) of an OpenTelemetry collector that gets what clients report of themselves, and traces of requests; empty: nobody does."},
	{Name: "leat.slow.request.log.ms", Type: Long, Default: "5000", Valid: atLeast(-1), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Requests that take longer are logged, five a second at most. What an answer waits on purpose, for new records or news of a group, does not count; -1: none are logged."},
	{Name: "leat.trace.ratio", Type: Double, Default: "0", Valid: between(0, 1), Mode: ClusterWide, Importance: "LOW", Built: true,
		Doc: "Which part of all requests is traced, from 0 (none) to 1 (all), if leat.otlp.endpoint names a collector."},
}

var otlpEndpoint Rule = described{"http(s)://host:port, or empty", func(value any) error {
	text := value.(string)
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" {
		return fmt.Errorf("%q is not the address of a collector, such as http://localhost:4318", text)
	}
	return nil
}}
