package target

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// properties is the server.properties that both implementations get: a single combined node, with Kafka's defaults
// wherever a single node allows them.
func (n *Node) properties() string {
	settings := map[string]string{
		"process.roles":                                    "broker,controller",
		"node.id":                                          "1",
		"listeners":                                        "PLAINTEXT://127.0.0.1:" + n.port + ",CONTROLLER://127.0.0.1:" + n.controller,
		"advertised.listeners":                             "PLAINTEXT://127.0.0.1:" + n.port + ",CONTROLLER://127.0.0.1:" + n.controller,
		"controller.listener.names":                        "CONTROLLER",
		"controller.quorum.bootstrap.servers":              "127.0.0.1:" + n.controller,
		"log.dirs":                                         n.DataDir(),
		"num.partitions":                                   "3",
		"offsets.topic.replication.factor":                 "1",
		"transaction.state.log.replication.factor":         "1",
		"transaction.state.log.min.isr":                    "1",
		"share.coordinator.state.topic.replication.factor": "1",
		"share.coordinator.state.topic.min.isr":            "1",
		"group.initial.rebalance.delay.ms":                 "0",
	}
	if n.cfg.StaticVoters {
		delete(settings, "controller.quorum.bootstrap.servers")
		settings["controller.quorum.voters"] = "1@127.0.0.1:" + n.controller
	}
	n.listeners(settings)
	maps.Copy(settings, n.cfg.Settings)
	maps.DeleteFunc(settings, func(_, value string) bool { return value == "" })
	var text strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&text, "%s=%s\n", key, settings[key])
	}
	return text.String()
}

// listeners adds those beside PLAINTEXT and CONTROLLER.
func (n *Node) listeners(settings map[string]string) {
	if len(n.more) == 0 {
		return
	}
	protocols := "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT"
	for _, name := range slices.Sorted(maps.Keys(n.more)) {
		address := "," + name + "://" + n.Address(name)
		settings["listeners"] += address
		settings["advertised.listeners"] += address
		protocols += "," + name + ":" + n.cfg.Listeners[name]
	}
	settings["listener.security.protocol.map"] = protocols
	settings["inter.broker.listener.name"] = "PLAINTEXT"
}
