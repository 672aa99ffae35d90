package server

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// TestListenersThatANodeCannotHaveAreRefused: who tries settings before giving them to a node must learn what the node would say at its next start.
func TestListenersThatANodeCannotHaveAreRefused(t *testing.T) {
	n := start(t, t.TempDir(), nil)
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Bootstrap))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for listeners, want := range map[string]int16{
		"PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093":                          0,
		"PLAINTEXT://localhost:9092":                                                      kerr.InvalidRequest.Code, // and the controller's
		"CONTROLLER://localhost:9093":                                                     kerr.InvalidRequest.Code, // and one for clients
		"PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093,EXTRA://localhost:9094":   kerr.InvalidRequest.Code, // of what protocol
		"PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093,PLAINTEXT://localhost:94": kerr.InvalidRequest.Code,
		"localhost": kerr.InvalidRequest.Code,
	} {
		rq := kmsg.NewPtrIncrementalAlterConfigsRequest()
		rq.ValidateOnly = true
		r, c := kmsg.NewIncrementalAlterConfigsRequestResource(), kmsg.NewIncrementalAlterConfigsRequestResourceConfig()
		r.ResourceType, r.ResourceName = kmsg.ConfigResourceTypeBroker, "1"
		c.Name, c.Value = "listeners", &listeners
		r.Configs = append(r.Configs, c)
		rq.Resources = append(rq.Resources, r)
		resp, err := rq.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if got := resp.Resources[0]; got.ErrorCode != want {
			t.Errorf("listeners=%s: %d %s, want %d", listeners, got.ErrorCode, deref(got.ErrorMessage), want)
		}
		replace := kmsg.NewPtrAlterConfigsRequest()
		replace.ValidateOnly = true
		of, given := kmsg.NewAlterConfigsRequestResource(), kmsg.NewAlterConfigsRequestResourceConfig()
		of.ResourceType, of.ResourceName = kmsg.ConfigResourceTypeBroker, "1"
		given.Name, given.Value = "listeners", &listeners
		of.Configs = append(of.Configs, given)
		replace.Resources = append(replace.Resources, of)
		replaced, err := replace.RequestWith(t.Context(), cl)
		if err != nil {
			t.Fatal(err)
		}
		if got := replaced.Resources[0]; got.ErrorCode != want {
			t.Errorf("listeners=%s in place of all: %d %s, want %d", listeners, got.ErrorCode, deref(got.ErrorMessage), want)
		}
	}
}
