package admin

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// What a broker says of the description of a topology (KIP-1331).
const (
	topologyNotStored = 1
	topologyUnread    = 2
	topologyAvailable = 3
)

// The nodes of a topology.
const (
	sourceNode    = 1
	processorNode = 2
	sinkNode      = 3
)

// showTopology shows the topology of an application, as it described it itself. leat and brokers without a plugin keep no descriptions.
func (g *streamsCall) showTopology(_ context.Context, d *streamsGroup) error {
	switch {
	case d.TopologyDescriptionStatus == topologyAvailable && d.TopologyDescription != nil:
		g.Printf("%s", topologyText(d.TopologyDescription))
		return nil
	case d.TopologyDescriptionStatus == topologyUnread:
		g.Println("\nError: The broker failed to fetch the topology description for streams group '" + d.Group + "'. See the broker logs for details.")
	default:
		g.Println("\nError: No topology description is stored for streams group '" + d.Group + "'.")
	}
	return failure
}

// topologyText is a topology in the form in which Kafka Streams describes one.
func topologyText(d *kmsg.StreamsGroupDescribeResponseGroupTopologyDescription) string {
	var text strings.Builder
	text.WriteString("Topologies:\n")
	for _, s := range d.Subtopologies {
		text.WriteString("   Sub-topology: " + s.SubtopologyID + "\n" + nodesText(s.Nodes) + "\n")
	}
	for i, s := range d.GlobalStores {
		text.WriteString("   Sub-topology: " + number(len(d.Subtopologies)+i) + " for global store (will not generate tasks)\n" +
			nodesText([]kmsg.TopologyDescriptionNode{s.Source, s.Processor}) + "\n")
	}
	return text.String()
}

// nodesText are nodes with their names and those of their neighbours. The protocol has the edges in one direction only.
func nodesText(nodes []kmsg.TopologyDescriptionNode) string {
	before := make(map[string]map[string]bool)
	for _, n := range nodes {
		for _, next := range n.Successors {
			if before[next] == nil {
				before[next] = make(map[string]bool)
			}
			before[next][n.Name] = true
		}
	}
	var text strings.Builder
	for _, n := range nodes {
		after := "\n      --> " + namesOrNone(n.Successors)
		from := "\n      <-- " + namesOrNone(slices.Collect(maps.Keys(before[n.Name])))
		switch n.NodeType {
		case sourceNode:
			text.WriteString("    Source: " + n.Name + " (topics: " + javaList(sortedSet(n.SourceTopics)) + ")" + after + "\n")
		case processorNode:
			text.WriteString("    Processor: " + n.Name + " (stores: " + javaList(sortedSet(n.Stores)) + ")" + after + from + "\n")
		case sinkNode:
			topic := "null" // the application draws it for each record
			if n.SinkTopic != nil {
				topic = *n.SinkTopic
			}
			text.WriteString("    Sink: " + n.Name + " (topic: " + topic + ")" + from + "\n")
		}
	}
	return text.String()
}

func sortedSet(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

func namesOrNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(sortedSet(names), ", ")
}

// javaList is how Java prints a list.
func javaList(words []string) string { return "[" + strings.Join(words, ", ") + "]" }
