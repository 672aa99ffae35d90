package server

import "leat/internal/security/acl"

// chooseAuthorizer reads who decides what principals may do. It is asked once: like Kafka's, the keys cannot change while the node runs, the ACLs can.
func (n *node) chooseAuthorizer() error {
	a, err := acl.New(n.Values.String("authorizer.class.name"), n.Values.String("super.users"), n.Values.Bool("allow.everyone.if.no.acl.found"))
	if err != nil {
		return err
	}
	n.authorizer = a
	return nil
}
