package broker

import (
	"regexp"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/listener"
	"leat/internal/metadata"
	"leat/internal/telemetry"
	"leat/internal/wire"
)

// softwareName is what a client may call itself and its version (KIP-511).
var softwareName = regexp.MustCompile(`^[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?$`)

// apiVersions answers with the keys served on the connection's listener and the finalised features.
func (h *Handlers) apiVersions(c *Call) {
	rq := c.Body.(*kmsg.ApiVersionsRequest)
	resp := kmsg.NewPtrApiVersionsResponse()
	if code := h.checkApiVersions(rq); code != 0 {
		resp.ErrorCode = code
		c.Respond(resp)
		return
	}
	if rq.Version >= 3 {
		h.tellSoftware(c, -1)
		c.Conn.SetSoftware(rq.ClientSoftwareName, rq.ClientSoftwareVersion)
		h.tellSoftware(c, 1)
	}
	resp.ApiKeys = servedKeys(c.Conn, c.Image, h.UnstableAPIs)
	resp.SupportedFeatures = supportedFeatures(rq.Version)
	resp.FinalizedFeaturesEpoch = c.Image.Offset
	for name, level := range c.Image.Features() {
		if level == 0 {
			continue
		}
		f := kmsg.NewApiVersionsResponseFinalizedFeature()
		f.Name, f.MinVersionLevel, f.MaxVersionLevel = name, level, level
		resp.FinalizedFeatures = append(resp.FinalizedFeatures, f)
	}
	if h.KRaftVersion != nil {
		if level := h.KRaftVersion(); level > 0 {
			f := kmsg.NewApiVersionsResponseFinalizedFeature()
			f.Name, f.MinVersionLevel, f.MaxVersionLevel = metadata.FeatureKRaftVersion, level, level
			resp.FinalizedFeatures = append(resp.FinalizedFeatures, f)
		}
	}
	c.Respond(resp)
}

// tellSoftware counts the connection among those of what its client calls itself.
func (h *Handlers) tellSoftware(c *Call, change int64) {
	if h.Metrics != nil && c.Conn.SoftwareName != "" {
		h.Metrics.UseSoftware(telemetry.Software{Listener: c.Conn.Listener, Name: c.Conn.SoftwareName, Version: c.Conn.SoftwareVersion}, change)
	}
}

// checkApiVersions returns the error code of a request that cannot be answered, 0 if it can. From v5 on the client may say which
// cluster and node it believes to talk to (KIP-1242); a client that found somebody else at a reused address must bootstrap again.
func (h *Handlers) checkApiVersions(rq *kmsg.ApiVersionsRequest) int16 {
	if rq.Version >= 3 && (!softwareName.MatchString(rq.ClientSoftwareName) || !softwareName.MatchString(rq.ClientSoftwareVersion)) {
		return kerr.InvalidRequest.Code
	}
	if rq.Version < 5 {
		return 0
	}
	if (rq.ClusterID == nil) != (rq.NodeID < 0) {
		return kerr.InvalidRequest.Code
	}
	if rq.ClusterID != nil && (*rq.ClusterID != h.ClusterID || rq.NodeID != h.NodeID) {
		return kerr.RebootstrapRequired.Code
	}
	return 0
}

// ownSoftware is what leat calls itself as a client. Others are not told of its own keys on broker listeners: they see what Kafka would list.
const ownSoftware = "leat"

func servedKeys(conn *listener.Conn, im *metadata.Image, unstable bool) []kmsg.ApiVersionsResponseApiKey {
	keys := make([]kmsg.ApiVersionsResponseApiKey, 0, len(wire.APIs))
	for i := range wire.APIs {
		api := &wire.APIs[i]
		if !servedOn(api, conn) || (api.Key == keyGetTelemetrySubscriptions || api.Key == keyPushTelemetry) && !wantsClientTelemetry(im) {
			continue
		}
		k := kmsg.NewApiVersionsResponseApiKey()
		k.ApiKey, k.MinVersion, k.MaxVersion = api.Key, api.Min, api.Newest(unstable)
		if api.Key == keyProduce {
			// Kafka says so, too, though it answers from version 3 on: librdkafka up to 2.6 takes a higher lowest version for a broker
			// that cannot compress (KAFKA-18659).
			k.MinVersion = 0
		}
		keys = append(keys, k)
	}
	for i := range wire.OwnAPIs {
		if api := &wire.OwnAPIs[i]; servedOn(api, conn) && (conn.Control || conn.SoftwareName == ownSoftware) {
			k := kmsg.NewApiVersionsResponseApiKey()
			k.ApiKey, k.MinVersion, k.MaxVersion = api.Key, api.Min, api.Max
			keys = append(keys, k)
		}
	}
	return keys
}
