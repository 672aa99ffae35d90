// Package controller is the machine that owns the cluster's state: brokers, topics, partitions, configs, features, producer ids.
// It is a pure core: requests go in as events, metadata records and replies come out, and metadata.Delta applies the records.
//
// It is not the log, the quorum or the way a request gets here (package quorum), and it never looks at a file or a socket.
//
// Hard state is the image that replaying the log gives, running ahead of the committed one, and an index of partitions by broker that follows
// from it. Soft state is when each broker was last heard of, when leaders are balanced next, and what is under way: it starts empty when a
// controller becomes active.
//
// Terms. A decision is the records that one event leads to. A task is a decision about so many partitions that it is made in steps, one
// with each tick; what it has not come to yet is as it was. A change is what becomes of one partition: replicas, in-sync set, leader.
//
// Invariants. A broker leads only while it is neither fenced nor in controlled shutdown; one that is on its way out may still lead while the
// task that takes its partitions lasts. A leader is always in the in-sync set. A replica set names each broker once and is never empty; the
// in-sync set and the eligible replicas are of it, and have no broker in common. Epochs never go back, and no record changes nothing.
// A leader that was not in sync or eligible before is told to recover. TestPropertyInvariants checks all of this.
package controller

import (
	"fmt"
	"math/rand"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/config"
	"leat/internal/machine"
	"leat/internal/metadata"
	"leat/internal/quota"
	"leat/internal/record"
	"leat/internal/security"
)

// Event is one request to the controller. Its reply (a machine.Reply to Ticket) is a kmsg.Response of the matching kind, or an error for
// a request that the controller does not know.
type Event struct {
	Ticket    machine.Ticket
	Request   kmsg.Request // CreateTopics, DeleteTopics, CreatePartitions, *AlterConfigs, BrokerRegistration, ...
	Principal security.Principal
	ClientID  string // of who asks
	// Suspicion, if not nil, is what the event is about instead of Request. The reply is whether the broker is fenced for it.
	Suspicion *Suspicion
}

// Record is the machine's record type.
type Record = metadata.Record

// Config is what New needs.
type Config struct {
	NodeID    int32
	ClusterID string
	// Broker is this node's own configuration, without dynamic overrides: those are in the image.
	Broker *config.Values
	// Image is the state that the log gave so far; NextOffset is where the next record will be written.
	Image      *metadata.Image
	NextOffset int64
	// KRaftVersion is the level of kraft.version, which stands in the quorum's own records and not in the image.
	KRaftVersion int16
	// Now is when this controller became active: brokers that are not fenced have a whole session from then on to be heard of.
	Now  time.Time
	Rand *rand.Rand
	// Tell, if not nil, is given notices, once what they speak of is committed. It must not wait.
	Tell func(Notice)
	// Mutated, if not nil, hears who changed how many partitions by a quota, and for how many milliseconds he was told to wait. It must not wait.
	Mutated func(who quota.Who, w quota.Window, partitions int, wait, now int64)
}

// Machine is the controller's machine.Machine.
type Machine struct {
	cfg   Config
	delta *metadata.Delta
	// nextOffset is where the next record will be written. Broker epochs are taken from it, as in Kafka: the epoch of a registration
	// is the offset of its record. Control records of the quorum itself (leader changes) do not pass through Apply, but they are only
	// written before a machine is made, and Config.NextOffset counts them; so the epoch is exact, and rises in any case.
	nextOffset int64
	applied    int // records since delta was begun
	names      collisions
	index      *index
	node       string // this node's id, as it names the node's dynamic configs
	limits     limits
	// topicLimits are leat.topic.limits, which the config's table has checked.
	topicLimits []config.Limit
	room        tenantRoom // of the request that is being decided
	delegation  delegation

	// Soft state.
	sessions  sessions
	schedule  schedule
	tasks     []*task   // what is under way, in the order in which it is gone on with
	stepped   *task     // by the decision that was handed out last; nil: none
	finished  *task     // by a step in that decision; nil: none
	now       time.Time // of the last event
	pause     time.Time // no step of a task before this time
	mutations mutations
	permit    permit // of the event under way
}

var (
	_ machine.Machine[Event, Record] = (*Machine)(nil)
	_ machine.Refuser[Record]        = (*Machine)(nil)
)

// New returns the machine of a controller that just became active.
func New(cfg Config) *Machine {
	m := &Machine{cfg: cfg, delta: metadata.NewDelta(cfg.Image), nextOffset: cfg.NextOffset, names: collisions{}}
	for t := range cfg.Image.Topics("") {
		m.names.add(t.Name)
	}
	m.index, m.node, m.limits, m.now = newIndex(cfg.Image), strconv.Itoa(int(cfg.NodeID)), defaultLimits, cfg.Now
	m.topicLimits, _ = config.ParseLimits(cfg.Broker.List("leat.topic.limits"))
	m.mutations = newMutations(cfg.Broker)
	m.sessions = newSessions(cfg.Broker.Millis("broker.session.timeout.ms"), cfg.Now, cfg.Image)
	m.delegation = newDelegation(cfg.Broker, cfg.Image)
	m.schedule = m.newSchedule(cfg.Now)
	m.resume()
	return m
}

// image is the newest state. It changes with Apply, so nothing of it may be kept in soft state.
func (m *Machine) image() *metadata.Image { return m.delta.Current() }

// Image returns the state with everything applied, for the check that replaying the log gives the same.
func (m *Machine) Image() *metadata.Image { return m.image() }

// deltaLength is after how many records a new delta is begun, so that what it remembers of changes stays small.
const deltaLength = 1000

// Apply implements machine.Machine.
func (m *Machine) Apply(entry machine.Entry[Record]) {
	if entry.Record == nil {
		return
	}
	m.names.apply(m.image(), entry.Record)
	indexed := m.index.before(m.image(), entry.Record)
	if err := m.delta.Replay(entry.Record); err != nil {
		panic(fmt.Sprintf("bug: record at offset %d does not fit the controller's state: %v", entry.Offset, err))
	}
	if indexed != nil {
		indexed(m.image())
	}
	m.nextOffset = entry.Offset + 1
	m.sessions.apply(entry.Record, entry.Offset)
	m.delegation.apply(entry.Record)
	if m.applied++; m.applied >= deltaLength && !m.delta.InTransaction() {
		m.delta, m.applied = metadata.NewDelta(m.delta.Image(entry.Offset, -1, entry.Timestamp)), 0
	}
}

// Handle implements machine.Machine.
func (m *Machine) Handle(now time.Time, e Event) machine.Result[Record] {
	slept := m.wake(now)
	var a answer
	if e.Suspicion != nil {
		a = m.suspect(now, e.Suspicion)
	} else {
		m.permit = m.permitFor(now, &e)
		a = m.answer(now, &e)
		m.permit.tell(a.response, m.cfg.Mutated)
	}
	if a.later != nil {
		a.later.waiting = append(a.later.waiting, e.Ticket)
		return machine.Result[Record]{Records: a.records, Effects: effects(append(slept, a.notices...))}
	}
	if m.tooLarge(a.records) {
		a = answer{response: refuse(kerr.PolicyViolation, "Unable to perform excessively large batch operation.")}
	}
	return machine.Result[Record]{Records: a.records,
		Effects: append(effects(append(slept, a.notices...)), machine.Reply{To: e.Ticket, Response: a.response})}
}

// answer is a decision about one request: the response, and the records that make it true.
type answer struct {
	response any
	records  []Record
	notices  []Notice
	later    *task // not nil: the response comes when this task is done
}

// tooLarge reports whether records that must be written together do not fit a batch.
func (m *Machine) tooLarge(records []Record) bool {
	size := 0
	for _, r := range records {
		size += sizeOf(r)
	}
	return size > m.limits.atomic
}

func (m *Machine) answer(now time.Time, e *Event) answer {
	switch r := e.Request.(type) {
	case *kmsg.BrokerHeartbeatRequest:
		return m.brokerHeartbeat(now, r)
	case *kmsg.BrokerRegistrationRequest:
		return m.registerBroker(now, r)
	case *kmsg.UnregisterBrokerRequest:
		return m.unregisterBroker(now, r)
	case *kmsg.ControllerRegistrationRequest:
		return m.registerController(r)
	case *kmsg.UnregisterControllerRequest:
		return m.unregisterController(r)
	case *kmsg.AlterPartitionRequest:
		return m.alterPartition(now, r)
	case *kmsg.AlterPartitionAssignmentsRequest:
		return m.alterReassignments(now, r)
	case *kmsg.ListPartitionReassignmentsRequest:
		return m.listReassignments(r)
	case *kmsg.AssignReplicasToDirsRequest:
		return m.assignDirs(now, r)
	case *kmsg.CreateTopicsRequest:
		return m.createTopics(r)
	case *kmsg.DeleteTopicsRequest:
		return m.deleteTopics(r)
	case *kmsg.CreatePartitionsRequest:
		return m.createPartitions(r)
	case *kmsg.IncrementalAlterConfigsRequest:
		return m.incrementalAlterConfigs(r)
	case *kmsg.AlterConfigsRequest:
		return m.alterConfigs(r)
	case *kmsg.AllocateProducerIDsRequest:
		return m.allocateProducerIDs(r)
	case *kmsg.UpdateFeaturesRequest:
		return m.updateFeatures(r)
	case *kmsg.ElectLeadersRequest:
		return m.electLeaders(now, r)
	case *kmsg.CreateACLsRequest:
		return m.createACLs(r)
	case *kmsg.DeleteACLsRequest:
		return m.deleteACLs(r)
	case *kmsg.AlterUserSCRAMCredentialsRequest:
		return m.alterSCRAM(r)
	case *kmsg.AlterClientQuotasRequest:
		return m.alterQuotas(r)
	case *kmsg.CreateDelegationTokenRequest:
		return m.createToken(now, e.Principal, r)
	case *kmsg.RenewDelegationTokenRequest:
		return m.renewToken(now, e.Principal, r)
	case *kmsg.ExpireDelegationTokenRequest:
		return m.expireToken(now, e.Principal, r)
	default:
		return answer{response: fmt.Errorf("controller: request %T is not one that it answers", r)}
	}
}

// newUUID draws an id for a topic: random, none of those that Kafka reserves, and not with a text that begins with a dash, which command lines take for
// an option.
func (m *Machine) newUUID() record.UUID {
	for {
		id := m.randomUUID()
		if _, taken := m.image().TopicByID(id); !taken && !metadata.ReservedUUID(id) && id.String()[0] != '-' {
			return id
		}
	}
}

// randomUUID is of version 4 of RFC 9562, as Kafka's.
func (m *Machine) randomUUID() record.UUID {
	var id record.UUID
	for i := range id {
		id[i] = byte(m.cfg.Rand.Intn(256))
	}
	id[6], id[8] = id[6]&0x0f|0x40, id[8]&0x3f|0x80
	return id
}
