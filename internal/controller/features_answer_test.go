package controller

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Versions 0 and 1 have a result for each feature, and yet Kafka 4.4 tells a refusal once, as in version 2.
func TestARefusedFeatureRefusesTheRequestInEveryVersion(t *testing.T) {
	for version := range int16(3) {
		resp := kmsg.NewPtrUpdateFeaturesResponse()
		resp.SetVersion(version)
		resp.Results = append(resp.Results, kmsg.NewUpdateFeaturesResponseResult())
		failFeatures(resp, refuse(kerr.InvalidUpdateVersion, "because"))
		if resp.ErrorCode != kerr.InvalidUpdateVersion.Code || resp.ErrorMessage == nil || len(resp.Results) != 0 {
			t.Errorf("v%d: %+v", version, resp)
		}
	}
}
