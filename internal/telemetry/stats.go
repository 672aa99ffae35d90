package telemetry

// NodeStats are numbers about the whole node and, on the active controller, the cluster, at one moment.
type NodeStats struct {
	BrokerState                                                               int
	Partitions, Leaders, UnderReplicated, UnderMinISR, AtMinISR               int
	OfflineReplicas, OfflineDirs, Producers, LateTransactions                 int
	BytesIn, BytesOut, Shrinks, Expands, FailedISRUpdates, MaxLag             int // of replication
	MinFetchRate, FailedPartitions                                            int
	ActiveController                                                          int
	Topics, GlobalPartitions, OfflinePartitions, ActiveBrokers, FencedBrokers int
	FetchSessions, SessionEvictions                                           int
	WaitingFetches, WaitingProduces                                           int
	Controller                                                                ControllerStats
}

// Count fills the numbers of NodeStats that follow from the partitions of this node.
func (s *NodeStats) Count(partitions Partitions) {
	for p := range partitions {
		s.Partitions++
		s.Producers += p.Producers
		if !p.Leads {
			continue
		}
		s.Leaders++
		s.UnderReplicated += int(flag(p.InSync < p.Replicas))
		s.UnderMinISR += int(flag(p.InSync < p.MinISR))
		s.AtMinISR += int(flag(p.InSync == p.MinISR))
		s.LateTransactions += int(flag(p.LateTransaction))
	}
}
