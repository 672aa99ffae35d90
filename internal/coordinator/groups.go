package coordinator

import (
	crand "crypto/rand"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/group"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/sharing"
	"leat/internal/storage"
	"leat/internal/telemetry"
)

// OffsetsTopic holds the groups' records.
const OffsetsTopic = "__consumer_offsets"

// GroupsConfig is what NewGroups needs.
type GroupsConfig struct {
	Config
	Settings func() Settings       // cheap
	Group    func() group.Settings // cheap
	States   sharing.States        // the share coordinator; nil: share groups get no partitions
	Noticed  func(group.Notice)    // hears what is written to the log; it must not wait; may be nil
}

// Groups is the group coordinator of this node: one machine for each partition of __consumer_offsets that the node leads.
type Groups struct {
	*Coordinator[group.Event, group.Record]
	settings func() Settings
	states   sharing.States
	noticed  func(group.Notice)

	rebalances [len(rebalancing)]atomic.Int64
	offsets    telemetry.Offsets
}

// NewGroups returns a group coordinator that leads nothing yet.
func NewGroups(cfg GroupsConfig) *Groups {
	g := &Groups{settings: cfg.Settings, states: cfg.States, noticed: cfg.Noticed}
	g.Coordinator = New(cfg.Config, Kind[group.Event, group.Record]{
		Name: "group coordinator", Topic: OffsetsTopic,
		New: func(record.TopicPartition, int32) machine.Machine[group.Event, group.Record] {
			return group.New(group.Config{Settings: cfg.Group, Rand: chance()})
		},
		Decode:    decodeGroupRecord,
		Loaded:    func() group.Event { return group.Event{Loaded: true, Image: g.Image()} },
		Published: publishedToGroups,
		Perform:   g.perform,
		Settings:  cfg.Settings,
	})
	return g
}

// chance is a generator of its own for a machine.
func chance() *rand.Rand {
	var seed [32]byte
	crand.Read(seed[:])
	return rand.New(rand.NewChaCha8(seed))
}

func decodeGroupRecord(key, value []byte) (rec group.Record, foreign string, err error) {
	rec, err = group.Decode(key, value)
	if f, ok := rec.(*group.ForeignRecord); ok {
		return nil, f.Kind(), nil
	}
	return rec, "", err
}

// publishedToGroups tells group machines of what they decide by: which topics there are, with how many partitions on which nodes; configs;
// features; racks. Elections, which are most of what happens, are not among it.
func publishedToGroups(image *metadata.Image, delta *metadata.Delta) (group.Event, bool) {
	e := group.Event{Image: image}
	if delta == nil {
		return e, true
	}
	for _, t := range delta.ChangedTopics() {
		if old, ok := delta.Base().TopicByID(t.ID); !ok {
			e.CreatedTopics = append(e.CreatedTopics, t)
		} else if !samePlaces(old, t) {
			e.ChangedTopics = append(e.ChangedTopics, t)
		}
	}
	for _, t := range delta.DeletedTopics() {
		e.DeletedTopics = append(e.DeletedTopics, t.Name)
	}
	topics := len(e.CreatedTopics) + len(e.ChangedTopics) + len(e.DeletedTopics)
	return e, topics > 0 || len(delta.ChangedConfigs()) > 0 || delta.BrokersChanged() || delta.FeaturesChanged()
}

// samePlaces reports whether a topic has as many partitions as before, on the same nodes.
func samePlaces(a, b *metadata.Topic) bool {
	return slices.EqualFunc(a.Partitions, b.Partitions, func(a, b *metadata.Partition) bool {
		return a == b || slices.Equal(a.Replicas, b.Replicas)
	})
}

// Call is one request to the group coordinator about one group, with what the machine must know of the caller.
type Call struct {
	Group      string
	Request    kmsg.Request // see group.Event
	ClientID   string
	ClientHost string                  // Kafka's form: "/127.0.0.1"
	Sees       func(topic string) bool // see kind.Event
	Leave      *Leave                  // for TxnOffsetCommit; nil: the log need not be asked for it
	// Hold, if not nil, lets the answer to a heartbeat wait until there is something to tell. Submit calls it, before it returns, with
	// what makes the answer leave soon.
	Hold func(release func())
}

// Leave is what a transaction needs to begin in a partition of __consumer_offsets: a verification, or nil in its place if the transaction was found
// open there.
type Leave struct {
	Verification *storage.Verification
}

// End gives the leave back.
func (l *Leave) End() {
	if l != nil {
		l.Verification.End()
	}
}

// Submit hands a call to the machine of the group's partition. done is called exactly once with a response of the request's kind, its
// error code decided; perhaps before Submit returns, and on a goroutine that must not wait.
func (g *Groups) Submit(call Call, done func(kmsg.Response)) {
	runner, err := g.find(call.Group)
	if err != nil {
		done(Refuse(call.Request, err))
		return
	}
	finish := func(resp any, err error) {
		if err != nil {
			done(Refuse(call.Request, err))
			return
		}
		if committed, ok := resp.(*kmsg.OffsetCommitResponse); ok {
			g.countCommits(committed)
		}
		done(resp.(kmsg.Response))
	}
	if bounded(call.Request) {
		finish = withTimeout(g.settings().CommitTimeout, finish)
	}
	var ticket machine.Ticket // the runner's own: it builds events one after the other
	runner.Submit(func(t machine.Ticket) group.Event {
		ticket = t
		return group.Event{
			Ticket: t, Request: call.Request, ClientID: call.ClientID, ClientHost: call.ClientHost, Sees: call.Sees, Leave: call.Leave, Hold: call.Hold != nil,
		}
	}, finish)
	if call.Hold != nil {
		call.Hold(func() {
			runner.Submit(func(machine.Ticket) group.Event { return group.Event{Release: ticket} }, nil)
		})
	}
}

// bounded reports whether a request waits for a commit only, so that offsets.commit.timeout.ms applies.
func bounded(rq kmsg.Request) bool {
	switch rq.(type) {
	case *kmsg.OffsetCommitRequest, *kmsg.TxnOffsetCommitRequest, *kmsg.OffsetDeleteRequest, *kmsg.DeleteGroupsRequest, *kmsg.LeaveGroupRequest:
		return true
	}
	return false
}

// WriteMarker ends a producer's transaction in a partition of __consumer_offsets: the offsets that it committed there count from now on,
// or are dropped. done is called once, when the marker is committed or the reason is known why it is not, for CodeOf.
func (g *Groups) WriteMarker(partition int32, m machine.Control, done func(error)) {
	g.SubmitTo(partition, func(t machine.Ticket) group.Event { return group.Event{Ticket: t, Control: &m} },
		withTimeout(g.settings().CommitTimeout, func(_ any, err error) { done(err) }))
}

// List asks all partitions of this node for their groups. The list is sorted; if a partition is still loading, the response says so and
// holds the others' groups.
func (g *Groups) List(rq *kmsg.ListGroupsRequest, done func(*kmsg.ListGroupsResponse)) {
	g.Each(func(t machine.Ticket) group.Event { return group.Event{Ticket: t, Request: rq} }, func(answers []any, code int16) {
		resp := kmsg.NewPtrListGroupsResponse()
		resp.ErrorCode = code
		for _, part := range answers {
			resp.Groups = append(resp.Groups, part.(*kmsg.ListGroupsResponse).Groups...)
		}
		slices.SortFunc(resp.Groups, func(a, b kmsg.ListGroupsResponseGroup) int { return strings.Compare(a.Group, b.Group) })
		done(resp)
	})
}

// perform carries out an effect.
func (g *Groups) perform(p Led, e machine.Effect) {
	switch e := e.(type) {
	case group.Notice:
		tell(p, e)
		if g.noticed != nil {
			g.noticed(e)
		}
	case group.OffsetsRemoved:
		g.offsets.Removed(e.Count, e.Expired)
	case group.Rebalanced:
		g.rebalances[slices.Index(rebalancing[:], string(e.Type))].Add(1)
	default:
		if g.states != nil {
			g.performShare(e)
		}
	}
}

// rebalancing is the types of groups whose rebalances are counted.
var rebalancing = [...]string{"consumer", "share", "streams"}

// countCommits counts the offsets that an answer says are committed.
func (g *Groups) countCommits(resp *kmsg.OffsetCommitResponse) {
	n := 0
	for i := range resp.Topics {
		for j := range resp.Topics[i].Partitions {
			if resp.Topics[i].Partitions[j].ErrorCode == 0 {
				n++
			}
		}
	}
	g.offsets.Committed(n)
}

// Offsets counts what became of offsets.
func (g *Groups) Offsets() *telemetry.Offsets { return &g.offsets }

// Rebalances counts since the start how often groups moved to a new epoch, by type.
func (g *Groups) Rebalances() map[string]int64 {
	out := make(map[string]int64, len(rebalancing))
	for i, t := range rebalancing {
		out[t] = g.rebalances[i].Load()
	}
	return out
}

// tell writes a machine's notice to the log.
func tell(p Led, e machine.Effect) {
	n, ok := e.(group.Notice)
	if !ok {
		return
	}
	attrs := []any{"group", n.Group, "generation", n.Generation}
	if n.Member != "" {
		attrs = append(attrs, "member", n.Member)
	}
	if n.Reason != "" {
		attrs = append(attrs, "reason", n.Reason)
	}
	p.Logger.Info(n.Message, attrs...)
}
