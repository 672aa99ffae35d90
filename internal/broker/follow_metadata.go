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
	resp := h.MetadataLog.Fetch(c.Gone, rq)
	if leader, ok := fetchedFrom(resp); ok && rq.Version >= 17 {
		if at, known := h.controllerEndpoint(h.Image(), leader, c.Conn.Listener); known {
			resp.Brokers = []kmsg.FetchResponseBroker{{NodeID: leader, Host: at.Host, Port: int32(at.Port)}}
		}
	}
	c.Respond(resp)
}

// fetchedFrom is who leads the metadata log, as an answer tells.
func fetchedFrom(resp *kmsg.FetchResponse) (int32, bool) {
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return 0, false
	}
	leader := resp.Topics[0].Partitions[0].CurrentLeader.LeaderID
	return leader, leader >= 0
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
	resp := h.MetadataLog.FetchSnapshot(rq)
	if rq.Version >= 1 && len(resp.Topics) == 1 && len(resp.Topics[0].Partitions) == 1 {
		leader := resp.Topics[0].Partitions[0].CurrentLeader.LeaderID
		if at, known := h.controllerEndpoint(c.Image, leader, c.Conn.Listener); known {
			resp.NodeEndpoints = []kmsg.FetchSnapshotResponseNodeEndpoint{{NodeID: leader, Host: at.Host, Port: at.Port}}
		}
	}
	c.Respond(resp)
}

// ownCluster reports whether a node that names its cluster belongs to this one.
func (h *Handlers) ownCluster(id *string) bool { return id == nil || *id == h.ClusterID }
