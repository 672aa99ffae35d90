package config

// brokerSecurityKeys are about who may do what.
var brokerSecurityKeys = []Key{
	{Name: "allow.everyone.if.no.acl.found", Type: Boolean, Default: "false", Importance: "LOW", Unlisted: true, Built: true,
		Doc: "With an authorizer: everybody may do to a resource what they like while no ACL is about it."},
	{Name: "authorizer.class.name", Type: String, Importance: "LOW", Built: true,
		Doc: "Class that decides who may do what: org.apache.kafka.metadata.authorizer.StandardAuthorizer, which is ACLs; empty means that everybody may do everything."},
	{Name: "delegation.token.expiry.check.interval.ms", Type: Long, Default: "3600000", Valid: atLeast(1), Importance: "LOW", Built: true,
		Doc: "Time between two searches for expired delegation tokens."},
	{Name: "delegation.token.expiry.time.ms", Type: Long, Default: "86400000", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "How long a delegation token is good before it must be renewed."},
	{Name: "delegation.token.max.lifetime.ms", Type: Long, Default: "604800000", Valid: atLeast(1), Importance: "MEDIUM", Built: true,
		Doc: "How long a delegation token can be renewed at most."},
	{Name: "delegation.token.secret.key", Type: Password, NoDefault: true, Importance: "MEDIUM", Built: true,
		Doc: "Secret that delegation tokens are made with, the same on every node."},
	{Name: "principal.builder.class", Type: Class, Default: "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", Mode: PerBroker, Importance: "MEDIUM",
		Doc: "Class that makes a principal of what a connection proved."},
	{Name: "security.inter.broker.protocol", Type: String, Default: "PLAINTEXT", Valid: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), Importance: "MEDIUM", Built: true,
		Doc: "Security protocol among brokers, where inter.broker.listener.name is not given."},
	{Name: "super.users", Type: String, Importance: "LOW", Unlisted: true, Built: true,
		Doc: "With an authorizer: principals that may do everything, such as User:admin, with semicolons between them."},
	{Name: "security.providers", Type: String, NoDefault: true, Importance: "LOW",
		Doc: "Java security providers."},
}
