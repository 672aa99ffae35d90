package main

// cluster of a size, with everything spread evenly.
type size struct {
	brokers, partitions, replicas int
	connections                   int // of clients, to each broker
}

// What is taken from other measurements: docs/explanation/performance.md and tls-performance.md.
const (
	connectionBytes = 34.0e6 / 5000  // 5,000 idle connections
	openSeconds     = 4.38 / 100_000 // start after a clean stop, for each log
	electSeconds    = 2.5 / 100_000  // 2 to 3 s for 100,000 leaders, docs/explanation/replication.md
	replicaBytes    = 2*4 + 16.0     // of a record of the metadata log, for each further replica: in two lists, and with its directory's id
	listedBytes     = 30 + 2*4*3.0   // of an answer that lists all metadata, for a partition of three replicas
	fetchesASecond  = 2.0            // an idle follower's, to each leader: replica.fetch.wait.max.ms
	megabyte        = 1e6
	mostPairs       = 380 // that were measured
)

// need is what a cluster of a size needs at rest.
type need struct {
	logs       float64 // of each broker
	memory     float64 // of each broker, bytes
	controller float64 // memory of a controller by itself
	snapshot   float64 // and of the metadata log when nothing has changed since
	peers      float64 // leaders that a broker follows
	cpu        float64 // of each broker, processors
	wire       float64 // bytes a second, sent by each broker
	active     float64 // of the active controller, processors
	create     float64 // seconds for all partitions
	open       float64 // seconds for a broker after a clean stop
	elect      float64 // seconds until others lead what a broker led
}

// pairCPU is the share of a processor that a follower and a leader take together, and pairWire the bytes a second between them.
func (m *measured) pair() (cpu, wire float64) {
	var bare, follow idle
	for _, o := range m.Idle {
		if o.Pairs == mostPairs {
			follow = o
		}
	}
	for _, o := range m.Idle {
		if o.Pairs == 0 && o.Brokers == follow.Brokers {
			bare = o
		}
	}
	pairs := float64(follow.Pairs)
	return (follow.Broker - bare.Broker) * float64(follow.Brokers) / pairs, (follow.Wire - bare.Wire) / pairs
}

// member is what a broker without partitions costs: itself, the active controller for it, and the network between them.
func (m *measured) member() (broker, controller, wire float64) {
	var least, most idle
	for _, o := range m.Idle {
		if o.Pairs > 0 {
			continue
		}
		if least.Brokers == 0 || o.Brokers < least.Brokers {
			least = o
		}
		if o.Brokers > most.Brokers {
			most = o
		}
	}
	more := float64(most.Brokers - least.Brokers)
	return most.Broker, (most.Controller - least.Controller) / more, (most.Wire - least.Wire) / more
}

// needs computes. Processor time and network grow with the leaders that a broker follows, memory with what it knows and what it holds.
func (m *measured) needs(s size) need {
	brokers, partitions, replicas := float64(s.brokers), float64(s.partitions), float64(s.replicas)
	n := need{logs: partitions * replicas / brokers}
	image := m.IdleBroker + partitions*m.Image
	followed := partitions * (replicas - 1) / brokers
	n.peers = min(followed, brokers-1)
	own, each, fetches := m.member()
	cpu, wire := m.pair()
	n.controller = image
	n.memory = image + n.logs*m.Log + (float64(s.connections)+2*n.peers)*connectionBytes
	n.snapshot = partitions * (m.Snapshot + (replicas-1)*replicaBytes)
	n.cpu = own + n.peers*cpu
	n.wire = fetches + n.peers*wire
	n.active = brokers * each
	n.create = partitions * m.Create
	n.open = n.logs * openSeconds
	n.elect = partitions / brokers * electSeconds
	return n
}
