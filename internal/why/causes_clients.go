package why

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

var clientCauses = []Cause{
	{
		Name: "protocol-mismatch", Severity: Warning, find: findForeign,
		Seen: "A client speaks another protocol than the listener that it connects to: TLS to a plain one or the other way round, SASL where there is none or none where there is, another SASL mechanism, HTTP.",
		Next: []string{"set security.protocol (and sasl.mechanism) of the client to what listener {listener} speaks, or give it the address of another listener: leat config describe broker {node} listeners advertised.listeners listener.security.protocol.map"},
	},
	{
		Name: "certificate-refused", Severity: Warning, find: findCertificateRefused,
		Seen: "TLS handshakes at a listener fail: the client does not trust who signed the certificate, does not find the host name in it, shows no certificate, or one that is not trusted.",
		Next: []string{"compare with: openssl s_client -connect {listener-address} -showcerts; then mend the trust store of the client, or the key store of listener {listener}"},
	},
	{
		Name: "token-expired", Severity: Warning, find: findTokenExpired,
		Seen: "A client logs in with a delegation token or an access token that is past its end.",
		Next: []string{"give the client another: leat token create, or look whether it can renew it (leat token renew)"},
	},
	{
		Name: "authentication-failed", Severity: Warning, find: findUnauthenticated,
		Seen: "A client does not get in: user, password or token are wrong, or the user has no credential of this mechanism.",
		Next: []string{"leat user list shows who has which credentials; leat user create USER sets the password again"},
	},
	{
		Name: "session-expired", Severity: Warning, find: findSessionExpired,
		Seen: "A client was cut off because its session was over and it did not authenticate again (connections.max.reauth.ms, or the lifetime of its token).",
		Next: []string{"use a client that authenticates again by itself (KIP-368), or raise connections.max.reauth.ms"},
	},
	{
		Name: "connection-limit", Severity: Warning, find: findTooMany,
		Seen: "Connections are turned away or have to wait, because there are as many as max.connections, max.connections.per.ip or a rate of connections allow.",
		Next: []string{"look for a client that opens connections without end (one producer or consumer per record?); else raise the limit that is named: leat config set broker default max.connections.per.ip=N"},
	},
	{
		Name: "not-authorized", Severity: Warning, find: findDenied,
		Seen:     "A principal is denied what its client asks for.",
		Next:     []string{"if it should be allowed: leat acl add --allow {principal} --operation {operation} {resource}; leat acl check {principal} {operation} TYPE:NAME says which ACL decides"},
		Explains: nil,
	},
	{
		Name: "throttled", Severity: Warning, find: findThrottled,
		Seen:     "A client is over its quota and is made to wait.",
		Next:     []string{"leat quota list shows the quotas; raise {quota} if the client may have more"},
		Explains: []string{"group-outpaced", "group-hot-partition", "group-stuck"},
	},
	{
		Name: "limit-reached", Severity: Warning, find: findLimit,
		Seen: "Somebody asks for more than a policy or the limit of a tenant allows.",
		Next: []string{"leat config diff broker default shows the limits (leat.tenant.*, leat.topic.limits); raise the one that is named, or delete what is not needed"},
	},
}

func findForeign(v *view, at func() *Finding) {
	v.eachOnNode(Foreign, func(e *Event) string { return e.Listener + "\x00" + e.Host + "\x00" + e.Detail }, func(n *Facts, e *Event) {
		f := at()
		f.touch(e)
		f.touches.node(n.Node)
		f.touches.add("listener", e.Listener)
		f.Chain = []string{fmt.Sprintf("%s speaks another protocol than listener %s: %s", e.who(), e.Listener, e.Detail)}
		f.Evidence = []string{fmt.Sprintf("node %d, listener %s: %s", n.Node, e.Listener, v.times(e))}
		f.next("{listener}", e.Listener, "{node}", fmt.Sprint(n.Node))
	})
}

// eachOnNode is each, node by node.
func (v *view) eachOnNode(kind Kind, key func(*Event) string, each func(*Facts, *Event)) {
	for i := range v.Nodes {
		one := &view{Cluster: &Cluster{At: v.At, Nodes: v.Nodes[i : i+1]}}
		one.each(kind, key, func(e *Event) { each(&v.Nodes[i], e) })
	}
}

func isTLS(e *Event) bool { return strings.Contains(e.Detail, "TLS handshake") }

func isExpired(e *Event) bool {
	return strings.Contains(e.Detail, "token") && strings.Contains(e.Detail, "expired")
}

func findCertificateRefused(v *view, at func() *Finding) { v.notIn(isTLS, at) }

func findTokenExpired(v *view, at func() *Finding) { v.notIn(isExpired, at) }

func findUnauthenticated(v *view, at func() *Finding) {
	v.notIn(func(e *Event) bool { return !isTLS(e) && !isExpired(e) }, at)
}

// notIn tells of clients that did not get in for one sort of reason.
func (v *view) notIn(is func(*Event) bool, at func() *Finding) {
	v.eachOnNode(Unauthenticated, func(e *Event) string { return e.Listener + "\x00" + e.Host + "\x00" + e.Detail }, func(n *Facts, e *Event) {
		if !is(e) {
			return
		}
		f := at()
		f.touch(e)
		f.touches.node(n.Node)
		f.touches.add("listener", e.Listener)
		f.Chain = []string{fmt.Sprintf("%s does not get in at listener %s: %s", e.who(), e.Listener, e.Detail)}
		f.Evidence = []string{fmt.Sprintf("node %d, listener %s: %s", n.Node, e.Listener, v.times(e))}
		f.next("{listener}", e.Listener, "{listener-address}", "HOST:PORT")
	})
}

func findSessionExpired(v *view, at func() *Finding) {
	v.eachOnNode(Expired, func(e *Event) string { return e.Principal + "\x00" + e.Host }, func(n *Facts, e *Event) {
		f := at()
		f.touch(e)
		f.touches.node(n.Node)
		f.touches.add("listener", e.Listener)
		f.Chain = []string{fmt.Sprintf("the session of %s was over, and it did not authenticate again", e.who())}
		f.Evidence = []string{fmt.Sprintf("node %d, listener %s: %s", n.Node, e.Listener, v.times(e))}
		f.next()
	})
}

func findTooMany(v *view, at func() *Finding) {
	v.eachOnNode(TooMany, func(e *Event) string { return e.Detail + "\x00" + e.Host }, func(n *Facts, e *Event) {
		f := at()
		f.touch(e)
		f.touches.node(n.Node)
		f.Chain = []string{fmt.Sprintf("node %d turns away connections of %s: %s", n.Node, e.who(), e.Detail)}
		f.Evidence = []string{fmt.Sprintf("node %d: %s", n.Node, v.times(e))}
		f.next()
	})
}

func findDenied(v *view, at func() *Finding) {
	v.each(Denied, func(e *Event) string { return e.Principal + "\x00" + e.Detail + "\x00" + e.Resource }, func(e *Event) {
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("%s may not %s %s", e.who(), e.Detail, named(e.Resource))}
		f.Evidence = []string{fmt.Sprintf("%s of %s: %s", e.API, e.who(), v.times(e))}
		kind, name, _ := strings.Cut(e.Resource, ":")
		option := "--" + kind + " " + name
		if kind == "cluster" {
			option = "--cluster"
		}
		f.next("{principal}", cmp.Or(e.Principal, "User:NAME"), "{operation}", e.Detail, "{resource}", option)
	})
}

func findThrottled(v *view, at func() *Finding) {
	v.each(Throttled, func(e *Event) string { return e.Principal + "\x00" + e.ClientID + "\x00" + e.Detail }, func(e *Event) {
		f := at()
		f.touch(e)
		waited := time.Duration(e.Amount) * time.Millisecond
		f.Chain = []string{fmt.Sprintf("%s is over its quota %s and is slowed down", e.who(), e.Detail)}
		f.Evidence = []string{fmt.Sprintf("made to wait %s, %s together", v.times(e), short(waited))}
		f.next("{quota}", e.Detail)
	})
}

func findLimit(v *view, at func() *Finding) {
	v.eachRefusal("POLICY_VIOLATION THROTTLING_QUOTA_EXCEEDED", func(e *Event) string { return e.ClientID + "\x00" + e.Principal + "\x00" + e.Code + e.API }, func(e *Event) {
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("%s of %s is refused with %s", e.API, e.who(), e.Code)}
		if e.Detail != "" {
			f.Chain[0] += ": " + e.Detail
		}
		f.Evidence = []string{fmt.Sprintf("%s %s: %s", e.API, named(e.Resource), v.times(e))}
		f.next()
	})
}

// named is a resource in words.
func named(resource string) string {
	kind, name, ok := strings.Cut(resource, ":")
	if !ok {
		return "the cluster"
	}
	return kind + " " + name
}
