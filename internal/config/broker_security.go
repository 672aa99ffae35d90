package config

// brokerSecurityKeys are about who may do what.
var brokerSecurityKeys = []Key{
	{Name: "authorizer.class.name", Type: String, Importance: "LOW",
		Doc: ""},
	{Name: "delegation.token.expiry.check.interval.ms", Type: Long, Default: "3600000", Valid: atLeast(1), Importance: "LOW",
		Doc: ""},
	{Name: "delegation.token.expiry.time.ms", Type: Long, Default: "86400000", Valid: atLeast(1), Importance: "MEDIUM",
		Doc: ""},
	{Name: "delegation.token.max.lifetime.ms", Type: Long, Default: "604800000", Valid: atLeast(1), Importance: "MEDIUM",
		Doc: ""},
	{Name: "delegation.token.secret.key", Type: Password, NoDefault: true, Importance: "MEDIUM",
		Doc: ""},
	{Name: "principal.builder.class", Type: Class, Default: "org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder", Mode: PerBroker, Importance: "MEDIUM",
		Doc: ""},
	{Name: "security.inter.broker.protocol", Type: String, Default: "PLAINTEXT", Valid: oneOf("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"), Importance: "MEDIUM",
		Doc: ""},
	{Name: "security.providers", Type: String, NoDefault: true, Importance: "LOW",
		Doc: ""},
}
