package server

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/fs"
	"leat/internal/sim"
)

// request asks a node through a real client.
func request[R kmsg.Response](t *testing.T, cl *kgo.Client, rq kmsg.Request) R {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	resp, err := cl.Request(ctx, rq)
	if err != nil {
		t.Fatal(err)
	}
	return resp.(R)
}

// level is the finalised level of a feature.
func level(t *testing.T, cl *kgo.Client, feature string) int16 {
	t.Helper()
	for _, f := range request[*kmsg.ApiVersionsResponse](t, cl, kmsg.NewPtrApiVersionsRequest()).FinalizedFeatures {
		if f.Name == feature {
			return f.MaxVersionLevel
		}
	}
	return 0
}

func featureUpdate(name string, level int16, kind int8) *kmsg.UpdateFeaturesRequest {
	rq := kmsg.NewPtrUpdateFeaturesRequest()
	rq.FeatureUpdates = []kmsg.UpdateFeaturesRequestFeatureUpdate{{Feature: name, MaxVersionLevel: level, UpgradeType: kind}}
	return rq
}

func TestClusterFeatureLevelsSurviveARestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		files := fs.NewMem()
		n := bubbleStart(t, network.Host("node"), files, nil)
		cl := bubbleClient(t, network.Host("client"), n)
		before := level(t, cl, "share.version")
		if before != 2 {
			t.Fatalf("share.version is %d in a new cluster", before)
		}
		if resp := request[*kmsg.UpdateFeaturesResponse](t, cl, featureUpdate("share.version", 1, 1)); resp.ErrorCode != kerr.InvalidUpdateVersion.Code {
			t.Errorf("a downgrade called an upgrade: %+v", resp)
		}
		if resp := request[*kmsg.UpdateFeaturesResponse](t, cl, featureUpdate("share.version", 1, 2)); resp.ErrorCode != 0 {
			t.Fatalf("%+v", resp)
		}
		if got := level(t, cl, "share.version"); got != 1 {
			t.Errorf("share.version is %d when its change is answered", got)
		}
		n.shutDown(t)
		n = bubbleStart(t, network.Host("node"), files, nil)
		if got := level(t, cl, "share.version"); got != 1 {
			t.Errorf("share.version is %d after a restart", got)
		}
		cl.Close()
		n.shutDown(t)
	})
}

func TestClusterServesAgainAfterItsBrokerWasUnregistered(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := sim.NewNetwork(sim.Config{Delay: time.Millisecond})
		files := fs.NewMem()
		n := bubbleStart(t, network.Host("node"), files, nil)
		cl := bubbleClient(t, network.Host("client"), n)
		if _, err := produceMany(t.Context(), cl, "orders", 0, 10); err != nil {
			t.Fatal(err)
		}
		elections := request[*kmsg.ElectLeadersResponse](t, cl, kmsg.NewPtrElectLeadersRequest())
		for _, topic := range elections.Topics {
			if len(topic.Partitions) > 0 { // every partition has the leader that it prefers
				t.Errorf("%+v", topic)
			}
		}
		unregister := kmsg.NewPtrUnregisterBrokerRequest()
		unregister.BrokerID = 1
		if resp := request[*kmsg.UnregisterBrokerResponse](t, cl, unregister); resp.ErrorCode != 0 {
			t.Fatalf("%+v", resp)
		}
		cl.Close()
		began := time.Now()
		n.shutDown(t)
		if took := time.Since(began); took > 2*time.Second {
			t.Errorf("shutting down took %v: nobody is there to hand leadership over to", took)
		}
		n = bubbleStart(t, network.Host("node"), files, nil)
		readAll(t, network.Host("client"), n, "orders", 10)
		n.shutDown(t)
	})
}
