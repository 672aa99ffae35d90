package controller

import (
	"fmt"
	"math/rand"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/machine"
	"leat/internal/metadata"
)

// aclMachine is a controller of a cluster at a level of metadata.version.
func aclMachine(t *testing.T, level int16) *Machine {
	t.Helper()
	values, _, err := config.ParseBroker(map[string]string{"node.id": "1"})
	if err != nil {
		t.Fatal(err)
	}
	d := metadata.NewDelta(metadata.Empty)
	if err := d.Replay(&metadata.FeatureLevelRecord{Name: metadata.FeatureMetadataVersion, FeatureLevel: level}); err != nil {
		t.Fatal(err)
	}
	return New(Config{NodeID: 1, Broker: values, Image: d.Image(0, 1, 0), NextOffset: 1, Now: time.Unix(0, 0), Rand: rand.New(rand.NewSource(1))})
}

// decideACLs applies what a request leads to, and returns the answer.
func decideACLs(m *Machine, rq kmsg.Request) kmsg.Response {
	result := m.Handle(time.Unix(1, 0), Event{Request: rq})
	for _, r := range result.Records {
		m.Apply(machine.Entry[Record]{Offset: m.nextOffset, Record: r})
	}
	for _, e := range result.Effects {
		if reply, ok := e.(machine.Reply); ok {
			return reply.Response.(kmsg.Response)
		}
	}
	return nil
}

func aclCreation(change func(*kmsg.CreateACLsRequestCreation)) kmsg.CreateACLsRequestCreation {
	c := kmsg.CreateACLsRequestCreation{ResourceType: 2, ResourceName: "orders", ResourcePatternType: 3, Principal: "User:a", Host: "*", Operation: 3, PermissionType: 3}
	if change != nil {
		change(&c)
	}
	return c
}

func TestACLsAreMadeOnceAndRemovedByFilters(t *testing.T) {
	m := aclMachine(t, 33)
	three := &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{aclCreation(nil), aclCreation(nil),
		aclCreation(func(c *kmsg.CreateACLsRequestCreation) { c.ResourcePatternType, c.Host = 4, "10.0.0.0/8" })}}
	for range 2 {
		decideACLs(m, three)
	}
	if n := m.Image().Rules().Len(); n != 2 {
		t.Fatalf("%d ACLs, want 2", n)
	}
	name := "orders-7"
	match := kmsg.DeleteACLsRequestFilter{ResourceType: 2, ResourceName: &name, ResourcePatternType: 2, Operation: 1, PermissionType: 1}
	resp := decideACLs(m, &kmsg.DeleteACLsRequest{Filters: []kmsg.DeleteACLsRequestFilter{match, match, {ResourceType: 99, ResourcePatternType: 1, Operation: 1, PermissionType: 1}}}).(*kmsg.DeleteACLsResponse)
	if len(resp.Results) != 3 || len(resp.Results[0].MatchingACLs) != 1 || len(resp.Results[1].MatchingACLs) != 1 || resp.Results[2].ErrorCode != 42 || *resp.Results[2].ErrorMessage != "Unknown patternFilter." {
		t.Errorf("%+v", resp.Results)
	}
	if n := m.Image().Rules().Len(); n != 1 {
		t.Errorf("%d ACLs stay, want 1", n)
	}
}

func TestACLsThatMeanNothingAreRefusedInKafkasWords(t *testing.T) {
	for _, tt := range []struct {
		change func(*kmsg.CreateACLsRequestCreation)
		level  int16
		code   int16
		want   string
	}{
		{func(c *kmsg.CreateACLsRequestCreation) { c.ResourceType = 4 }, 33, 42, "The only valid name for the CLUSTER resource is kafka-cluster"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.ResourceName = "" }, 33, 42, "Invalid empty resource name"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.ResourceType = 1 }, 33, 42, "Invalid resourceType ANY"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.ResourcePatternType = 2 }, 33, 42, "Invalid patternType MATCH"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.Operation = 99 }, 33, 42, "Invalid operation UNKNOWN"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.PermissionType = 1 }, 33, 42, "Invalid permissionType ANY"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.Principal = "alice" }, 33, 42, "Could not parse principal from `alice`"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.Host = "" }, 33, 42, "Host pattern cannot be null or empty"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.Host = "10.0.0.0/99" }, 33, 42, "Invalid CIDR notation '10.0.0.0/99'"},
		{func(c *kmsg.CreateACLsRequestCreation) { c.Host = "10.0.0.0/8" }, 31, 35, "CIDR-based ACL host patterns require metadata version 4.4-IV1 or higher."},
	} {
		m := aclMachine(t, tt.level)
		resp := decideACLs(m, &kmsg.CreateACLsRequest{Creations: []kmsg.CreateACLsRequestCreation{aclCreation(tt.change)}}).(*kmsg.CreateACLsResponse)
		if r := resp.Results[0]; r.ErrorCode != tt.code || r.ErrorMessage == nil || !strings.HasPrefix(*r.ErrorMessage, tt.want) {
			t.Errorf("%s: %d %v", tt.want, r.ErrorCode, fmt.Sprint(r.ErrorMessage))
		}
		if m.Image().Rules().Len() != 0 {
			t.Errorf("%s: made nevertheless", tt.want)
		}
	}
}
