package broker

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/security"
	"leat/internal/wire"
)

// dataGuards are of requests about logs on this node.
var dataGuards = map[int16]guard{
	34: (*Handlers).guardAlterReplicaLogDirs,
	35: (*Handlers).guardDescribeLogDirs,
}

// guardAlterReplicaLogDirs refuses each partition: the answer has no code of its own.
func (h *Handlers) guardAlterReplicaLogDirs(c *Call) bool {
	if h.mayCluster(c, security.OpAlter) {
		return true
	}
	c.Respond(refuseDirs(c.Body.(*kmsg.AlterReplicaLogDirsRequest)))
	return false
}

// refuseDirs refuses each partition.
func refuseDirs(rq *kmsg.AlterReplicaLogDirsRequest) kmsg.Response {
	resp := kmsg.NewPtrAlterReplicaLogDirsResponse()
	for _, d := range rq.Dirs {
		for _, t := range d.Topics {
			i := slices.IndexFunc(resp.Topics, func(rt kmsg.AlterReplicaLogDirsResponseTopic) bool { return rt.Topic == t.Topic })
			if i < 0 {
				i = len(resp.Topics)
				rt := kmsg.NewAlterReplicaLogDirsResponseTopic()
				rt.Topic = t.Topic
				resp.Topics = append(resp.Topics, rt)
			}
			for _, p := range t.Partitions {
				rp := kmsg.NewAlterReplicaLogDirsResponseTopicPartition()
				rp.Partition, rp.ErrorCode = p, kerr.ClusterAuthorizationFailed.Code
				resp.Topics[i].Partitions = append(resp.Topics[i].Partitions, rp)
			}
		}
	}
	return resp
}

// guardDescribeLogDirs tells nothing; versions below 3 cannot even say why.
func (h *Handlers) guardDescribeLogDirs(c *Call) bool {
	if h.mayCluster(c, security.OpDescribe) {
		return true
	}
	resp := kmsg.NewPtrDescribeLogDirsResponse()
	resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
	c.Respond(resp)
	return false
}

// authorize looks which partitions of a produce request may be written, and reports whether the request goes on. Topics that come one after the other
// cost one decision.
func (p *produceCall) authorize() bool {
	if id := p.rq.TransactionalID; p.transactional() && (id == nil || !p.h.may(p.c, security.OpWrite, security.TransactionalIDResource, *id)) {
		p.refuseAll(kerr.TransactionalIDAuthorizationFailed, "")
		return false
	}
	last, lastID, denied, first := "", record.UUID{}, false, true
	for part := range p.rq.Partitions {
		if first || part.Topic != last || part.TopicID != lastID {
			last, lastID, first = part.Topic, part.TopicID, false
			name, known := p.topicName(part)
			denied = known && !p.h.may(p.c, security.OpWrite, security.TopicResource, name)
		}
		p.denied = append(p.denied, denied)
	}
	return true
}

// topicName is the name of a partition's topic, if an id that stands for it is known.
func (p *produceCall) topicName(part wire.ProducePartition) (string, bool) {
	if p.c.Header.Version < 13 {
		return p.c.innerTopic(part.Topic), true
	}
	topic, ok := p.c.topicByID(part.TopicID)
	if !ok {
		return "", false
	}
	return topic.Name, true
}

// transactional reports whether any batch is of a transaction.
func (p *produceCall) transactional() bool {
	for part := range p.rq.Partitions {
		if batch, _, err := record.Split(part.Records); err == nil && batch.Transactional() {
			return true
		}
	}
	return false
}

// mayNot reports whether a partition of the request was refused.
func (p *produceCall) mayNot(index int) bool { return index < len(p.denied) && p.denied[index] }

// authorize looks which partitions of a fetch may be read. Topics that come one after the other cost one decision.
func (f *fetchCall) authorize() {
	var denied bool
	for i := range f.parts {
		p := &f.parts[i]
		if i == 0 || p.key.topic != f.parts[i-1].key.topic || p.key.topicID != f.parts[i-1].key.topicID {
			name := f.c.innerTopic(p.key.topic)
			switch {
			case p.topic != nil:
				name = p.topic.Name
			case p.name != "":
				name = p.name
			}
			denied = !f.unknownID(p) && !f.h.may(f.c, security.OpRead, security.TopicResource, name)
		}
		p.denied = denied
	}
}

// nodesFetch reports whether a fetch of a node may go on; it answers it if not. On controller listeners all fetches are of nodes.
func (h *Handlers) nodesFetch(c *Call) bool {
	rq := c.Body.(*kmsg.FetchRequest)
	follower := rq.ReplicaID >= 0
	if rq.Version >= 15 {
		follower = rq.ReplicaState.ID >= 0
	}
	if h.Authorizer == nil || !c.Conn.Control && !follower || h.mayCluster(c, security.OpClusterAction) {
		return true
	}
	if c.Conn.Control {
		c.Respond(refuseTop(rq, kerr.ClusterAuthorizationFailed))
		return false
	}
	c.Respond(refuseFetch(rq))
	return false
}

// refuseFetch refuses a fetch of somebody who says to be a node.
func refuseFetch(rq *kmsg.FetchRequest) kmsg.Response {
	resp := kmsg.NewPtrFetchResponse()
	for _, t := range rq.Topics {
		rt := kmsg.NewFetchResponseTopic()
		rt.Topic, rt.TopicID = t.Topic, t.TopicID
		for _, p := range t.Partitions {
			rp := kmsg.NewFetchResponseTopicPartition()
			rp.Partition, rp.ErrorCode, rp.HighWatermark, rp.LastStableOffset, rp.LogStartOffset = p.Partition, kerr.TopicAuthorizationFailed.Code, -1, -1, -1
			rt.Partitions = append(rt.Partitions, rp)
		}
		resp.Topics = append(resp.Topics, rt)
	}
	return resp
}
