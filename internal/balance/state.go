package balance

import "time"

// State is what a plan is made from.
type State struct {
	Brokers    []Broker
	Partitions []Partition
	Limits     Limits
}

// Broker is a registered broker.
type Broker struct {
	ID       int32
	Rack     string // "": none; brokers without one share one
	Dirs     []Dir  // nil: not known, the broker then never counts as full
	Fenced   bool
	Cordoned bool // takes no new replicas
	Draining bool
}

// Dir is a log directory.
type Dir struct {
	Path          string
	Total, Usable int64 // bytes of its file system; 0, 0: not known
	Cordoned      bool
}

// Partition is one partition. Its slices are not kept.
type Partition struct {
	Topic     string
	Partition int32
	Replicas  []int32 // the target, if it is on its way
	ISR       []int32
	Leader    int32
	Bytes     int64    // of one replica
	Dirs      []string // of each replica, if known
	Moving    bool     // is being reassigned, by whomever: it is counted and left alone
	// Settled is a partition that was moved a short time ago: it is not moved again for evenness, so that a plan which was given up
	// halfway is never followed by its opposite.
	Settled bool
}

// Mode says how much is done without being asked.
type Mode string

// The modes, as leat.balance.mode spells them.
const (
	Auto      Mode = "auto"       // everything
	DrainOnly Mode = "drain-only" // only away from brokers that are drained
	Off       Mode = "off"        // nothing
)

// Limits bound a plan. A zero value stands for the default.
type Limits struct {
	Mode      Mode
	Tolerance float64 // share of the mean by which a broker may have more or less; 0.1
	FullAt    float64 // used share of a disk above which replicas leave it; 0.85
	MinBytes  int64   // difference in bytes below which nothing is moved for bytes alone; 1 GiB
	// BytesPerSecond is what one broker may send or take in for moves; 0: no limit, and estimates reckon with 100 MB/s.
	BytesPerSecond int64
}

const assumedRate = 100_000_000

// Rate is what estimates reckon with, in bytes per second.
func (l *Limits) Rate() int64 {
	if l.BytesPerSecond <= 0 || l.BytesPerSecond > assumedRate {
		return assumedRate
	}
	return l.BytesPerSecond
}

func (l Limits) filled() Limits {
	if l.Mode == "" {
		l.Mode = Auto
	}
	if l.Tolerance <= 0 {
		l.Tolerance = 0.1
	}
	if l.FullAt <= 0 {
		l.FullAt = 0.85
	}
	if l.MinBytes <= 0 {
		l.MinBytes = 1 << 30
	}
	return l
}

// fullMargin is how far below Limits.FullAt a disk is emptied, and others may be filled: it keeps a disk at the border from going to and fro.
const fullMargin = 0.05

// Why is the goal that a move serves.
type Why string

// Goals, in their order.
const (
	ForDrain   Why = "drain"
	ForDisk    Why = "disk full"
	ForRacks   Why = "racks"
	ForCount   Why = "replicas"
	ForBytes   Why = "bytes"
	ForLeaders Why = "leaders"
)

// Move changes the replicas of one partition.
type Move struct {
	Topic         string
	Partition     int32
	Before, After []int32
	Bytes         int64 // to be copied
	TouchesLeader bool  // leadership goes to another broker
	Why           Why
}

// Plan is moves in the order in which they are best made, and what they cost.
type Plan struct {
	Moves    []Move
	Bytes    int64
	Leaders  int // partitions whose leader changes
	Duration time.Duration
	// Notes say why nothing, or not everything, is done: sentences for people.
	Notes []string
}
