// Package authorizetest is the table of what each request needs: which operations on which resources, and what who lacks them is told. The broker's own
// test runs it against handlers; because the requests are whole and name one topic, one group and one transactional id, a comparison with Apache Kafka
// can send the same ones.
package authorizetest

import (
	"fmt"
	"reflect"
	"sort"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/security"
	"leat/internal/security/acl"
)

// The resources that requests name. Topic and Other exist, with one partition; Missing does not.
const (
	Topic   = "orders"
	Other   = "orders-other"
	Missing = "orders-missing"
	Group   = "readers"
	TxnID   = "writer"
)

// Need is an operation on a resource.
type Need struct {
	Operation security.Operation
	Type      security.ResourceType
	Name      string
}

// Rule is an ACL that grants the need.
func (n Need) Rule(principal string) acl.Rule {
	return acl.Rule{Type: n.Type, Pattern: acl.Literal, Name: n.Name, Principal: principal, Host: acl.Wildcard, Operation: n.Operation, Permission: acl.Allow}
}

// Case is one request.
type Case struct {
	Name    string
	Version int16
	Request func(ids IDs) kmsg.Request
	// Control: it is sent to a controller listener.
	Control bool
	// Needs are the ways to be allowed: of each, all needs.
	Needs [][]Need
	// Denied is what the answer says to who may do nothing: its error codes by place, as Codes has them.
	Denied string
}

// IDs are the ids of the topics.
type IDs struct{ Topic, Other [16]byte }

// authorizationCodes are the codes by which somebody learns that he may not.
var authorizationCodes = map[int64]bool{29: true, 30: true, 31: true, 53: true, 65: true}

// Codes lists the error codes of an answer that are not 0, with the places where they stand, sorted.
func Codes(resp kmsg.Response) string {
	var all []string
	codes(reflect.ValueOf(resp).Elem(), "", func(path string, code int64) {
		if code != 0 {
			all = append(all, fmt.Sprintf("%s=%d", path, code))
		}
	})
	sort.Strings(all)
	return strings.Join(all, " ")
}

// Refused reports whether any code of an answer is one of authorization.
func Refused(resp kmsg.Response) bool {
	refused := false
	codes(reflect.ValueOf(resp).Elem(), "", func(_ string, code int64) { refused = refused || authorizationCodes[code] })
	return refused
}

func codes(v reflect.Value, path string, tell func(string, int64)) {
	for i := range v.NumField() {
		name, f := v.Type().Field(i).Name, v.Field(i)
		switch {
		case strings.HasSuffix(name, "ErrorCode") && f.Kind() == reflect.Int16:
			tell(path+name, f.Int())
		case v.Type().Field(i).Anonymous && f.Kind() == reflect.Struct:
			codes(f, path, tell)
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() == reflect.Struct:
			for j := range f.Len() {
				codes(f.Index(j), fmt.Sprintf("%s%s[%d].", path, name, j), tell)
			}
		}
	}
}

func on(op security.Operation, t security.ResourceType, name string) Need { return Need{op, t, name} }

func topic(op security.Operation) Need   { return on(op, security.TopicResource, Topic) }
func group(op security.Operation) Need   { return on(op, security.GroupResource, Group) }
func txn(op security.Operation) Need     { return on(op, security.TransactionalIDResource, TxnID) }
func cluster(op security.Operation) Need { return on(op, security.ClusterResource, acl.ClusterName) }

func one(needs ...Need) [][]Need  { return [][]Need{needs} }
func any(ways ...[]Need) [][]Need { return ways }
func all(needs ...Need) []Need    { return needs }
func message(r kmsg.Request) func(IDs) kmsg.Request {
	return func(IDs) kmsg.Request { return r }
}
