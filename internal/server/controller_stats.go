package server

import (
	"sync/atomic"
	"time"

	"leat/internal/controller"
	"leat/internal/metadata"
	"leat/internal/telemetry"
)

// controllerCounts are what the controller of this node did since the start.
type controllerCounts struct {
	newActive, timedOut, unclean, eligible, metadataErrors atomic.Int64
}

// count counts what the controller decided.
func (c *controllerCounts) count(notice controller.Notice) {
	if notice.Expired {
		c.timedOut.Add(1)
	}
	c.unclean.Add(int64(notice.Unclean))
	c.eligible.Add(int64(notice.Eligible))
}

// clusterStats fills in what the image and the counts tell of the cluster.
func (n *node) clusterStats(s *telemetry.NodeStats, im *metadata.Image) {
	for _, b := range im.Brokers() {
		switch {
		case b.Fenced:
			s.FencedBrokers++
			continue
		case b.InControlledShutdown:
			s.Controller.Leaving++
		}
		s.ActiveBrokers++
	}
	s.Topics, s.GlobalPartitions = im.TopicCount(), im.PartitionCount()
	for t := range im.Topics("") {
		for _, p := range t.Partitions {
			switch {
			case p.Leader < 0:
				s.OfflinePartitions++
				s.Controller.Unpreferred++
			case len(p.Replicas) > 0 && p.Leader != p.Replicas[0]:
				s.Controller.Unpreferred++
			}
		}
	}
	c := &s.Controller
	c.LastApplied, c.LastCommitted, c.AppliedAt = int(im.Offset), int(im.Offset), int(im.Timestamp)
	if n.quorum != nil {
		c.LastCommitted = int(n.quorum.Log().Offsets().HighWatermark) - 1
	}
	if s.ActiveController == 0 && im.Timestamp > 0 {
		c.Lag = max(0, int(time.Now().UnixMilli()-im.Timestamp))
	}
	c.NewActive, c.TimedOut, c.MetadataErrors = int(n.counts.newActive.Load()), int(n.counts.timedOut.Load()), int(n.counts.metadataErrors.Load())
	c.UncleanElections, c.ElectionsOfEligibles = int(n.counts.unclean.Load()), int(n.counts.eligible.Load())
}
