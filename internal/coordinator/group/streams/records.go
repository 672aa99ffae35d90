package streams

import (
	"fmt"

	"leat/internal/coordinator/field"
	"leat/internal/coordinator/group/kind"
)

// The key types of the records of streams groups.
const (
	metadataKey       int16 = 17
	memberKey         int16 = 19
	targetMetadataKey int16 = 20
	targetMemberKey   int16 = 21
	currentKey        int16 = 22
	topologyKey       int16 = 23
)

// MetadataRecord sets or (Metadata nil) removes a group.
type MetadataRecord struct {
	Group    string
	Metadata *Metadata
}

// Metadata is what the log knows of a group as a whole.
type Metadata struct {
	Epoch             int32
	Hash              int64 // of the topics that the topology needs
	ValidatedTopology int32 // the epoch of the topology whose topics are as they must be; -1: none
	Configs           []Pair
	// The epochs of the topologies whose description is stored, and was refused for good; -1: none.
	StoredDescription, FailedDescription int32
}

// Pair is a key and a value.
type Pair struct{ Key, Value string }

// MemberRecord sets or (Metadata nil) removes what a member says of itself.
type MemberRecord struct {
	Group, Member string
	Metadata      *MemberMetadata
}

// MemberMetadata is what a member says of itself.
type MemberMetadata struct {
	InstanceID       *string
	RackID           *string
	ClientID         string
	ClientHost       string
	RebalanceTimeout int32 // ms
	TopologyEpoch    int32
	ProcessID        string
	Endpoint         *Endpoint
	ClientTags       []Pair // by key
}

// Endpoint is where a process answers interactive queries.
type Endpoint struct {
	Host string
	Port uint16
}

// TargetMetadataRecord sets or (Target nil) removes the epoch of the target assignment.
type TargetMetadataRecord struct {
	Group  string
	Target *TargetMetadata
}

// TargetMetadata is the epoch of the target assignment, and when it was decided.
type TargetMetadata struct {
	Epoch     int32
	Timestamp int64 // ms; 0: not known, or before any
}

// TargetMemberRecord sets or (Tasks nil) removes a member's target assignment.
type TargetMemberRecord struct {
	Group, Member string
	Tasks         *Assignment
}

// CurrentRecord sets or (Current nil) removes what a member holds.
type CurrentRecord struct {
	Group, Member string
	Current       *Current
}

// Current is what a member holds and how far it has come.
type Current struct {
	Epoch, Previous int32
	State           MemberState
	Assigned        Assignment
	Revoking        Assignment // to be given up
}

// MemberState is how far a member has come towards its target.
type MemberState int8

// The states, by their numbers in records.
const (
	MemberStable     MemberState = 1
	MemberUnrevoked  MemberState = 2 // has tasks to give up
	MemberUnreleased MemberState = 3 // waits for tasks that others hold
)

// TopologyRecord sets or (Topology nil) removes a group's topology.
type TopologyRecord struct {
	Group    string
	Topology *Topology
}

func keyOf(kind int16, ids ...string) []byte {
	w := field.Writer{}
	w.Int16(kind)
	for _, id := range ids {
		w.String(id)
	}
	return w.B
}

// value begins a value of version 0.
func value() *field.Writer {
	w := &field.Writer{Flexible: true}
	w.Int16(0)
	return w
}

// Encode gives the key and value.
func (r *MetadataRecord) Encode() (key, val []byte) {
	key = keyOf(metadataKey, r.Group)
	if r.Metadata == nil {
		return key, nil
	}
	m, w := r.Metadata, value()
	w.Int32(m.Epoch)
	w.Int64(m.Hash)
	tags := map[int][]byte{}
	for tag, epoch := range map[int]int32{0: m.ValidatedTopology, 2: m.StoredDescription, 3: m.FailedDescription} {
		if epoch != -1 {
			t := field.Writer{}
			t.Int32(epoch)
			tags[tag] = t.B
		}
	}
	if len(m.Configs) > 0 {
		t := &field.Writer{Flexible: true}
		writePairs(t, m.Configs)
		tags[1] = t.B
	}
	w.Uvarint(len(tags))
	for tag := range 4 {
		if b, ok := tags[tag]; ok {
			w.Tag(tag, b)
		}
	}
	return key, w.B
}

// Encode gives the key and value.
func (r *MemberRecord) Encode() (key, val []byte) {
	key = keyOf(memberKey, r.Group, r.Member)
	if r.Metadata == nil {
		return key, nil
	}
	m, w := r.Metadata, value()
	w.Text(m.InstanceID)
	w.Text(m.RackID)
	w.String(m.ClientID)
	w.String(m.ClientHost)
	w.Int32(m.RebalanceTimeout)
	w.Int32(m.TopologyEpoch)
	w.String(m.ProcessID)
	if m.Endpoint == nil {
		w.Int8(-1)
	} else {
		w.Int8(1)
		w.String(m.Endpoint.Host)
		w.Int16(int16(m.Endpoint.Port))
		w.NoTags()
	}
	writePairs(w, m.ClientTags)
	w.NoTags()
	return key, w.B
}

// Encode gives the key and value.
func (r *TargetMetadataRecord) Encode() (key, val []byte) {
	key = keyOf(targetMetadataKey, r.Group)
	if r.Target == nil {
		return key, nil
	}
	w := value()
	w.Int32(r.Target.Epoch)
	if r.Target.Timestamp == 0 {
		w.NoTags()
		return key, w.B
	}
	t := field.Writer{}
	t.Int64(r.Target.Timestamp)
	w.Uvarint(1)
	w.Tag(0, t.B)
	return key, w.B
}

// Encode gives the key and value.
func (r *TargetMemberRecord) Encode() (key, val []byte) {
	key = keyOf(targetMemberKey, r.Group, r.Member)
	if r.Tasks == nil {
		return key, nil
	}
	w := value()
	for _, tasks := range r.Tasks {
		writeTasks(w, tasks, false)
	}
	w.NoTags()
	return key, w.B
}

// Encode gives the key and value.
func (r *CurrentRecord) Encode() (key, val []byte) {
	key = keyOf(currentKey, r.Group, r.Member)
	if r.Current == nil {
		return key, nil
	}
	c, w := r.Current, value()
	w.Int32(c.Epoch)
	w.Int32(c.Previous)
	w.Int8(int8(c.State))
	for _, a := range []Assignment{c.Assigned, c.Revoking} {
		for role, tasks := range a {
			writeTasks(w, tasks, Role(role) == Active)
		}
	}
	w.NoTags()
	return key, w.B
}

// writeTasks writes tasks by subtopology, with the epochs since which they are held if asked to.
func writeTasks(w *field.Writer, t Tasks, epochs bool) {
	groups := t.grouped()
	w.Length(len(groups), 4)
	for i := range groups {
		g := &groups[i]
		w.String(g.SubtopologyID)
		w.Int32s(g.Partitions)
		if !epochs {
			w.NoTags()
			continue
		}
		e := &field.Writer{Flexible: true}
		e.Length(len(g.Partitions), 4)
		for _, p := range g.Partitions {
			e.Int32(t[Task{g.SubtopologyID, p}])
		}
		w.Uvarint(1)
		w.Tag(0, e.B)
	}
}

func writePairs(w *field.Writer, pairs []Pair) {
	w.Length(len(pairs), 4)
	for _, p := range pairs {
		w.String(p.Key)
		w.String(p.Value)
		w.NoTags()
	}
}

// Size bounds the bytes of key and value.
func (r *MetadataRecord) Size() int { return sizeOf(r) }

// Size bounds the bytes of key and value.
func (r *MemberRecord) Size() int { return sizeOf(r) }

// Size bounds the bytes of key and value.
func (r *TargetMetadataRecord) Size() int { return sizeOf(r) }

// Size bounds the bytes of key and value.
func (r *TargetMemberRecord) Size() int { return sizeOf(r) }

// Size bounds the bytes of key and value.
func (r *CurrentRecord) Size() int { return sizeOf(r) }

// Size bounds the bytes of key and value.
func (r *TopologyRecord) Size() int { return sizeOf(r) }

// sizeOf is exact, and costs an encoding: these records are written when a group changes, not with every heartbeat.
func sizeOf(r kind.Record) int {
	key, val := r.Encode()
	return len(key) + len(val)
}

// Decode reads a record of a streams group.
func Decode(key, val []byte) (kind.Record, error) {
	r := &field.Reader{B: key}
	kt := r.Int16()
	switch kt {
	case metadataKey:
		m := &MetadataRecord{Group: r.String()}
		return finish(r, val, "StreamsGroupMetadata", m, func(v *field.Reader) { m.Metadata = readMetadata(v) })
	case memberKey:
		m := &MemberRecord{Group: r.String(), Member: r.String()}
		return finish(r, val, "StreamsGroupMemberMetadata", m, func(v *field.Reader) { m.Metadata = readMember(v) })
	case targetMetadataKey:
		m := &TargetMetadataRecord{Group: r.String()}
		return finish(r, val, "StreamsGroupTargetAssignmentMetadata", m, func(v *field.Reader) { m.Target = readTarget(v) })
	case targetMemberKey:
		m := &TargetMemberRecord{Group: r.String(), Member: r.String()}
		return finish(r, val, "StreamsGroupTargetAssignmentMember", m, func(v *field.Reader) {
			m.Tasks = new(readAssignment(v, nil))
			v.Tags(nil)
		})
	case currentKey:
		m := &CurrentRecord{Group: r.String(), Member: r.String()}
		return finish(r, val, "StreamsGroupCurrentMemberAssignment", m, func(v *field.Reader) { m.Current = readCurrent(v) })
	case topologyKey:
		m := &TopologyRecord{Group: r.String()}
		return finish(r, val, "StreamsGroupTopology", m, func(v *field.Reader) { m.Topology = readTopology(v) })
	}
	return nil, fmt.Errorf("record key has type %d, not one of a streams group", kt)
}

// finish reads the value, if there is one, and reports what went wrong.
func finish(r *field.Reader, val []byte, name string, rec kind.Record, read func(*field.Reader)) (kind.Record, error) {
	if err := r.Done(name + " key"); err != nil || val == nil {
		return rec, err
	}
	v := &field.Reader{B: val, Flexible: true}
	if version := v.Int16(); v.Err == nil && version != 0 {
		return nil, fmt.Errorf("%s value has version %d, not 0", name, version)
	}
	read(v)
	if err := v.Done(name + " value"); err != nil {
		return nil, err
	}
	return rec, nil
}

func readMetadata(r *field.Reader) *Metadata {
	m := &Metadata{Epoch: r.Int32(), Hash: r.Int64(), ValidatedTopology: -1, StoredDescription: -1, FailedDescription: -1}
	r.Tags(func(tag int, b []byte) {
		t := &field.Reader{B: b, Flexible: true}
		switch tag {
		case 0:
			m.ValidatedTopology = t.Int32()
		case 1:
			m.Configs = readPairs(t)
		case 2:
			m.StoredDescription = t.Int32()
		case 3:
			m.FailedDescription = t.Int32()
		}
		if t.Err != nil {
			r.Fail(t.Err)
		}
	})
	return m
}

func readMember(r *field.Reader) *MemberMetadata {
	m := &MemberMetadata{
		InstanceID: r.Text(), RackID: r.Text(), ClientID: r.String(), ClientHost: r.String(),
		RebalanceTimeout: r.Int32(), TopologyEpoch: r.Int32(), ProcessID: r.String(),
	}
	if r.Int8() > 0 {
		m.Endpoint = &Endpoint{Host: r.String(), Port: uint16(r.Int16())}
		r.Tags(nil)
	}
	m.ClientTags = readPairs(r)
	r.Tags(nil)
	return m
}

func readTarget(r *field.Reader) *TargetMetadata {
	t := &TargetMetadata{Epoch: r.Int32()}
	r.Tags(func(tag int, b []byte) {
		if v := (&field.Reader{B: b}); tag == 0 {
			t.Timestamp = v.Int64()
		}
	})
	return t
}

func readCurrent(r *field.Reader) *Current {
	c := &Current{Epoch: r.Int32(), Previous: r.Int32(), State: MemberState(r.Int8())}
	c.Assigned = readAssignment(r, &c.Epoch)
	c.Revoking = readAssignment(r, &c.Epoch)
	r.Tags(nil)
	return c
}

// readAssignment reads tasks of each role. Only the active tasks that a member holds have epochs: those without one are held since the epoch given, as
// records of older brokers mean it. A target has none (held is nil), and epochs on anything else mean nothing.
func readAssignment(r *field.Reader, held *int32) (a Assignment) {
	for role := range a {
		n := r.Array(3)
		a[role] = make(Tasks)
		for ; n > 0 && r.Err == nil; n-- {
			if Role(role) == Active {
				readTasks(r, a[role], held)
			} else {
				readTasks(r, a[role], nil)
			}
		}
	}
	return a
}

func readTasks(r *field.Reader, into Tasks, held *int32) {
	subtopology, partitions := r.String(), r.Int32s()
	var epochs []int32
	r.Tags(func(tag int, b []byte) {
		t := &field.Reader{B: b, Flexible: true}
		if tag == 0 {
			epochs = t.Int32s()
		}
		if t.Err != nil {
			r.Fail(t.Err)
		}
	})
	for i, p := range partitions {
		switch {
		case held == nil:
			into[Task{subtopology, p}] = 0
		case len(epochs) == len(partitions):
			into[Task{subtopology, p}] = epochs[i]
		default:
			into[Task{subtopology, p}] = *held
		}
	}
}

func readPairs(r *field.Reader) (pairs []Pair) {
	for n := r.Array(3); n > 0 && r.Err == nil; n-- {
		pairs = append(pairs, Pair{Key: r.String(), Value: r.String()})
		r.Tags(nil)
	}
	return pairs
}
