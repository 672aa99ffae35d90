package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
	"leat/internal/replication"
)

// replicaFetch answers another broker that copies partitions led here, and reports whether the request is one of those. Sessions of followers are not
// those of consumers: they live in package replication, where a partition to which nothing happens costs nothing.
func (h *Handlers) replicaFetch(c *Call) bool {
	if c.Conn.Control && h.MetadataLog != nil {
		go h.run(route{handle: (*Handlers).fetchMetadataLog}, c)
		return true
	}
	rq, ok := replication.ReadReplicaFetch(c.Body.(*kmsg.FetchRequest))
	if !ok {
		return false
	}
	rq.MinBytes = max(0, min(rq.MinBytes, rq.MaxBytes))
	c.FreeBody()
	c.Request.Prompt = true // there are as many followers as replicas, and all wait for them
	h.Replicas.FetchReplica(rq, func(a *replication.ReplicaAnswer) {
		c.Reply(a.Encode(c.Header, func(err error) int16 { return h.replicaCode(c, err) }, nil))
	})
	return true
}

// replicaCode is the code that a follower is told, counted in the metrics.
func (h *Handlers) replicaCode(c *Call, err error) int16 {
	code := h.partitionCode(err, record.TopicPartition{})
	if code == kerr.UnknownTopicID.Code && c.Header.Version < fetchByID {
		code = kerr.UnknownTopicOrPartition.Code
	}
	h.Metrics.Error(keyFetch, code)
	return code
}
