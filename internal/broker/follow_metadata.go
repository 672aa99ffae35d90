package broker

import (
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetchMetadataLog answers a node that follows the metadata log. On controller listeners there is no other log.
func (h *Handlers) fetchMetadataLog(c *Call) {
	rq := c.Body.(*kmsg.FetchRequest)
	if !h.ownCluster(rq.ClusterID) {
		resp := kmsg.NewPtrFetchResponse()
		resp.ErrorCode = kerr.InconsistentClusterID.Code
		c.Respond(resp)
		return
	}
	c.Respond(h.MetadataLog.Fetch(c.Gone, rq))
}

// fetchSnapshot answers with a piece of a checkpoint of the metadata log.
func (h *Handlers) fetchSnapshot(c *Call) {
	rq := c.Body.(*kmsg.FetchSnapshotRequest)
	if !h.ownCluster(rq.ClusterID) {
		resp := kmsg.NewPtrFetchSnapshotResponse()
		resp.ErrorCode = kerr.InconsistentClusterID.Code
		c.Respond(resp)
		return
	}
	if h.MetadataLog == nil {
		resp := kmsg.NewPtrFetchSnapshotResponse()
		resp.ErrorCode = kerr.NotLeaderForPartition.Code
		c.Respond(resp)
		return
	}
	c.Respond(h.MetadataLog.FetchSnapshot(rq))
}

// ownCluster reports whether a node that names its cluster belongs to this one.
func (h *Handlers) ownCluster(id *string) bool { return id == nil || *id == h.ClusterID }
