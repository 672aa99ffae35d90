package broker

import (
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
)

// supportedFeatures lists the levels of features that this node can run with. Clients before ApiVersions v4 misread a feature whose
// lowest level is 0, so for them such features are left out (KIP-1022).
func supportedFeatures(version int16) []kmsg.ApiVersionsResponseSupportedFeature {
	var out []kmsg.ApiVersionsResponseSupportedFeature
	for _, feature := range metadata.SupportedFeatures() {
		if feature.Range.Min == 0 && version < 4 {
			continue
		}
		f := kmsg.NewApiVersionsResponseSupportedFeature()
		f.Name, f.MinVersion, f.MaxVersion = feature.Name, feature.Range.Min, feature.Range.Max
		out = append(out, f)
	}
	return out
}
