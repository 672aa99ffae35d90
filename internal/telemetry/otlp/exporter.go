package otlp

import (
	bytebuffer "bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// The exporter keeps this much until the collector has it, and drops what comes on top.
const (
	mostWaiting  = 256
	spansAtOnce  = 512
	spansWaiting = 4096
	spansEvery   = time.Second
)

// Exporter sends metrics and spans to a collector by HTTP. It starts with the first thing to send; nothing waits for it.
type Exporter struct {
	endpoint string // "http://host:4318"
	client   http.Client
	logger   *slog.Logger
	resource []Attribute

	payloads chan payload
	dropped  atomic.Int64

	mu    sync.Mutex
	spans []Span

	ctx     context.Context
	cancel  context.CancelFunc
	start   sync.Once
	running sync.WaitGroup
	told    time.Time // when a failure was last logged; the goroutine's own
}

type payload struct {
	path string
	data []byte
}

// NewExporter sends to an endpoint, to whose address /v1/metrics and /v1/traces are added; a slash at its end is not doubled. resource says who sends.
func NewExporter(endpoint string, logger *slog.Logger, resource ...Attribute) *Exporter {
	e := &Exporter{endpoint: strings.TrimRight(endpoint, "/"), client: http.Client{Timeout: 10 * time.Second}, logger: logger, resource: resource, payloads: make(chan payload, mostWaiting)}
	e.ctx, e.cancel = context.WithCancel(context.Background())
	return e
}

// Metrics sends a client's MetricsData.
func (e *Exporter) Metrics(data []byte) {
	e.begin()
	select {
	case e.payloads <- payload{"/v1/metrics", data}:
	default:
		e.dropped.Add(1)
	}
}

// Spans sends spans, a second later at most.
func (e *Exporter) Spans(spans ...Span) {
	e.begin()
	e.mu.Lock()
	defer e.mu.Unlock()
	if len(e.spans)+len(spans) > spansWaiting {
		e.dropped.Add(int64(len(spans)))
		return
	}
	e.spans = append(e.spans, spans...)
}

// Dropped is how much came while too much waited.
func (e *Exporter) Dropped() int64 { return e.dropped.Load() }

// Close drops what waits.
func (e *Exporter) Close() error {
	e.cancel()
	e.running.Wait()
	return nil
}

func (e *Exporter) begin() { e.start.Do(func() { e.running.Go(e.run) }) }

func (e *Exporter) run() {
	tick := time.NewTicker(spansEvery)
	defer tick.Stop()
	for {
		select {
		case <-e.ctx.Done():
			return
		case p := <-e.payloads:
			e.send(p)
		case <-tick.C:
			for e.sendSpans() {
			}
		}
	}
}

// sendSpans sends some spans and reports whether there are more.
func (e *Exporter) sendSpans() bool {
	e.mu.Lock()
	n := min(len(e.spans), spansAtOnce)
	some := e.spans[:n:n]
	e.spans = e.spans[n:]
	if len(e.spans) == 0 {
		e.spans = nil
	}
	more := len(e.spans) > 0
	e.mu.Unlock()
	if n > 0 {
		e.send(payload{"/v1/traces", Spans(some, e.resource...)})
	}
	return more && e.ctx.Err() == nil
}

func (e *Exporter) send(p payload) {
	if err := e.post(p); err != nil && e.ctx.Err() == nil {
		e.dropped.Add(1)
		if now := time.Now(); now.Sub(e.told) > time.Minute {
			e.told = now
			e.logger.Warn("telemetry not exported", "address", e.shown(), "err", err)
		}
	}
}

// shown is the endpoint as a log may have it: without a password.
func (e *Exporter) shown() string {
	u, err := url.Parse(e.endpoint)
	if err != nil {
		return "" // settings have it checked
	}
	return u.Redacted()
}

func (e *Exporter) post(p payload) error {
	rq, err := http.NewRequestWithContext(e.ctx, http.MethodPost, e.endpoint+p.path, bytebuffer.NewReader(p.data))
	if err != nil {
		return err
	}
	rq.Header.Set("Content-Type", "application/x-protobuf")
	resp, err := e.client.Do(rq)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
	err = errors.Join(err, resp.Body.Close())
	if resp.StatusCode/100 != 2 {
		err = fmt.Errorf("%s: %s", p.path, resp.Status)
	}
	return err
}
