// Package acl decides who may do what: the rules that an operator made (ACLs), and an index of them that answers quickly. It is a pure core: it
// knows no connections, requests or records, and it changes nothing in place, so that whoever holds an Index may read it for ever.
//
// Terms. A rule allows or denies one operation on a resource pattern to a principal from a host. A pattern is literal (one name, or "*", which is all
// names) or prefixed. A principal "User:*" is everybody of that type.
//
// How Kafka's StandardAuthorizer decides, which this is: super users may do everything; a rule that denies comes before all that allow; Read, Write,
// Delete and Alter imply Describe, AlterConfigs implies DescribeConfigs (where they are allowed, not where they are denied), All is every operation;
// what no rule speaks of is refused, unless allow.everyone.if.no.acl.found is set and no rule at all is about the resource.
package acl

import "leat/internal/security"

// PatternType is how a rule names resources; numbers are the protocol's.
type PatternType int8

// The pattern types. Any and Match are of filters only.
const (
	AnyPattern PatternType = 1
	Match      PatternType = 2
	Literal    PatternType = 3
	Prefixed   PatternType = 4
)

// Permission is what a rule does; numbers are the protocol's.
type Permission int8

// The permissions. Any is of filters only.
const (
	AnyPermission Permission = 1
	Deny          Permission = 2
	Allow         Permission = 3
)

// Any is the number that means "whatever" for operations and resource types, in filters.
const Any = 1

// Wildcard is the literal name that is all resources of a type, and the host that is all hosts.
const Wildcard = "*"

// ClusterName is the name of the one resource of type cluster.
const ClusterName = "kafka-cluster"

// Rule is one ACL.
type Rule struct {
	Type       security.ResourceType
	Pattern    PatternType
	Name       string
	Principal  string // "User:alice"
	Host       string // an address, a range of addresses such as 10.0.0.0/8, or "*"
	Operation  security.Operation
	Permission Permission
}

// everything are the bits of all operations.
const everything uint32 = 1<<16 - 1

// bits are the operations that the rule speaks of, as a bit field: bit n is operation n.
func (r *Rule) bits() uint32 {
	switch op := r.Operation; {
	case op == security.OpAll:
		return everything
	case op < security.OpAll || op >= 16:
		return 0 // of a later version
	case r.Permission != Allow:
		return 1 << op
	case op == security.OpRead, op == security.OpWrite, op == security.OpDelete, op == security.OpAlter:
		return 1<<op | 1<<security.OpDescribe
	case op == security.OpAlterConfigs:
		return 1<<op | 1<<security.OpDescribeConfigs
	default:
		return 1 << op
	}
}
