package reach

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
)

func TestAdviceIsGivenOnce(t *testing.T) {
	for advice, err := range map[string]error{
		"is it running?": &net.OpError{Op: "dial", Err: net.UnknownNetworkError("none")},
		"leat acl check": kerr.TopicAuthorizationFailed,
	} {
		if text := Advised(fmt.Errorf("orders: %w", Advised(err))).Error(); strings.Count(text, advice) != 1 {
			t.Errorf("%q is not once in %q", advice, text)
		}
	}
	if Advised(nil) != nil {
		t.Error("no error is one")
	}
}
