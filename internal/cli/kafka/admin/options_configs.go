package admin

import "leat/internal/cli/kafka/tool"

// configsOptions are those of Kafka's tool, in its order.
func configsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "bootstrap-controller", Type: "String", Argument: "controller to connect to", Text: "Controllers to ask, instead of brokers."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "alter", Text: "Change it."},
		{Name: "describe", Text: "Show it."},
		{Name: "all", Text: "Show the defaults too."},
		{Name: "entity-type", Type: "String", Text: "Type of the entity: topics, clients, users, brokers, broker-loggers, ips, client-metrics or groups."},
		{Name: "entity-name", Type: "String", Text: "Name of the entity."},
		{Name: "entity-default", Text: "The default of the type of entity before it."},
		{Name: "add-config", Type: "String", Text: "Settings to make, as k1=v1,k2=[v1,v2]: brackets around a value with commas in it. Quotas of users and clients, and SCRAM credentials of users, are settings here too."},
		{Name: "add-config-file", Type: "String", Text: "Properties file with the settings to make."},
		{Name: "delete-config", Type: "String", Separator: ",", Text: "Settings to take back, with commas between."},
		{Name: "topic", Type: "String", Text: "Name of a topic."},
		{Name: "client", Type: "String", Text: "Id of a client, for quotas."},
		{Name: "client-defaults", Text: "What all clients have by default."},
		{Name: "user", Type: "String", Text: "Principal, for quotas and SCRAM credentials."},
		{Name: "user-defaults", Text: "What all users have by default."},
		{Name: "broker", Type: "String", Text: "Id of a broker."},
		{Name: "broker-defaults", Text: "What all brokers have by default."},
		{Name: "broker-logger", Type: "String", Text: "Id of a broker, whose loggers are meant."},
		{Name: "ip-defaults", Text: "What all addresses have by default."},
		{Name: "ip", Type: "String", Text: "Address, for limits of connections."},
		{Name: "group", Type: "String", Text: "Name of a group."},
		{Name: "client-metrics", Type: "String", Text: "Name of a subscription to client metrics."},
	}
}

// clientMetricsOptions are those of Kafka's tool, in its order.
func clientMetricsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "command-config", Type: "String", Argument: "command config property file", Text: "Properties file of the client."},
		{Name: "alter", Text: "Change it."},
		{Name: "delete", Text: "Delete it."},
		{Name: "describe", Text: "Show it."},
		{Name: "list", Text: "List them."},
		{Name: "name", Type: "String", Argument: "name", Text: "Name of the subscription."},
		{Name: "generate-name", Text: "Make up a name."},
		{Name: "interval", Type: "String", Argument: "push interval", Text: "Milliseconds between two reports; empty: as by default."},
		{Name: "match", Type: "String", Argument: "k1=v1,k2=v2", Separator: ",", Text: "Which clients, as k1=v1,k2=v2."},
		{Name: "metrics", Type: "String", Argument: "m1,m2", Separator: ",", Text: "Beginnings of the names of metrics, with commas between."},
	}
}

// aclsOptions are those of Kafka's tool, in its order.
func aclsOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Argument: "server to connect to", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "bootstrap-controller", Type: "String", Argument: "controller to connect to", Text: "Controllers to ask, instead of brokers."},
		{Name: "command-config", Type: "String", Argument: "command-config", MayLack: true, Text: "Properties file of the client."},
		{Name: "topic", Type: "String", Argument: "topic", Text: "Name of a topic."},
		{Name: "cluster", Text: "The cluster itself."},
		{Name: "group", Type: "String", Argument: "group", Text: "Name of a group."},
		{Name: "transactional-id", Type: "String", Argument: "transactional-id", Text: "Transactional id; * is any."},
		{Name: "idempotent", Text: "Let the producer be idempotent as well."},
		{Name: "delegation-token", Type: "String", Argument: "delegation-token", Text: "Delegation token that the rule is about."},
		{Name: "resource-pattern-type", Type: "ANY|MATCH|LITERAL|PREFIXED", Default: []string{"LITERAL"}, Text: "How the name of the resource is meant."},
		{Name: "add", Text: "Add rules."},
		{Name: "remove", Text: "Remove rules."},
		{Name: "list", Text: "List them."},
		{Name: "operation", Type: "String", Default: []string{"All"}, Text: "Operation that is allowed or refused."},
		{Name: "allow-principal", Type: "String", Argument: "allow-principal", Text: "Principal that is allowed, as user type and name; User:* is everybody."},
		{Name: "deny-principal", Type: "String", Argument: "deny-principal", Text: "Principal that is refused, as user type and name."},
		{Name: "principal", Type: "String", Argument: "principal", MayLack: true, Text: "Only rules for this principal."},
		{Name: "allow-host", Type: "String", Argument: "allow-host", Text: "Host that the allowed principals come from; * is any."},
		{Name: "deny-host", Type: "String", Argument: "deny-host", Text: "Host that the refused principals come from; * is any."},
		{Name: "producer", Text: "For producers."},
		{Name: "consumer", Text: "For consumers."},
		{Name: "force", Text: "Ask nothing."},
		{Name: "user-principal", Type: "String", Argument: "user-principal", Text: "Principal of a user that the rule is about."},
	}
}

// delegationTokensOptions are those of Kafka's tool, in its order.
func delegationTokensOptions() []tool.Option {
	return []tool.Option{
		{Name: "bootstrap-server", Type: "String", Text: "Brokers to ask first, as HOST:PORT,..."},
		{Name: "command-config", Type: "String", Text: "Properties file of the client."},
		{Name: "create", Text: "Create it."},
		{Name: "renew", Text: "Renew a token."},
		{Name: "expire", Text: "Let a token expire."},
		{Name: "describe", Text: "Show it."},
		{Name: "owner-principal", Type: "String", MayLack: true, Text: "Principal that the token is for."},
		{Name: "renewer-principal", Type: "String", MayLack: true, Text: "Principal that may renew the token."},
		{Name: "max-life-time-period", Type: "Long", MayLack: true, Text: "How long the token can be renewed, in milliseconds; -1: as the broker has it."},
		{Name: "renew-time-period", Type: "Long", MayLack: true, Text: "How long the token is to last from now, in milliseconds; -1: as the broker has it."},
		{Name: "expiry-time-period", Type: "Long", MayLack: true, Text: "How long the token lasts from now, in milliseconds; -1: it ends at once."},
		{Name: "hmac", Type: "String", MayLack: true, Text: "HMAC of the token, in base64."},
	}
}
