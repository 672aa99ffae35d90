package server

import (
	"leat/internal/config"
	"leat/internal/security/acl"
	"leat/internal/telemetry"
)

// chooseAuthorizer reads who decides what principals may do. It is asked once: like Kafka's, the keys cannot change while the node runs, the ACLs can.
func (n *node) chooseAuthorizer() error {
	a, err := acl.New(n.Values.String("authorizer.class.name"), n.Values.String("super.users"), n.Values.Bool("allow.everyone.if.no.acl.found"))
	if err != nil {
		return err
	}
	if a != nil {
		a.Bindings = n.roles.Load
	}
	n.authorizer = a
	n.renewRoles()
	return nil
}

// renewRoles takes in who has which roles. Config has checked the bindings; were they wrong, those in use would stay.
func (n *node) renewRoles() {
	bindings, err := config.ParseRoleBindings(n.settings.now().values.String("leat.role.bindings"))
	if err != nil {
		n.logger(telemetry.LogSecurity).Error("role bindings not read again, those in use stay", "err", err)
		return
	}
	roles := acl.NewBindings()
	for _, b := range bindings {
		roles.Bind(b.Kind, b.Name, b.Roles...)
	}
	n.roles.Store(roles)
}
