package why

import (
	"fmt"
	"time"
)

// Cluster is what is known at one moment: what every node told, and which did not.
type Cluster struct {
	At     time.Time
	Asked  int32         // the node that gathered
	Window time.Duration // for how long events count
	Nodes  []Facts
	Silent []Silent

	Withheld bool // the facts do not say who clients are
}

// Silent is a node that did not tell anything.
type Silent struct {
	Node    int32
	Address string
	Err     string
	Refused bool // no connection could be made, rather than that no answer came
}

// Facts is what one node knows. Lists are bounded by who fills them: Left says how many entries were left out.
type Facts struct {
	Node    int32
	At      time.Time // by its own clock
	Took    time.Duration
	Version string
	Left    int

	State      string        // starting, recovering, running, stopping
	Recovering int           // logs still to be read at the start
	Controller int32         // the active one, as far as this node knows; -1: none
	Trouble    string        // why there is none
	Without    time.Duration // for how long there has been none; 0: not known
	Voters     []int32
	Heard      map[int32]time.Duration // on the active controller: how long ago brokers sent their last heartbeat
	Offset     int64                   // of the metadata image that the lists of brokers and partitions are from

	Brokers       []Broker
	Partitions    []Partition // that lack a leader or replicas in sync
	Dirs          []Dir
	Certificates  []Certificate
	Unreached     []Unreached
	Away          []Absent
	Uncleanable   []Uncleanable
	Open          []Transaction    // that hold the last stable offset of partitions led by this node
	Transactional map[int64]string // transactional ids by producer id, of transactions that this node coordinates and that are open
	Kept          []Kept           // partitions led by this node that hold more than their retention allows
	Groups        []Group          // coordinated by this node
	Tokens        []Token          // that end soon
	Events        []Event
}

// Broker is a registered broker.
type Broker struct {
	ID       int32
	Address  string
	Fenced   bool
	Stopping bool // in a controlled shutdown
}

// Absent is a broker that was fenced lately though its process ran, and was let in again.
type Absent struct {
	Node  int32
	Past  []Absence // in order
	Since time.Time // it is fenced now; zero: it is not
}

// Absence is from when a broker was fenced until it was let in again.
type Absence struct{ Began, Ended time.Time }

// Partition is one that is not as it should be.
type Partition struct {
	Topic     string
	Partition int32
	Leader    int32 // -1: none
	Replicas  []int32
	InSync    []int32
	MinISR    int
	Throttled bool // its replication has a throttle
}

func (p *Partition) name() string { return partitionName(p.Topic, p.Partition) }

func partitionName(topic string, partition int32) string {
	return fmt.Sprintf("%s-%d", topic, partition)
}

// Dir is a log directory.
type Dir struct {
	Path           string
	Err            string // it has failed; "": it has not
	Grade          string // of room: enough, short, gone
	Total          int64
	Available      int64
	Soft, Hard     int64
	RefusedBatches int64
}

// Certificate is that of a listener.
type Certificate struct {
	Listener, Subject string
	NotAfter          time.Time
}

// Unreached is a node that this one cannot connect to.
type Unreached struct {
	Node         int32
	Address, Err string
	Since        time.Time
}

// Uncleanable is a log that the cleaner has given up for now.
type Uncleanable struct {
	Topic     string
	Partition int32
	Bytes     int64
	Since     time.Time
	Err       string
}

// Transaction is an open one that is the oldest of a partition.
type Transaction struct {
	Topic         string
	Partition     int32
	ProducerID    int64
	ProducerEpoch int16
	ID            string // transactional id; "": not known
	Since         time.Time
	LastStable    int64
	HighWatermark int64
}

// Kept is a partition with more than its retention allows.
type Kept struct {
	Topic       string
	Partition   int32
	Segments    int
	Size        int64
	Oldest      time.Time // of the newest record in the oldest segment
	RetentionMs int64     // -1: for ever
	SegmentMs   int64
	ActiveOnly  bool // all of it is in the segment that is being written
	Remote      bool // it may go only when it is copied to remote storage
}

// Group is a group of consumers.
type Group struct {
	Group, Type, State string
	Members            []Member
	Partitions         []Standing
	Window             time.Duration // over which standings are compared
}

// Member is a member of a group.
type Member struct{ ID, ClientID, Host string }

// Standing is where a group is in a partition.
type Standing struct {
	Topic         string
	Partition     int32
	Committed     int64
	LogStart      int64
	HighWatermark int64
	LastStable    int64
	Seconds       float64 // age of the first record not read

	Since time.Time // when the committed offset was first seen
	// Then is when the window began, and what stood there.
	Then            time.Time
	ThenCommitted   int64
	ThenWatermark   int64
	WatermarkAtHold int64 // high watermark when the committed offset was first seen
}

// Lag is the number of records between the group and the end.
func (s *Standing) Lag() int64 { return max(0, s.HighWatermark-s.Committed) }

func (s *Standing) name() string { return partitionName(s.Topic, s.Partition) }

// Token is a delegation token.
type Token struct {
	ID, Owner string
	Expires   time.Time
}

// Kind is a kind of event.
type Kind string

// The kinds of events.
const (
	Foreign         Kind = "foreign"          // a client spoke another protocol than the listener's
	Unauthenticated Kind = "unauthenticated"  // a client did not get in
	Expired         Kind = "expired"          // a session was over
	TooMany         Kind = "too-many"         // a connection was turned away or had to wait, because there are too many
	Denied          Kind = "denied"           // a principal may not do something
	Throttled       Kind = "throttled"        // a client had to wait
	Refused         Kind = "refused"          // a request was answered with an error code
	SessionEnded    Kind = "session-ended"    // a member of a group fell silent
	Left            Kind = "left"             // a member left a group
	Quiet           Kind = "quiet"            // a member left a group without a word, after it had committed nothing for its poll interval though records waited
	Rebalanced      Kind = "rebalanced"       // a group got a new generation
	Moved           Kind = "retention-passed" // a consumer asked for records that are gone
)

// Event is something that happened in the last while, perhaps many times.
type Event struct {
	Kind        Kind
	ClientID    string
	Principal   string
	Host        string
	Listener    string
	API         string
	Code        string // Kafka's name of the error
	Resource    string // kind and name: topic:orders, group:shop
	Detail      string // what was told last
	First, Last time.Time
	Count       int64
	Amount      int64 // of what is measured, summed up: milliseconds of waiting
}
