package telemetry

import (
	"slices"
	"sync/atomic"
)

// Kind is the type of a metric in Prometheus' text format.
type Kind string

// The kinds.
const (
	Counter Kind = "counter"
	Gauge   Kind = "gauge"
	Summary Kind = "summary"
)

// Metric is one row of what /metrics shows. The reference page is made of these rows, and nothing is shown without one.
type Metric struct {
	Name   string
	Kind   Kind
	Labels []string
	Help   string
}

// Per topic; without the label topic, the sum over all topics, those without a series of their own included.
var (
	messagesIn = &Metric{"kafka_server_brokertopicmetrics_messagesin_total", Counter, []string{"topic"}, "Records that producers wrote."}
	bytesIn    = &Metric{"kafka_server_brokertopicmetrics_bytesin_total", Counter, []string{"topic"}, "Bytes of batches that producers wrote."}
	bytesOut   = &Metric{"kafka_server_brokertopicmetrics_bytesout_total", Counter, []string{"topic"}, "Bytes of batches that consumers fetched."}

	totalProduce = &Metric{"kafka_server_brokertopicmetrics_totalproducerequests_total", Counter, []string{"topic"},
		"Partitions of produce requests."}
	totalFetch    = &Metric{"kafka_server_brokertopicmetrics_totalfetchrequests_total", Counter, []string{"topic"}, "Partitions of fetch requests."}
	failedProduce = &Metric{"kafka_server_brokertopicmetrics_failedproducerequests_total", Counter, []string{"topic"},
		"Partitions of produce requests that failed."}
	failedFetch = &Metric{"kafka_server_brokertopicmetrics_failedfetchrequests_total", Counter, []string{"topic"},
		"Partitions of fetch requests that failed."}
	totalShareFetch = &Metric{"kafka_server_brokertopicmetrics_totalsharefetchrequests_total", Counter, []string{"topic"},
		"Partitions of fetches by members of share groups."}
	failedShareFetch = &Metric{"kafka_server_brokertopicmetrics_failedsharefetchrequests_total", Counter, []string{"topic"},
		"Partitions of fetches by members of share groups that failed."}
	totalShareAck = &Metric{"kafka_server_brokertopicmetrics_totalshareacknowledgementrequests_total", Counter, []string{"topic"},
		"Partitions of which members of share groups acknowledged records."}
	failedShareAck = &Metric{"kafka_server_brokertopicmetrics_failedshareacknowledgementrequests_total", Counter, []string{"topic"},
		"Partitions of which acknowledgements were refused."}
	topicsWithout = &Metric{"leat_telemetry_topics_without_series", Gauge, nil,
		"Topics that count in the sums only, because leat.metrics.topics.max others have series."}
)

// Per kind of request.
var (
	requests      = &Metric{"kafka_network_requestmetrics_requests_total", Counter, []string{"request", "version"}, "Requests answered."}
	requestErrors = &Metric{"kafka_network_requestmetrics_errors_total", Counter, []string{"request", "error"},
		"Error codes in answers, NONE included."}
	totalTime = &Metric{"kafka_network_requestmetrics_totaltimems", Summary, []string{"request"},
		"Milliseconds from the last byte of the request to the last byte of its answer."}
	localTime = &Metric{"kafka_network_requestmetrics_localtimems", Summary, []string{"request"},
		"Milliseconds until the request's handler returned."}
	remoteTime = &Metric{"kafka_network_requestmetrics_remotetimems", Summary, []string{"request"},
		"Milliseconds that an answer waited for others: replicas, the controller, new records."}
	sendTime = &Metric{"kafka_network_requestmetrics_responsesendtimems", Summary, []string{"request"},
		"Milliseconds that an answer waited for its turn on the connection and for the socket."}
)

// Per listener.
var (
	connectionCount = &Metric{"kafka_server_socket_server_metrics_connection_count", Gauge, []string{"listener"}, "Open connections."}
	refused         = &Metric{"leat_listener_connections_refused_total", Counter, nil, "Connections closed at once, because their address had too many."}
	panics          = &Metric{"leat_listener_handler_panics_total", Counter, nil, "Requests whose handler failed by a bug."}
)

// listenerCounters joins a row to its counter.
var listenerCounters = []struct {
	*Metric
	value func(*ListenerCounters) *atomic.Int64
}{
	{ofListener("connection_creation_total", "Connections accepted."), func(c *ListenerCounters) *atomic.Int64 { return &c.opened }},
	{ofListener("connection_close_total", "Connections closed."), func(c *ListenerCounters) *atomic.Int64 { return &c.closed }},
	{ofListener("successful_authentication_total", "Connections whose clients authenticated, by certificate or SASL."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.authenticated }},
	{ofListener("failed_authentication_total", "Connections whose clients did not get in: TLS handshake or SASL failed."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.notAuthenticated }},
	{ofListener("successful_reauthentication_total", "Authentications of clients that were known before."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.again }},
	{ofListener("failed_reauthentication_total", "Failed authentications of clients that were known before."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.failAgain }},
	{ofListener("expired_connections_killed_count", "Connections closed because their session was over and the client did not authenticate again."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.expired }},
	{ofListener("connection_accept_throttle_time", "Milliseconds in which no connection was accepted, because they began too fast (max.connection.creation.rate)."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.delayed }},
	{ofListener("ip_connection_accept_throttle_time", "Milliseconds for which connections were kept and then closed, because their addresses began too many (connection_creation_rate)."),
		func(c *ListenerCounters) *atomic.Int64 { return &c.turnedAway }},
}

func ofListener(name, help string) *Metric {
	return &Metric{"kafka_server_socket_server_metrics_" + name, Counter, []string{"listener"}, help}
}

// Decisions of the authorizer; Kafka's names, where it has rates.
var (
	authorizations = &Metric{"kafka_server_authorizer_metrics_authorization_request_total", Counter, nil, "Decisions about what principals may do; none without an authorizer."}
	authAllowed    = &Metric{"kafka_server_authorizer_metrics_authorization_allowed_total", Counter, nil, "Decisions that allowed something."}
	authDenied     = &Metric{"kafka_server_authorizer_metrics_authorization_denied_total", Counter, nil, "Decisions that denied something, those of filters included."}
)

// Per partition of this node.
var partitionMetrics = []struct {
	*Metric
	value func(*Partition) int64
}{
	{&Metric{"kafka_log_log_size", Gauge, []string{"topic", "partition"}, "Bytes of the log."}, func(p *Partition) int64 { return p.Size }},
	{&Metric{"kafka_log_log_logstartoffset", Gauge, []string{"topic", "partition"}, "Log start offset."}, func(p *Partition) int64 { return p.LogStart }},
	{&Metric{"kafka_log_log_logendoffset", Gauge, []string{"topic", "partition"}, "Log end offset."}, func(p *Partition) int64 { return p.LogEnd }},
	{&Metric{"kafka_log_log_numlogsegments", Gauge, []string{"topic", "partition"}, "Segments of the log."}, func(p *Partition) int64 { return int64(p.Segments) }},
	{&Metric{"kafka_cluster_partition_underreplicated", Gauge, []string{"topic", "partition"},
		"1 if this node leads the partition and not all replicas are in sync."}, func(p *Partition) int64 { return flag(p.Leads && p.InSync < p.Replicas) }},
	{&Metric{"kafka_cluster_partition_underminisr", Gauge, []string{"topic", "partition"},
		"1 if this node leads the partition and fewer replicas than min.insync.replicas are in sync."}, func(p *Partition) int64 { return flag(p.Leads && p.InSync < p.MinISR) }},
	{&Metric{"kafka_cluster_partition_atminisr", Gauge, []string{"topic", "partition"},
		"1 if this node leads the partition and just min.insync.replicas are in sync."}, func(p *Partition) int64 { return flag(p.Leads && p.InSync == p.MinISR) }},
}

func flag(set bool) int64 {
	if set {
		return 1
	}
	return 0
}

// Node gauges: one value for the whole node. The value comes from NodeStats.
var nodeGauges = []struct {
	*Metric
	value func(*NodeStats) int
}{
	{&Metric{"kafka_server_kafkaserver_brokerstate", Gauge, nil, "1 starting, 2 recovery, 3 running, 6 shutting down."}, func(s *NodeStats) int { return s.BrokerState }},
	{&Metric{"kafka_server_replicamanager_partitioncount", Gauge, nil, "Partitions on this node."}, func(s *NodeStats) int { return s.Partitions }},
	{&Metric{"kafka_server_replicamanager_leadercount", Gauge, nil, "Partitions that this node leads."}, func(s *NodeStats) int { return s.Leaders }},
	{&Metric{"kafka_server_replicamanager_underreplicatedpartitions", Gauge, nil,
		"Partitions led by this node whose replicas are not all in sync."}, func(s *NodeStats) int { return s.UnderReplicated }},
	{&Metric{"kafka_server_replicamanager_underminisrpartitioncount", Gauge, nil,
		"Partitions led by this node with fewer in-sync replicas than min.insync.replicas."}, func(s *NodeStats) int { return s.UnderMinISR }},
	{&Metric{"kafka_server_replicamanager_atminisrpartitioncount", Gauge, nil,
		"Partitions led by this node with just min.insync.replicas in-sync replicas."}, func(s *NodeStats) int { return s.AtMinISR }},
	{&Metric{"kafka_server_replicamanager_offlinereplicacount", Gauge, nil, "Replicas of this node on failed directories."}, func(s *NodeStats) int { return s.OfflineReplicas }},
	{&Metric{"kafka_server_replicamanager_isrshrinks_total", Counter, nil, "Times that this node as leader had a replica taken out of an in-sync set."}, func(s *NodeStats) int { return s.Shrinks }},
	{&Metric{"kafka_server_replicamanager_isrexpands_total", Counter, nil, "Times that this node as leader had a replica taken into an in-sync set."}, func(s *NodeStats) int { return s.Expands }},
	{&Metric{"kafka_server_replicamanager_failedisrupdates_total", Counter, nil, "Changes of in-sync sets that the controller refused."}, func(s *NodeStats) int { return s.FailedISRUpdates }},
	{&Metric{"kafka_server_replicafetchermanager_maxlag", Gauge, nil,
		"The most records that a partition followed here lacks of what its leader has committed."}, func(s *NodeStats) int { return s.MaxLag }},
	{&Metric{"kafka_server_replicafetchermanager_minfetchrate", Gauge, nil, "Requests a second of the slowest fetcher of this node."}, func(s *NodeStats) int { return s.MinFetchRate }},
	{&Metric{"kafka_server_replicafetchermanager_failedpartitionscount", Gauge, nil,
		"Partitions followed here that could not be copied several times in a row."}, func(s *NodeStats) int { return s.FailedPartitions }},
	{&Metric{"kafka_server_brokertopicmetrics_replicationbytesin_total", Counter, nil, "Bytes of batches that this node copied from leaders."}, func(s *NodeStats) int { return s.BytesIn }},
	{&Metric{"kafka_server_brokertopicmetrics_replicationbytesout_total", Counter, nil, "Bytes of batches that this node sent to followers."}, func(s *NodeStats) int { return s.BytesOut }},
	{&Metric{"kafka_server_replicamanager_produceridcount", Gauge, nil, "Producers that the logs of this node remember."}, func(s *NodeStats) int { return s.Producers }},
	{&Metric{"kafka_server_replicamanager_partitionswithlatetransactionscount", Gauge, nil,
		"Partitions led by this node with a transaction that is open for 5 minutes longer than transaction.max.timeout.ms allows: it hangs."},
		func(s *NodeStats) int { return s.LateTransactions }},
	{&Metric{"kafka_log_logmanager_offlinelogdirectorycount", Gauge, nil, "Data directories that failed."}, func(s *NodeStats) int { return s.OfflineDirs }},
	{&Metric{"kafka_controller_kafkacontroller_activecontrollercount", Gauge, nil, "1 on the active controller, else 0."}, func(s *NodeStats) int { return s.ActiveController }},
	{&Metric{"kafka_controller_kafkacontroller_globaltopiccount", Gauge, nil, "Topics of the cluster."}, func(s *NodeStats) int { return s.Topics }},
	{&Metric{"kafka_controller_kafkacontroller_globalpartitioncount", Gauge, nil, "Partitions of the cluster."}, func(s *NodeStats) int { return s.GlobalPartitions }},
	{&Metric{"kafka_controller_kafkacontroller_offlinepartitionscount", Gauge, nil, "Partitions of the cluster without a leader."}, func(s *NodeStats) int { return s.OfflinePartitions }},
	{&Metric{"kafka_controller_kafkacontroller_activebrokercount", Gauge, nil, "Brokers that are registered and not fenced."}, func(s *NodeStats) int { return s.ActiveBrokers }},
	{&Metric{"kafka_controller_kafkacontroller_fencedbrokercount", Gauge, nil, "Brokers that are registered and fenced."}, func(s *NodeStats) int { return s.FencedBrokers }},
}

// Metrics lists the rows of everything but the Go runtime's and the process's own metrics, in the order of /metrics.
func Metrics() []Metric {
	var all []Metric
	for _, g := range slices.Concat(nodeGauges, controllerGauges) {
		all = append(all, *g.Metric)
	}
	all = append(all, storageRows()...)
	for _, m := range topicCounters {
		all = append(all, *m.Metric)
	}
	all = append(all, *topicsWithout, *requests, *requestErrors, *totalTime, *localTime, *remoteTime, *sendTime, *connectionCount)
	for _, m := range listenerCounters {
		all = append(all, *m.Metric)
	}
	all = append(all, *refused, *panics, *authorizations, *authAllowed, *authDenied)
	all = append(all, coordinatorRows()...)
	all = append(all, groupRows()...)
	all = append(all, sharingRows()...)
	all = append(all, transactionRows()...)
	all = append(all, auditRows()...)
	all = append(all, quotaRows()...)
	for _, m := range partitionMetrics {
		all = append(all, *m.Metric)
	}
	return all
}
