// Package kind says what a kind of group is to the machine of a partition of __consumer_offsets, and what the machine offers to it. Each
// newer kind (consumer, share, streams) is a package of its own that implements Kind; package group holds the classic groups and the
// committed offsets of all kinds, and sends requests, records and timers to the kind they belong to.
//
// Terms: the desk is where a kind decides about one event: what it writes, answers and notes there is the decision. Records are applied
// after the decision, all at once, so a kind that needs to know what it has just decided remembers that itself.
//
// Invariant: a group id belongs to one kind at a time. A kind that makes a group claims its id first.
package kind

import (
	"iter"
	"math/rand/v2"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
)

// Type is a type of group, as listings name it.
type Type string

// The types.
const (
	None     Type = "" // no such group
	Classic  Type = "classic"
	Consumer Type = "consumer"
	Share    Type = "share"
	Streams  Type = "streams"
)

// Record is a record of __consumer_offsets.
type Record interface {
	// Encode gives the key and value as they stand in the log; a nil value is a tombstone.
	Encode() (key, value []byte)
	// Size bounds the bytes of key and value.
	Size() int
}

// Decoder reads a record; value is nil for a tombstone. The key begins with its type.
type Decoder func(key, value []byte) (Record, error)

// Event is a request. Topic names and ids are filled in by whoever hands it over, where the request has both.
type Event struct {
	Ticket     machine.Ticket
	Request    kmsg.Request // its bytes may be used again once it is answered
	ClientID   string
	ClientHost string // Kafka's form: "/127.0.0.1"
	// Sees tells of a topic whether the one who asks may describe it; nil: any. A regular expression matches no other topics (KIP-848).
	Sees func(topic string) bool
}

// Notice is an effect: something an operator may want to read in the log.
type Notice struct {
	Message    string
	Group      string
	Member     string // "": none in particular
	ClientID   string // of the member, where that says more than its id
	ClientHost string
	Generation int32 // or group epoch
	Reason     string
	Quiet      *Quiet // of a member that left without a word; nil: nothing to tell
}

// Rebalanced is an effect: a group moved to a new epoch, and its members will get another assignment. It is counted.
type Rebalanced struct{ Type Type }

// Topics is what a new image changed.
type Topics struct {
	Created []*metadata.Topic
	Changed []*metadata.Topic // neither created nor deleted
	Deleted []string
}

// Desk is where a kind decides about one event.
type Desk interface {
	Now() time.Time
	Settings() *Settings
	// Image is never nil. What it says of a topic's name and partitions may change with every event.
	Image() *metadata.Image
	Rand() *rand.Rand

	// Write adds a record to the decision.
	Write(Record)
	// Reply answers a ticket once the decision is committed; ticket 0 is nobody.
	Reply(machine.Ticket, kmsg.Response)
	Note(Notice)
	// Effect is anything else that the shell is to do once the decision is committed.
	Effect(machine.Effect)

	// Timer has the kind's Fire called at a time, with the group and key given: one timer for each group and key, set anew by the next
	// call. The zero time stops it. Putting it off is free.
	Timer(group, key string, deadline time.Time)
	// StopTimers stops all timers of a group.
	StopTimers(group string)

	// TypeOf is the type of the group with the id, over all kinds. Somebody who only committed offsets has made a classic group.
	TypeOf(group string) Type
	// Claim makes a group id the kind's own, if there is no such group or one of the types listed without members, whose records (not
	// its offsets) are then removed. It reports false if the id belongs to a group of another kind.
	Claim(group string, from ...Type) bool
	// Committed is a group's committed offset.
	Committed(group, topic string, partition int32) (offset int64, ok bool)
	// Commits tells when a group's offsets were committed, in any order.
	Commits(group string) iter.Seq2[record.TopicPartition, time.Time]
	// Offsets lists the topics and partitions of a group's committed offsets, in order. It is not to be kept.
	Offsets(group string) []record.TopicPartition
	// Classic is the classic group with the id, nil if there is none. It is not to be changed.
	Classic(group string) *ClassicGroup
	// DropClassic removes a classic group's record and soft state, its offsets stay; those who wait in it are not answered.
	DropClassic(group string)
	// RestoreClassic makes the group a classic one again: its record is written, and its members, who are at least one, rebalance unless State
	// is Stable. Protocol and Leader are not looked at.
	RestoreClassic(g *ClassicGroup)
}

// Kind is one kind of groups in one machine. Hard state is changed by Apply alone. The desk is valid during one call only.
type Kind interface {
	Type() Type
	// Protocol is what listings show as the protocol type of a group.
	Protocol(group string) string

	// Handle decides on a request, and reports false for one that is not the kind's. It gets requests of its own APIs, and those about groups
	// that it has: of classic membership (JoinGroup, SyncGroup, Heartbeat, LeaveGroup). What it does not take is answered as for
	// an unknown member or an inconsistent protocol.
	Handle(d Desk, e Event) bool
	// Fire is a timer that came due.
	Fire(d Desk, group, key string)
	// Loaded is the first call after a load.
	Loaded(d Desk)
	// ImageChanged says that Desk.Image is another one from now on: topics, racks of brokers or configs changed (elections do not count).
	ImageChanged(d Desk, changed Topics)
	// Refused takes back what a decision with these records did to soft state: none of them was written.
	Refused(d Desk, records []Record)

	// Apply takes a record in, and reports false if it is not the kind's. It is called in the log's order, also when loading.
	Apply(e machine.Entry[Record]) bool
	// Hard is the hard state, for comparison with that of a replay.
	Hard() any

	// Has reports whether there is such a group of this kind, and Groups lists all in any order.
	Has(group string) bool
	Groups() []string
	// State is the state of a group, as listings name it.
	State(d Desk, group string) string
	// Empty reports whether the group has no members; Members counts them.
	Empty(group string) bool
	Members(group string) int
	// Roster lists who the members of a group are, by id.
	Roster(group string) []Who
	// Remove writes the tombstones of a group's own records; its offsets are removed by the caller. Timers are stopped by the caller.
	Remove(d Desk, group string)

	// CheckCommit decides whether the group takes offsets from a committer: 0, or Kafka's error code.
	CheckCommit(d Desk, c Commit) int16
	// CheckFetch decides whether somebody who may name a member (nil: no) reads the group's offsets.
	CheckFetch(d Desk, group string, memberID *string, memberEpoch int32) int16
	// CheckDelete decides whether an administrator may delete the group.
	CheckDelete(d Desk, group string) int16
	// Subscribed reports whether members read the topic: then its offsets neither expire nor can they be deleted.
	Subscribed(group, topic string) bool
	// HasOffsets reports whether groups of the kind commit offsets; if so, the offsets expire, and the group with them once it is empty.
	HasOffsets() bool
}

// Who is a member of a group, as an operator knows it.
type Who struct {
	ID         string
	ClientID   string
	ClientHost string // Kafka's form: "/127.0.0.1"
}

// Commit is who commits offsets, as the request says.
type Commit struct {
	Group         string
	MemberID      string
	InstanceID    *string
	Epoch         int32 // member epoch or generation; negative: none
	Transactional bool
	Version       int16 // of OffsetCommit or TxnOffsetCommit
	// Partitions lists what is committed.
	Partitions []record.TopicPartition
}
