package broker

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestTopLevelErrorIsFoundInAnyResponse(t *testing.T) {
	heartbeat := kmsg.NewPtrHeartbeatResponse()
	heartbeat.ErrorCode = kerr.UnknownMemberID.Code
	for _, tt := range []struct {
		resp kmsg.Response
		want int16
	}{{heartbeat, kerr.UnknownMemberID.Code}, {kmsg.NewPtrHeartbeatResponse(), 0}, {kmsg.NewPtrMetadataResponse(), 0}} {
		if got := topLevelError(tt.resp); got != tt.want {
			t.Errorf("topLevelError(%T) = %d, want %d", tt.resp, got, tt.want)
		}
	}
}
