package broker

import (
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/wire"
)

func apiVersionsRequest() *kmsg.ApiVersionsRequest {
	rq := kmsg.NewPtrApiVersionsRequest()
	rq.ClientSoftwareName, rq.ClientSoftwareVersion = "test", "1.0"
	return rq
}

func TestApiVersionsListsWhatTheListenerServes(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, control *client) {
		keys := func(c *client, version int16) map[int16]kmsg.ApiVersionsResponseApiKey {
			resp := ask[*kmsg.ApiVersionsResponse](c, apiVersionsRequest(), version)
			if resp.ErrorCode != 0 {
				t.Fatalf("v%d: %s", version, errorName(resp.ErrorCode))
			}
			out := map[int16]kmsg.ApiVersionsResponseApiKey{}
			for _, k := range resp.ApiKeys {
				out[k.ApiKey] = k
			}
			return out
		}
		for v := int16(0); v <= 5; v++ {
			clients, controllers := keys(c, v), keys(control, v)
			for i := range wire.APIs {
				api := &wire.APIs[i]
				wanted := api.Advertised && api.Broker && api.Key != 71 && api.Key != 72 // which are there while somebody subscribes to clients' metrics
				if _, ok := clients[api.Key]; ok != wanted {
					t.Errorf("v%d: %s on the broker listener: %v", v, api.Name, ok)
				}
				if _, ok := controllers[api.Key]; ok != (api.Advertised && api.Controller) {
					t.Errorf("v%d: %s on the controller listener: %v", v, api.Name, ok)
				}
			}
			if fetch := clients[1]; fetch.MinVersion != 4 || fetch.MaxVersion != 18 {
				t.Errorf("v%d: Fetch %d to %d", v, fetch.MinVersion, fetch.MaxVersion)
			}
			if produce := clients[0]; produce.MinVersion != 0 || produce.MaxVersion != 13 {
				t.Errorf("v%d: Produce %d to %d", v, produce.MinVersion, produce.MaxVersion)
			}
		}
	})
}

func TestApiVersionsTellsFeatures(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.publish(&metadata.FeatureLevelRecord{Name: "metadata.version", FeatureLevel: 33}, &metadata.FeatureLevelRecord{Name: "share.version", FeatureLevel: 2},
			&metadata.FeatureLevelRecord{Name: "streams.version"})
		for v := int16(3); v <= 4; v++ {
			resp := ask[*kmsg.ApiVersionsResponse](c, apiVersionsRequest(), v)
			var finalised, supported []string
			for _, f := range resp.FinalizedFeatures {
				finalised = append(finalised, f.Name)
				if f.MinVersionLevel != f.MaxVersionLevel || f.Name == "metadata.version" && f.MaxVersionLevel != 33 {
					t.Errorf("v%d: %+v", v, f)
				}
			}
			for _, f := range resp.SupportedFeatures {
				supported = append(supported, f.Name)
			}
			slices.Sort(finalised)
			if got := strings.Join(finalised, " "); got != "metadata.version share.version" || resp.FinalizedFeaturesEpoch != n.newest().Offset {
				t.Errorf("v%d: finalised %s at %d", v, got, resp.FinalizedFeaturesEpoch)
			}
			// Features that may be at level 0 are told from version 4 on.
			if !slices.Contains(supported, "metadata.version") || slices.Contains(supported, "share.version") != (v >= 4) {
				t.Errorf("v%d: supported %v", v, supported)
			}
		}
	})
}

func TestApiVersionsChecksTheClient(t *testing.T) {
	tests := map[string]struct {
		version       int16
		name, release string
		cluster       string
		node          int32
		want          string
	}{
		"names do not matter yet":             {2, "", "", "", -1, ""},
		"no name":                             {3, "", "1.0", "", -1, "INVALID_REQUEST"},
		"name that begins with a dash":        {3, "-go", "1.0", "", -1, "INVALID_REQUEST"},
		"release with a space":                {4, "go", "1 0", "", -1, "INVALID_REQUEST"},
		"nobody in particular":                {5, "go", "1.0", "", -1, ""},
		"this node":                           {5, "go", "1.0", "cluster-1", self, ""},
		"another node":                        {5, "go", "1.0", "cluster-1", 2, "REBOOTSTRAP_REQUIRED"},
		"this node of another cluster":        {5, "go", "1.0", "cluster-2", self, "REBOOTSTRAP_REQUIRED"},
		"a cluster without a node":            {5, "go", "1.0", "cluster-1", -1, "INVALID_REQUEST"},
		"a node without a cluster":            {5, "go", "1.0", "", self, "INVALID_REQUEST"},
		"another cluster, before it was told": {4, "go", "1.0", "cluster-2", 9, ""},
	}
	withAdmin(t, nil, func(t *testing.T, _ *adminNode, c, _ *client) {
		for name, test := range tests {
			rq := kmsg.NewPtrApiVersionsRequest()
			rq.ClientSoftwareName, rq.ClientSoftwareVersion, rq.NodeID = test.name, test.release, test.node
			if test.cluster != "" {
				rq.ClusterID = &test.cluster
			}
			resp := ask[*kmsg.ApiVersionsResponse](c, rq, test.version)
			if got := errorName(resp.ErrorCode); got != test.want || (len(resp.ApiKeys) > 0) != (test.want == "") {
				t.Errorf("%s: %s with %d keys, want %s", name, got, len(resp.ApiKeys), test.want)
			}
		}
	})
}

func TestDescribeClusterListsBrokers(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, n *adminNode, c, _ *client) {
		n.extraBrokers()
		for v := int16(0); v <= 2; v++ {
			for _, all := range []bool{false, true} {
				rq := kmsg.NewPtrDescribeClusterRequest()
				rq.IncludeFencedBrokers, rq.IncludeClusterAuthorizedOperations = all, all
				resp := ask[*kmsg.DescribeClusterResponse](c, rq, v)
				var got []int32
				for _, b := range resp.Brokers {
					got = append(got, b.NodeID)
					if b.IsFenced != (b.NodeID == 3) {
						t.Errorf("v%d: broker %d fenced: %v", v, b.NodeID, b.IsFenced)
					}
				}
				want, operations := []int32{1, 2}, int32(-2147483648)
				if all {
					operations = 8096
				}
				if all && v >= 2 {
					want = []int32{1, 2, 3}
				}
				if !slices.Equal(got, want) || resp.ErrorCode != 0 || resp.ClusterID != "cluster-1" || resp.ControllerID != self ||
					resp.ClusterAuthorizedOperations != operations {
					t.Errorf("v%d: brokers %v, %+v", v, got, resp)
				}
			}
		}
	})
}

func TestDescribeClusterChecksTheEndpointType(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, _ *adminNode, c, control *client) {
		tests := map[string]struct {
			c       *client
			version int16
			kind    int8
			want    string
			nodes   int
		}{
			"brokers of a broker":         {c, 1, 1, "", 2},
			"controllers of a broker":     {c, 1, 2, "MISMATCHED_ENDPOINT_TYPE", 0},
			"controllers of a controller": {control, 1, 2, "", 1},
			"brokers of a controller":     {control, 2, 1, "MISMATCHED_ENDPOINT_TYPE", 0},
			"what nobody has":             {c, 2, 7, "UNSUPPORTED_ENDPOINT_TYPE", 0},
			"version 0 of a controller":   {control, 0, 1, "INVALID_REQUEST", 0},
		}
		for name, test := range tests {
			rq := kmsg.NewPtrDescribeClusterRequest()
			rq.EndpointType = test.kind
			resp := ask[*kmsg.DescribeClusterResponse](test.c, rq, test.version)
			if errorName(resp.ErrorCode) != test.want || len(resp.Brokers) != test.nodes || (resp.ErrorMessage != nil) != (test.want != "") {
				t.Errorf("%s: %+v", name, resp)
			}
			if want := "endpoint of type BROKER, but we wanted an endpoint of type CONTROLLER"; name == "controllers of a broker" && !strings.HasSuffix(*resp.ErrorMessage, want) {
				t.Errorf("%s: %s", name, *resp.ErrorMessage)
			}
			if name == "controllers of a controller" {
				if b := resp.Brokers[0]; b.NodeID != self || b.Host != "ctl" || b.Port != 9093 || resp.EndpointType != 2 {
					t.Errorf("%s: %+v", name, resp)
				}
			}
		}
	})
}

func TestDescribeQuorumTellsOfTheMetadataLogOnly(t *testing.T) {
	withAdmin(t, nil, func(t *testing.T, _ *adminNode, c, control *client) {
		for v := int16(0); v <= 2; v++ {
			for _, c := range []*client{c, control} {
				rq := kmsg.NewPtrDescribeQuorumRequest()
				rq.Topics = []kmsg.DescribeQuorumRequestTopic{
					{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}, {Partition: 1}}},
					{Topic: "orders", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}}}
				// As soon as anything else is asked for, nothing is told: not even of the log itself.
				refused := ask[*kmsg.DescribeQuorumResponse](c, rq, v)
				for _, p := range append(refused.Topics[0].Partitions, refused.Topics[1].Partitions...) {
					if refused.ErrorCode != 0 || errorName(p.ErrorCode) != "UNKNOWN_TOPIC_OR_PARTITION" || p.LeaderID != 0 || len(refused.Nodes) != 0 {
						t.Fatalf("v%d: %+v", v, refused)
					}
				}
				rq.Topics = []kmsg.DescribeQuorumRequestTopic{{Topic: "__cluster_metadata", Partitions: []kmsg.DescribeQuorumRequestTopicPartition{{Partition: 0}}}}
				resp := ask[*kmsg.DescribeQuorumResponse](c, rq, v)
				log := resp.Topics[0].Partitions[0]
				if log.ErrorCode != 0 || log.LeaderID != self || log.LeaderEpoch != 4 || log.HighWatermark != 99 || len(log.Observers) != 0 || len(log.CurrentVoters) != 1 {
					t.Fatalf("v%d: %+v", v, log)
				}
				voter := log.CurrentVoters[0]
				if voter.ReplicaID != self || voter.LogEndOffset != 100 || v >= 1 && (voter.LastFetchTimestamp != 5 || voter.LastCaughtUpTimestamp != 6) {
					t.Errorf("v%d: %+v", v, voter)
				}
				if v < 2 {
					continue
				}
				if voter.ReplicaDirectoryID != [16]byte{7} || len(resp.Nodes) != 1 || resp.Nodes[0].NodeID != self || resp.Nodes[0].Listeners[0].Host != "ctl" {
					t.Errorf("v%d: %+v, %+v", v, voter, resp.Nodes)
				}
			}
		}
	})
}
