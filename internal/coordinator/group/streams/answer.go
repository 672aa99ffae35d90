package streams

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// clientTagsVersion is the first version of the heartbeat whose members know the status of missing client tags.
const clientTagsVersion = 1

// answer tells the member where it stands. Tasks and endpoints are left out while they are as the member knows them.
func (b *beat) answer() *Answer {
	m, l := b.after, b.l
	resp := b.rq.ResponseKind().(*kmsg.StreamsGroupHeartbeatResponse)
	resp.MemberID, resp.MemberEpoch = m.ID, m.Epoch
	resp.HeartbeatIntervalMillis = int32(b.s.HeartbeatInterval.Milliseconds())
	resp.TaskOffsetIntervalMillis = int32(b.s.TaskOffsetInterval.Milliseconds())
	resp.AcceptableRecoveryLag = b.s.AcceptableRecoveryLag
	moved := !b.before.Assigned.equal(m.Assigned)
	if b.joins || moved {
		resp.ActiveTasks, resp.StandbyTasks, resp.WarmupTasks = m.Assigned[Active].grouped(), m.Assigned[Standby].grouped(), m.Assigned[Warmup].grouped()
	}
	if !same(b.before.Endpoint, m.Endpoint) || moved && m.Endpoint != nil {
		l.endpoints++
	}
	if l.endpoints != b.rq.EndpointInformationEpoch {
		resp.PartitionsByUserEndpoint = b.partitionsByEndpoint()
	}
	if b.isNew {
		l.endpoints = 0 // the count begins with the stored group
	}
	resp.EndpointInformationEpoch = l.endpoints
	out := &Answer{StreamsGroupHeartbeatResponse: resp}
	if !b.conf.ready() {
		b.tell(b.conf.problem, b.conf.detail)
		for i := range b.conf.create {
			out.Create = append(out.Create, b.conf.create[i].creatable())
		}
	}
	if l.shutdown != "" {
		b.tell(statusShutdownApplication, fmt.Sprintf(
			"Streams group member %s encountered a fatal error and requested a shutdown for the entire application.", l.shutdown))
	}
	if missing := b.missingTags(); len(missing) > 0 {
		b.tell(statusMissingClientTags, fmt.Sprintf(
			"Missing required client tags for rack-aware standby assignment: [%s]. Configure them via 'client.tag.<tagKey>' in your Streams config.",
			strings.Join(missing, ", ")))
	}
	resp.Status = b.status
	return out
}

// missingTags lists the client tags that the group's configs ask for and the member does not have.
func (b *beat) missingTags() (missing []string) {
	if b.rq.Version < clientTagsVersion {
		return nil
	}
	for _, tag := range b.s.RackAwareTags {
		if !slices.ContainsFunc(b.after.ClientTags, func(p Pair) bool { return p.Key == tag }) {
			missing = append(missing, tag)
		}
	}
	return missing
}

// partitionsByEndpoint says for each process that answers queries which partitions it has state of.
func (b *beat) partitionsByEndpoint() []kmsg.StreamsGroupHeartbeatResponsePartitionsByUserEndpoint {
	all := []kmsg.StreamsGroupHeartbeatResponsePartitionsByUserEndpoint{}
	members := append(slices.DeleteFunc(b.g.sortedMembers(), func(m *member) bool {
		return m.ID == b.after.ID || b.replaced != nil && m.ID == b.replaced.ID
	}), b.after)
	for _, m := range members {
		if m.Endpoint == nil {
			continue
		}
		e := kmsg.NewStreamsGroupHeartbeatResponsePartitionsByUserEndpoint()
		e.UserEndpoint.Host, e.UserEndpoint.Port = m.Endpoint.Host, m.Endpoint.Port
		for _, t := range b.partitionsOf(m.Assigned[Active]) {
			p := kmsg.NewStreamsGroupHeartbeatResponsePartitionsByUserEndpointActivePartition()
			p.Topic, p.Partitions = t.topic, t.partitions
			e.ActivePartitions = append(e.ActivePartitions, p)
		}
		replicas := maps.Clone(m.Assigned[Standby])
		if replicas == nil {
			replicas = make(Tasks)
		}
		maps.Copy(replicas, m.Assigned[Warmup])
		for _, t := range b.partitionsOf(replicas) {
			p := kmsg.NewStreamsGroupHeartbeatResponsePartitionsByUserEndpointStandbyPartition()
			p.Topic, p.Partitions = t.topic, t.partitions
			e.StandbyPartitions = append(e.StandbyPartitions, p)
		}
		all = append(all, e)
	}
	return all
}

type partitions struct {
	topic      string
	partitions []int32
}

// partitionsOf lists the partitions that tasks read, of topics that exist.
func (b *beat) partitionsOf(tasks Tasks) (all []partitions) {
	groups := tasks.grouped()
	for i := range groups {
		s := b.conf.subtopologies[groups[i].SubtopologyID]
		if s == nil {
			continue
		}
		for _, topic := range s.source.sources() {
			t, ok := b.d.Image().Topic(topic)
			if !ok {
				continue
			}
			var in []int32
			for _, p := range groups[i].Partitions {
				if int(p) < len(t.Partitions) {
					in = append(in, p)
				}
			}
			if len(in) > 0 {
				all = append(all, partitions{topic, in})
			}
		}
	}
	return all
}
