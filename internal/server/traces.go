package server

import (
	"encoding/binary"
	"math/rand/v2"
	"strconv"
	"time"

	"leat/internal/listener"
	"leat/internal/telemetry"
	"leat/internal/telemetry/otlp"
)

// openExport makes what sends to a collector, if leat.otlp.endpoint names one: metrics of clients, and traces of some requests. Otherwise there is nothing.
func (n *node) openExport() {
	endpoint := n.Values.String("leat.otlp.endpoint")
	if endpoint == "" {
		return
	}
	n.ops.export = otlp.NewExporter(endpoint, n.logger(telemetry.LogTelemetry), otlp.Attribute{Name: "service.name", Text: "leat"},
		otlp.Attribute{Name: "service.instance.id", Text: strconv.Itoa(int(n.id))})
	n.ops.clients.ExportTo(n.ops.export)
	n.onClose("export of telemetry", n.ops.export.Close)
}

// sampled draws whether a request is to have a trace.
func (n *node) sampled() bool {
	if n.ops.export == nil || n.ops.state.Load() != stateRunning {
		return false
	}
	ratio := n.settings.now().traced
	return ratio >= 1 || ratio > 0 && rand.Float64() < ratio
}

// receive hands a request to its handler. Of one that writes records it is drawn here whether it has a trace, because the records say which one they belong to, and
// they are gone when the request is answered.
func (n *node) receive(rq *listener.Request) {
	if rq.Header.Key == keyProduce && n.sampled() {
		rq.Mark = tracesOf(rq)
	}
	(*n.handle.Load())(rq)
}

// trace sends spans of a request: one of all its time, and below it one for each part.
func (n *node) trace(d *listener.Done) {
	from, marked := d.Mark.(recordTraces)
	if d.Key == keyProduce && !marked || d.Key != keyProduce && !n.sampled() {
		return
	}
	whole := otlp.Span{Name: apiName(d.Key), Begin: d.Received, End: d.Received.Add(d.Sent), OfARequest: true, ID: spanID(), Attributes: []otlp.Attribute{
		{Name: "messaging.system", Text: "kafka"}, {Name: "leat.principal", Text: d.Principal.String()},
		{Name: "leat.listener", Text: d.Conn.Listener}, {Name: "leat.api.version", Number: int64(d.Version)},
		{Name: "leat.request.bytes", Number: int64(d.RequestBytes)}, {Name: "leat.response.bytes", Number: int64(d.ResponseLen)},
		{Name: "leat.throttled.ms", Number: d.Throttled.Milliseconds()},
	}}
	if d.ClientID != "" {
		whole.Attributes = append(whole.Attributes, otlp.Attribute{Name: "messaging.client.id", Text: d.ClientID})
	}
	binary.NativeEndian.PutUint64(whole.Trace[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(whole.Trace[8:], rand.Uint64()|1) // an id of zeros is none
	from.place(&whole)
	spans := []otlp.Span{whole}
	handled := min(d.Handled, d.Answered)
	for _, part := range []struct {
		name       string
		begin, end time.Duration
	}{{"queue", 0, d.Begun}, {"handle", d.Begun, handled}, {"wait", handled, d.Answered}, {"turn", d.Answered, d.Turn}, {"send", d.Turn, d.Sent}} {
		if part.end > part.begin {
			spans = append(spans, otlp.Span{Trace: whole.Trace, ID: spanID(), Parent: whole.ID, Name: part.name, Begin: d.Received.Add(part.begin), End: d.Received.Add(part.end)})
		}
	}
	n.ops.export.Spans(spans...)
}

func spanID() (id [8]byte) {
	binary.NativeEndian.PutUint64(id[:], rand.Uint64()|1)
	return id
}
