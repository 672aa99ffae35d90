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
	queueTime = &Metric{"kafka_network_requestmetrics_requestqueuetimems", Summary, []string{"request"},
		"Milliseconds from the last byte of the request until its handler began. There is no queue: answers that are ready may be written first."}
	turnTime = &Metric{"kafka_network_requestmetrics_responsequeuetimems", Summary, []string{"request"},
		"Milliseconds that an answer waited for its turn, behind those to earlier requests of its connection."}
	sendTime     = &Metric{"kafka_network_requestmetrics_responsesendtimems", Summary, []string{"request"}, "Milliseconds until the socket had taken the answer."}
	throttleTime = &Metric{"kafka_network_requestmetrics_throttletimems", Summary, []string{"request"},
		"Milliseconds for which requests over a quota kept the next request of their connection waiting."}

	requestQueue  = &Metric{"kafka_network_requestchannel_requestqueuesize", Gauge, nil, "Requests that wait for a handler: none ever, each connection handles its own."}
	responseQueue = &Metric{"kafka_network_requestchannel_responsequeuesize", Gauge, nil, "Answers that wait for their turn on their connections."}
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
	{&Metric{"kafka_server_fetchsessioncache_numincrementalfetchsessions", Gauge, nil, "Fetch sessions that are kept."}, func(s *NodeStats) int { return s.FetchSessions }},
	{&Metric{"kafka_server_fetchsessioncache_incrementalfetchsessionevictions_total", Counter, nil, "Fetch sessions dropped for another, because too many were kept."},
		func(s *NodeStats) int { return s.SessionEvictions }},
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
	all = append(all, *purgatory)
	all = append(all, eventRows()...)
	all = append(all, storageRows()...)
	for _, m := range topicCounters {
		all = append(all, *m.Metric)
	}
	all = append(all, *topicsWithout, *requests, *requestErrors)
	for _, part := range requestTimes {
		all = append(all, *part.Metric, part.countAlone())
	}
	all = append(all, *requestQueue, *responseQueue, *connectionCount, *softwareConnections, *acceptorBlocked)
	for _, r := range connectionRates {
		all = append(all, *r.Metric)
	}
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
	all = append(all, raftRows()...)
	all = append(all, processorRows()...)
	all = append(all, certificateRows()...)
	all = append(all, clientRows()...)
	return append(all, partitionRows()...)
}
