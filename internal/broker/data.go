package broker

import (
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/replication"
	"leat/internal/wire"
)

// dataRoutes are the APIs that read and write partitions. Produce and Fetch run on the connection's reader: a produce request is appended before the next one of
// the connection is read, which keeps their order, and a fetch that has to wait leaves only an entry in the lists of its partitions.
var dataRoutes = []route{
	{key: 0, handle: (*Handlers).produce},
	{key: 1, handle: (*Handlers).fetch},
	{key: 2, handle: (*Handlers).listOffsets, waits: true},
	{key: 21, handle: (*Handlers).deleteRecords, waits: true},
	{key: 23, handle: (*Handlers).offsetForLeaderEpoch},
	{key: 34, handle: (*Handlers).alterReplicaLogDirs, waits: true},
	{key: 35, handle: (*Handlers).describeLogDirs, waits: true},
	{key: 61, handle: (*Handlers).describeProducers, waits: true},
}

// open makes what the handlers of this file's APIs keep between requests.
func (h *Handlers) open() {
	h.sessions = newFetchSessions(h.sessionSlots)
	h.producerIDs = newProducerIDs()
	h.topicsForStreams = newTopicsForStreams()
	h.openMeters()
}

// exists reports whether an image has the partition.
func exists(im *metadata.Image, tp record.TopicPartition) bool {
	topic, ok := im.Topic(tp.Topic)
	return ok && tp.Partition >= 0 && int(tp.Partition) < len(topic.Partitions)
}

// leaderHint is who leads a partition, told to clients that asked the wrong node or with an old epoch (KIP-951); -1: unknown. Leaders may have changed while the
// request waited, and the replicas of this node follow an image before handlers see it: what a replica knows may be newer, and that this node leads without one is old.
func (h *Handlers) leaderHint(tp record.TopicPartition) (leader, epoch int32) {
	im := h.Image()
	if !exists(im, tp) {
		return -1, -1
	}
	topic, _ := im.Topic(tp.Topic)
	p := topic.Partitions[tp.Partition]
	leader, epoch = p.Leader, p.LeaderEpoch
	var known replication.Status
	if replica, err := h.Replicas.Replica(tp); err == nil {
		known = replica.Status()
	}
	switch {
	case known.LeaderEpoch > epoch:
		return known.Leader, known.LeaderEpoch
	case leader == h.NodeID && (!known.Leads || known.Err != nil):
		return -1, -1
	}
	return leader, epoch
}

// addNode appends the endpoint of a leader that was told to the client, if it is not there yet.
func (h *Handlers) addNode(c *Call, nodes []wire.NodeEndpoint, id int32) []wire.NodeEndpoint {
	for i := range nodes {
		if nodes[i].NodeID == id {
			return nodes
		}
	}
	b, ok := h.Image().Broker(id)
	if !ok {
		return nodes
	}
	ep, ok := h.endpoint(c, b)
	if !ok {
		return nodes
	}
	return append(nodes, wire.NodeEndpoint{NodeID: id, Host: ep.Host, Port: int32(ep.Port), Rack: textOrNil(b.Rack)})
}
