package broker

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/security/acl"
	"leat/internal/why"
	"leat/internal/wire"
)

// knows answers why.
type knows struct{ asked []string }

func (k *knows) Facts(_ context.Context, about why.About) ([]byte, error) {
	k.asked = append(k.asked, "facts "+about.String())
	return []byte(`{}`), nil
}

func (k *knows) Report(_ context.Context, about why.About) ([]byte, error) {
	if about.Name == "broken" {
		return nil, errors.New("no idea")
	}
	return []byte(`{"findings":[]}`), nil
}

func TestWhyIsForThoseWhoMayDescribeTheCluster(t *testing.T) {
	g := newGuarded(t)
	k := &knows{}
	g.h.Why = k
	asks := func(rq wire.Why) *wire.WhyResponse { return ask[*wire.WhyResponse](g.clients, &rq, 0) }
	if resp := asks(wire.Why{}); resp.ErrorCode != kerr.ClusterAuthorizationFailed.Code || resp.Message == "" {
		t.Errorf("without rights: %+v", resp)
	}
	for _, op := range []security.Operation{security.OpDescribe, security.OpClusterAction} {
		g.grant(acl.Rule{Type: security.ClusterResource, Pattern: acl.Literal, Name: acl.ClusterName, Principal: "User:ANONYMOUS", Host: "*", Operation: op, Permission: acl.Allow})
		if resp := asks(wire.Why{About: "group:shop"}); resp.ErrorCode != 0 || string(resp.JSON) != `{"findings":[]}` {
			t.Errorf("%v: %+v", op, resp)
		}
	}
	if resp := asks(wire.Why{Facts: true, About: "topic:orders"}); resp.ErrorCode != 0 || len(k.asked) != 1 || k.asked[0] != "facts topic:orders" {
		t.Errorf("facts: %+v, asked %q", resp, k.asked)
	}
	if resp := asks(wire.Why{About: "pie:apple"}); resp.ErrorCode != kerr.InvalidRequest.Code {
		t.Errorf("a wrong question: %+v", resp)
	}
	if resp := asks(wire.Why{About: strings.Repeat("pie", 10_000)}); resp.ErrorCode != kerr.InvalidRequest.Code || len(resp.Message) > 3000 {
		t.Errorf("a long wrong question: %d, %d bytes", resp.ErrorCode, len(resp.Message))
	}
	if resp := asks(wire.Why{About: "group:broken"}); resp.ErrorCode != kerr.UnknownServerError.Code || resp.Message != "no idea" {
		t.Errorf("no answer: %+v", resp)
	}
}

func TestOnlyLeatIsToldOfItsOwnKeysByBrokers(t *testing.T) {
	n := newNode(t)
	defer n.stop()
	for software, want := range map[string]bool{"leat": true, "apache-kafka-java": false} {
		c := n.dial()
		rq := kmsg.NewPtrApiVersionsRequest()
		rq.ClientSoftwareName, rq.ClientSoftwareVersion = software, "1"
		told := false
		for _, k := range ask[*kmsg.ApiVersionsResponse](c, rq, 3).ApiKeys {
			told = told || k.ApiKey == wire.KeyWhy
		}
		if told != want {
			t.Errorf("%s: told %v", software, told)
		}
		c.close()
	}
}
