package admin

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// streamsGroup is a streams group, and the broker that looks after it.
type streamsGroup struct {
	*kmsg.StreamsGroupDescribeResponseGroup

	node lookingAfter
}

// How often, and after which pause, a group is looked for again whose broker does not know it yet.
const (
	streamsTries = 50
	streamsPause = 100 * time.Millisecond
)

// describeStreamsGroup asks for a streams group.
func describeStreamsGroup(ctx context.Context, cluster *tool.Cluster, group string, withTopology bool) (*streamsGroup, error) {
	request := kmsg.NewPtrStreamsGroupDescribeRequest()
	request.Groups, request.IncludeTopologyDescription = []string{group}, withTopology
	for try := 1; ; try++ {
		node, err := coordinator(ctx, cluster, group)
		if err != nil {
			return nil, err
		}
		answer, err := tool.AskNode[*kmsg.StreamsGroupDescribeResponse](ctx, cluster, node.id, request)
		if err != nil {
			return nil, err
		}
		if len(answer.Groups) != 1 {
			return nil, tool.Saidf("%s: %d groups are described, not one", group, len(answer.Groups))
		}
		found := &answer.Groups[0]
		if moved := found.ErrorCode == coordinatorLoading || found.ErrorCode == coordinatorNotAvailable || found.ErrorCode == notCoordinator; moved && try < streamsTries {
			select {
			case <-ctx.Done():
				return nil, ctx.Err()
			case <-time.After(streamsPause):
			}
			continue
		}
		if err := tool.Refused(found.ErrorCode, found.ErrorMessage); err != nil {
			return nil, err
		}
		if found.Topology == nil {
			return nil, &tool.Exception{Class: "java.lang.IllegalStateException", Message: "Topology information is missing"}
		}
		return &streamsGroup{found, node}, nil
	}
}

// sources are the topics that an application reads: those of others, and if these are wanted its own that redistribute records.
func (d *streamsGroup) sources(withRepartition bool) map[string]bool {
	topics := make(map[string]bool)
	for _, s := range d.Topology.Subtopologies {
		for _, topic := range s.SourceTopics {
			topics[topic] = true
		}
		for _, t := range s.RepartitionSourceTopics {
			if withRepartition {
				topics[t.Topic] = true
			}
		}
	}
	return topics
}

// tasksOf are the partitions that the active tasks of members read.
func (d *streamsGroup) tasksOf() ([]partition, error) {
	topics := make(map[string][]string)
	for _, s := range d.Topology.Subtopologies {
		topics[s.SubtopologyID] = slices.Clone(s.SourceTopics)
		for _, t := range s.RepartitionSourceTopics {
			topics[s.SubtopologyID] = append(topics[s.SubtopologyID], t.Topic)
		}
	}
	all := make(map[partition]bool)
	for _, m := range d.Members {
		for _, task := range m.Assignment.ActiveTasks {
			names, ok := topics[task.SubtopologyID]
			if !ok {
				return nil, tool.Illegal("Subtopology %s not found in group description!", task.SubtopologyID)
			}
			for _, name := range names {
				for _, index := range task.Partitions {
					all[partition{name, index}] = true
				}
			}
		}
	}
	return slices.SortedFunc(maps.Keys(all), comparePartitions), nil
}

// internals are the internal topics that the topology of a group names, and no others read.
func (d *streamsGroup) internals() []string {
	read := d.sources(false)
	var all []string
	add := func(topics []kmsg.TopicInfo) {
		var names []string
		for _, t := range topics {
			if !read[t.Topic] {
				names = append(names, t.Topic)
			}
		}
		all = append(all, tool.HashOrder(names)...)
	}
	for _, s := range d.Topology.Subtopologies {
		add(s.RepartitionSourceTopics)
		add(s.StateChangelogTopics)
	}
	return all
}

var foreignKeyTopic = regexp.MustCompile(`^.+-KTABLE-FK-JOIN-SUBSCRIPTION-(REGISTRATION|RESPONSE)-\d+-topic$`)

// internalOf tells whether a topic has such a name as Kafka Streams gives to those that it makes for an application.
func internalOf(application, topic string) bool {
	if !strings.HasPrefix(topic, application+"-") {
		return false
	}
	for _, end := range []string{"-changelog", "-repartition", "-subscription-registration-topic", "-subscription-response-topic"} {
		if strings.HasSuffix(topic, end) {
			return true
		}
	}
	return foreignKeyTopic.MatchString(topic)
}

// committedSources are the offsets of a group in topics that it reads.
func (g *streamsCall) committedSources(ctx context.Context, group string) (map[partition]committedOffset, error) {
	return g.committedIn(ctx, group, true)
}

func (g *streamsCall) committedIn(ctx context.Context, group string, withRepartition bool) (map[partition]committedOffset, error) {
	d, err := describeStreamsGroup(ctx, g.cluster, group, false)
	if err != nil {
		return nil, tool.Executed(tool.Executed(err))
	}
	offsets, err := committed(ctx, g.cluster, group)
	if err != nil {
		return nil, tool.Executed(tool.Executed(err))
	}
	read := d.sources(withRepartition)
	maps.DeleteFunc(offsets, func(p partition, _ committedOffset) bool { return !read[p.topic] })
	return offsets, nil
}
