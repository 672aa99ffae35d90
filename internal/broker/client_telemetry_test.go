package broker

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/telemetry"
	"leat/internal/wire"
)

func TestWhatAClientIsAskedAndWhenItMayReport(t *testing.T) {
	values, _, err := config.ParseBroker(map[string]string{"telemetry.max.bytes": "100"})
	if err != nil {
		t.Fatal(err)
	}
	var taken telemetry.Clients
	h := New(Rooms{Config: func() *config.Values { return values }, ClientMetrics: &taken})
	delta := metadata.NewDelta(metadata.Empty)
	for name, configs := range map[string]map[string]string{
		"all":     {"metrics": "org.apache.kafka.consumer.,org.apache.kafka.producer.", "interval.ms": "60000"},
		"billing": {"metrics": "org.apache.kafka.app", "interval.ms": "20000", "match": "client_id=bill.*,client_software_name=java"},
		"others":  {"metrics": "*", "match": "client_id=other"},
	} {
		for key, value := range configs {
			r := &metadata.ConfigRecord{ResourceType: int8(metadata.ClientMetricsResource), ResourceName: name, Name: key, Value: &value}
			if err := delta.Replay(r); err != nil {
				t.Fatal(err)
			}
		}
	}
	im := delta.Image(5, 1, 0)
	call := func(clientID string) *Call {
		return &Call{Image: im, Request: &listener.Request{Conn: &listener.Conn{SoftwareName: "java"}, Header: wire.RequestHeader{ClientID: clientID}}}
	}
	id := record.UUID{1, 2, 3}
	if s := h.subscriptionOf(call("billing"), id); len(s.metrics) != 3 || s.interval != 20*time.Second {
		t.Errorf("billing is to report %v every %v", s.metrics, s.interval)
	}
	if s := h.subscriptionOf(call("other"), id); len(s.metrics) != 1 || s.metrics[0] != "*" {
		t.Errorf("other is to report %v", s.metrics)
	}
	now, c := time.Unix(1000, 0), call("billing")
	subscription := h.subscriptionOf(c, id).id
	for i, step := range []struct {
		after time.Duration
		rq    kmsg.PushTelemetryRequest
		want  *kerr.Error
	}{
		{0, kmsg.PushTelemetryRequest{}, kerr.InvalidRequest},
		{0, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: 7}, kerr.UnknownSubscriptionID},
		{time.Second, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription}, kerr.ThrottlingQuotaExceeded},
		{20 * time.Second, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription}, nil},
		{20 * time.Second, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription, CompressionType: 9}, kerr.UnsupportedCompressionType},
		{20 * time.Second, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription, Metrics: make([]byte, 101)}, kerr.TelemetryTooLarge},
		{20 * time.Second, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription, Metrics: []byte{255}}, kerr.InvalidRecord},
		{20 * time.Second, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription, Metrics: []byte{1}, CompressionType: 1}, kerr.InvalidRecord},
		{0, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription, Terminating: true}, nil},
		{time.Hour, kmsg.PushTelemetryRequest{ClientInstanceID: id, SubscriptionID: subscription}, kerr.InvalidRequest},
	} {
		now = now.Add(step.after)
		if got := h.takeReport(c, &step.rq, now); got != step.want {
			t.Errorf("report %d: %v, want %v", i, got, step.want)
		}
	}
}
