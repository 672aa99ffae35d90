package telemetry

// ControllerStats are numbers about the cluster and its controllers that every node has, or that the controller of this node counted.
type ControllerStats struct {
	Leaving, Unpreferred, MetadataErrors   int
	LastApplied, LastCommitted, AppliedAt  int
	Lag, NewActive, TimedOut               int
	UncleanElections, ElectionsOfEligibles int
}

// Controller gauges stand beside those of the node.
var controllerGauges = []struct {
	*Metric
	value func(*NodeStats) int
}{
	{&Metric{"kafka_controller_kafkacontroller_controlledshutdownbrokercount", Gauge, nil, "Brokers that are on their way out."}, func(s *NodeStats) int { return s.Controller.Leaving }},
	{&Metric{"kafka_controller_kafkacontroller_preferredreplicaimbalancecount", Gauge, nil,
		"Partitions of the cluster that are not led by their first replica."}, func(s *NodeStats) int { return s.Controller.Unpreferred }},
	{&Metric{"kafka_controller_kafkacontroller_metadataerrorcount", Gauge, nil,
		"Images of the metadata that this node could not follow in every part."}, func(s *NodeStats) int { return s.Controller.MetadataErrors }},
	{&Metric{"kafka_controller_kafkacontroller_lastappliedrecordoffset", Gauge, nil,
		"Offset of the last record of the metadata log that this node has taken in."}, func(s *NodeStats) int { return s.Controller.LastApplied }},
	{&Metric{"kafka_controller_kafkacontroller_lastcommittedrecordoffset", Gauge, nil,
		"Offset of the last record of the metadata log that this node knows to be committed."}, func(s *NodeStats) int { return s.Controller.LastCommitted }},
	{&Metric{"kafka_controller_kafkacontroller_lastappliedrecordtimestamp", Gauge, nil,
		"When the last record was written that this node has taken in, in milliseconds since 1970."}, func(s *NodeStats) int { return s.Controller.AppliedAt }},
	{&Metric{"kafka_controller_kafkacontroller_lastappliedrecordlagms", Gauge, nil,
		"Milliseconds since the last record was written that this node has taken in; 0 on the active controller."}, func(s *NodeStats) int { return s.Controller.Lag }},
	{&Metric{"kafka_controller_kafkacontroller_newactivecontrollerscount", Gauge, nil, "Times that this controller heard of a new active one."}, func(s *NodeStats) int { return s.Controller.NewActive }},
	{&Metric{"kafka_controller_kafkacontroller_timedoutbrokerheartbeatcount", Gauge, nil,
		"Brokers that this controller fenced because their session ended."}, func(s *NodeStats) int { return s.Controller.TimedOut }},
	{&Metric{"kafka_controller_controllerstats_uncleanleaderelections_total", Counter, nil,
		"Leaders elected by this controller that may lack records."}, func(s *NodeStats) int { return s.Controller.UncleanElections }},
	{&Metric{"kafka_controller_controllerstats_electionfromeligibleleaderreplicas_total", Counter, nil,
		"Leaders elected by this controller that were eligible without being in sync."}, func(s *NodeStats) int { return s.Controller.ElectionsOfEligibles }},
}
