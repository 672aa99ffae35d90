package config

import (
	"fmt"
	"strings"
)

// leatSecurityKeys are about connections whose clients are not known yet, and about certificates.
var leatSecurityKeys = []Key{
	{Name: "leat.role.bindings", Type: String, Default: "", Valid: roleBindings, Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Who has which roles: bindings with ; between them, each a principal (User:alice, User:* for all) or a group that tokens name (Group:platform), = and roles with commas between them. ACLs of the principal Role:NAME say what a role may do."},
	{Name: "leat.sasl.oauthbearer.groups.claim", Type: String, Default: "", Importance: "MEDIUM", Built: true,
		Doc: "Claim of tokens that names groups, a list or a text with blanks between; with dots it leads into claims that have claims. Empty: tokens name no groups."},
	{Name: "leat.authentication.pending.max", Type: Int, Default: "5000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How many connections of this node may be in a TLS handshake or SASL exchange; for one more the oldest of them is closed. 0: however many."},
	{Name: "leat.authentication.timeout.ms", Type: Int, Default: "30000", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How long a client may take for TLS handshake and SASL exchange together before its connection is closed; 0: as long as it likes."},
	{Name: "leat.request.min.bytes.per.second", Type: Long, Default: "1024", Valid: atLeast(0), Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "How fast a request must come once it has begun, over 10 s; while others wait for its part of queued.max.request.bytes, over 1 s, and so that it is whole within 30 s. Slower connections are closed. 0: none."},
	{Name: "leat.ssl.reload.interval.ms", Type: Int, Default: "10000", Valid: atLeast(0), Importance: "LOW", Built: true,
		Doc: "How often the files of key and trust stores are looked at for changes; 0: only after a change of their keys, and on SIGHUP."},
}

// RoleBinding says that a principal or a group has roles.
type RoleBinding struct {
	Kind, Name string // "User" or "Group", and its name
	Roles      []string
}

// ParseRoleBindings reads leat.role.bindings: User:alice=ops,readers;Group:platform=ops. Names of principals may have = and commas in them.
func ParseRoleBindings(text string) ([]RoleBinding, error) {
	var all []RoleBinding
	for _, one := range strings.Split(text, ";") {
		if one = trim(one); one == "" {
			continue
		}
		at := strings.LastIndexByte(one, '=')
		if at < 0 {
			return nil, fmt.Errorf("%q: no role: write User:alice=role or Group:platform=role1,role2", one)
		}
		kind, name, _ := strings.Cut(trim(one[:at]), ":")
		if kind != "User" && kind != "Group" || name == "" {
			return nil, fmt.Errorf("%q: not User: or Group: and a name: write User:alice=role or Group:platform=role1,role2", one)
		}
		roles := splitList(trim(one[at+1:]))
		for _, role := range roles {
			if role == "" || role == "*" || strings.ContainsAny(role, ": ") {
				return nil, fmt.Errorf("%q: %q is not the name of a role: write it without Role: and blanks", one, role)
			}
		}
		if len(roles) == 0 {
			return nil, fmt.Errorf("%q: no role: write User:alice=role or Group:platform=role1,role2", one)
		}
		all = append(all, RoleBinding{kind, name, roles})
	}
	return all, nil
}

var roleBindings Rule = described{"bindings", func(value any) error {
	_, err := ParseRoleBindings(value.(string))
	return err
}}
