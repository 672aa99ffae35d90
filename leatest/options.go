package leatest

import (
	"log/slog"
	"maps"
)

// Option changes how a cluster is made.
type Option func(*plan)

// plan is what the options of a cluster come to.
type plan struct {
	nodes  int
	set    map[string]string
	topics []topic
	logs   slog.Handler
}

type topic struct {
	name       string
	partitions int32
	configs    map[string]string
}

// Nodes is how many brokers there are, numbered from 1; without it there is one. Several follow a controller of their own, whose node id is [ControllerID].
func Nodes(count int) Option { return func(p *plan) { p.nodes = count } }

// Config sets a config of all nodes, by the name that a file server.properties has for it. It takes precedence over what a test cluster sets by itself:
// no delay of a group's first rebalance, and as many replicas of internal topics as there are nodes, but at most three.
func Config(key, value string) Option { return func(p *plan) { p.set[key] = value } }

// Topic creates a topic before [Start] returns, with as many replicas as there are nodes, but at most three.
func Topic(name string, partitions int32) Option { return TopicWith(name, partitions, nil) }

// TopicWith is [Topic] with configs of the topic, such as min.insync.replicas.
func TopicWith(name string, partitions int32, configs map[string]string) Option {
	return func(p *plan) { p.topics = append(p.topics, topic{name, partitions, maps.Clone(configs)}) }
}

// Logs sends what the nodes log to a handler, as it happens. Without it, warnings and errors are kept, and shown if the test fails.
func Logs(h slog.Handler) Option { return func(p *plan) { p.logs = h } }
