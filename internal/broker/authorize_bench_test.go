package broker

import (
	"fmt"
	"strings"
	"testing"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/security/acl"
)

// authorizing gives a node an authorizer and that many rules, of which one lets everybody use the topic.
func authorizing(n *node, rules int) {
	n.h.Authorizer = &acl.Authorizer{}
	for i := range rules {
		name, principal := fmt.Sprintf("topic-%d", i), fmt.Sprintf("User:user-%d", i%1000)
		if i == rules-1 {
			name, principal = "orders", "User:ANONYMOUS"
		}
		for _, op := range []security.Operation{security.OpRead, security.OpWrite} {
			n.publish(&metadata.AccessControlEntryRecord{ID: record.UUID{1, byte(op), 12: byte(i >> 16), 13: byte(i >> 8), 14: byte(i)}, ResourceType: int8(security.TopicResource),
				ResourceName: name, PatternType: int8(acl.Literal), Principal: principal, Host: "*", Operation: int8(op), PermissionType: int8(acl.Allow)})
		}
	}
}

// BenchmarkAuthorized is a producer and a consumer of one topic, without an authorizer and with one.
func BenchmarkAuthorized(b *testing.B) {
	for _, rules := range []int{0, 1, 1000} {
		for _, api := range []string{"produce", "fetch"} {
			b.Run(fmt.Sprintf("%s/rules=%d", api, rules), func(b *testing.B) {
				n := newNode(b)
				defer n.stop()
				n.makeTopic("orders", 1)
				n.produceTo("orders", 0, strings.Repeat("x", 1024))
				if rules > 0 {
					authorizing(n, rules)
				}
				c := n.dial()
				defer c.close()
				frame := frameOf(produceRequest("orders", 1, plainBatch(strings.Repeat("x", 1024))), 12)
				if api == "fetch" {
					frame = frameOf(fetchRequest("orders", 0), 12)
				}
				buf := make([]byte, 1<<16)
				b.ReportAllocs()
				for b.Loop() {
					exchange(b, c.conn, frame, buf)
				}
			})
		}
	}
}
