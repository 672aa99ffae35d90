package why

// Withhold takes out of the facts who clients are: principals, addresses, and texts that may name them. What is left tells as well what is wrong, and
// names topics, groups and client ids, as metrics do. It is for those who ask without having said who they are.
func (c *Cluster) Withhold() {
	c.Withheld = true
	for i := range c.Nodes {
		c.Nodes[i].Withhold()
	}
}

// Withhold is Cluster.Withhold for one node.
func (f *Facts) Withhold() {
	for i := range f.Events {
		e := &f.Events[i]
		e.Principal, e.Host = "", ""
		if e.Kind == Unauthenticated {
			e.Detail = sortOf(e)
		}
	}
	for i := range f.Groups {
		for j := range f.Groups[i].Members {
			f.Groups[i].Members[j].Host = ""
		}
	}
	for i := range f.Tokens {
		f.Tokens[i].Owner = "somebody"
	}
}

// sortOf says why a client did not get in without the words of the node, which may name the user. The rows of the table must know it by these.
func sortOf(e *Event) string {
	switch {
	case isTLS(e):
		return "TLS handshake"
	case isExpired(e):
		return "its token has expired"
	}
	return "its credentials are not accepted"
}

// withheld is what a report says that leaves out who clients are.
const withheld = "principals and addresses of clients are left out: ask on the node itself, or a broker by leat why -b (leat.http.why.clients)"
