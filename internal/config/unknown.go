package config

import (
	"fmt"
	"slices"
	"strings"
)

// removedKeys were taken out of Kafka and still stand in many a file.
var removedKeys = map[string]string{
	"zookeeper.connect":                    "there is no ZooKeeper any more",
	"zookeeper.connection.timeout.ms":      "there is no ZooKeeper any more",
	"zookeeper.session.timeout.ms":         "there is no ZooKeeper any more",
	"zookeeper.max.in.flight.requests":     "there is no ZooKeeper any more",
	"zookeeper.set.acl":                    "there is no ZooKeeper any more",
	"broker.id.generation.enable":          "node ids are always given",
	"reserved.broker.max.id":               "node ids are always given",
	"control.plane.listener.name":          "controllers have their own listeners: see controller.listener.names",
	"controlled.shutdown.max.retries":      "the controller decides how long a shutdown may take",
	"controlled.shutdown.retry.backoff.ms": "the controller decides how long a shutdown may take",
	"inter.broker.protocol.version":        "the feature metadata.version decides",
	"log.message.format.version":           "the record format has one version",
	"log.message.downconversion.enable":    "old record formats are not served",
	"log.message.timestamp.difference.max.ms": "use log.message.timestamp.before.max.ms and " +
		"log.message.timestamp.after.max.ms",
	"password.encoder.secret":                    "passwords are not kept encoded",
	"advertised.host.name":                       "use advertised.listeners",
	"advertised.port":                            "use advertised.listeners",
	"host.name":                                  "use listeners",
	"port":                                       "use listeners",
	"leader.imbalance.per.broker.percentage":     "every imbalance is repaired",
	"auto.include.jmx.reporter":                  "metrics are at /metrics",
	"delegation.token.master.key":                "use delegation.token.secret.key",
	"offsets.commit.required.acks":               "commits always wait for all in-sync replicas",
	"metrics.jmx.include":                        "metrics are at /metrics",
	"metrics.jmx.exclude":                        "metrics are at /metrics",
	"remote.log.manager.copier.thread.pool":      "use remote.log.manager.copier.thread.pool.size",
	"group.coordinator.new.enable":               "there is one coordinator only",
	"eligible.leader.replicas.enable":            "the feature eligible.leader.replicas.version decides",
	"transaction.partition.verification.enabled": "use transaction.partition.verification.enable",
}

// pluginPrefixes begin keys that Kafka hands to a plugin without looking at them; the second part names keys that hold a prefix.
var pluginPrefixes = []string{"config.providers.", "rsm.config.", "rlmm.config."}
var prefixKeys = []string{"remote.log.storage.manager.impl.prefix", "remote.log.metadata.manager.impl.prefix"}

// unknownWarning says what is wrong with a key that is not in the table; "" if Kafka accepts it for a listener or a plugin.
func unknownWarning(name string, given map[string]string) string {
	if base, ok := listenerKey(name); ok {
		return listenerWarning(name, base)
	}
	prefixes := pluginPrefixes
	for _, key := range prefixKeys {
		if prefix := trim(given[key]); prefix != "" {
			prefixes = append(prefixes[:len(prefixes):len(prefixes)], prefix)
		}
	}
	for _, prefix := range prefixes {
		if strings.HasPrefix(name, prefix) {
			return ""
		}
	}
	if why, ok := removedKeys[name]; ok {
		return fmt.Sprintf("%s: Kafka 4 has no such key (%s): it is ignored, delete the line", name, why)
	}
	if near := Nearest(Broker, name); near != "" {
		return fmt.Sprintf("%s: no such key, it is ignored: did you mean %s", name, near)
	}
	return fmt.Sprintf("%s: no such key, it is ignored", name)
}

// listenerKey splits listener.name.<listener>.<key>.
func listenerKey(name string) (base string, ok bool) {
	rest, ok := strings.CutPrefix(name, "listener.name.")
	if !ok {
		return "", false
	}
	_, base, ok = strings.Cut(rest, ".")
	return base, ok
}

// mechanisms are those of SASL, as they stand in keys.
var mechanisms = []string{"gssapi", "oauthbearer", "plain", "scram-sha-256", "scram-sha-512"}

// listenerWarning checks the part behind listener.name.<listener>. : a key, or one behind the name of a SASL mechanism.
func listenerWarning(name, base string) string {
	prefix := strings.TrimSuffix(name, base)
	_, known := Lookup(Broker, base)
	if mechanism, behind, ok := strings.Cut(base, "."); ok && !known && slices.Contains(mechanisms, strings.ToLower(mechanism)) {
		_, known = Lookup(Broker, behind)
		prefix, base = prefix+mechanism+".", behind
	}
	if lower := strings.ToLower(prefix); known && lower != prefix {
		return fmt.Sprintf("%s: it is ignored: names of listeners and mechanisms stand here in lower case, so write %s", name, lower+base)
	}
	if known {
		return ""
	}
	if near := Nearest(Broker, base); near != "" {
		return fmt.Sprintf("%s: no such key, it is ignored: did you mean %s", name, prefix+near)
	}
	return fmt.Sprintf("%s: no such key, it is ignored", name)
}
