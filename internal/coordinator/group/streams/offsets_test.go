package streams

import (
	"testing"

	"leat/internal/coordinator/group/kind"
	"leat/internal/machine"
	"leat/internal/record"
)

// grown is a group with a topology and one member in epoch 5, which holds 0:0 since epoch 2 and 0:1 since epoch 4, and gives 1:0 up.
func grown() *alone {
	a := newAlone().(*alone)
	for _, r := range []kind.Record{
		&MetadataRecord{"app", &Metadata{Epoch: 5}},
		&TopologyRecord{"app", topologyOf(wordCount())},
		&MemberRecord{"app", "a", &MemberMetadata{ProcessID: "p", InstanceID: new("one")}},
		&CurrentRecord{"app", "a", &Current{Epoch: 5, Previous: 4, State: MemberUnrevoked,
			Assigned: Assignment{Active: {{"0", 0}: 2, {"0", 1}: 4}}, Revoking: Assignment{Active: {{"1", 0}: 3}}}},
		&MetadataRecord{"empty", &Metadata{Epoch: 5}},
	} {
		a.Apply(machine.Entry[kind.Record]{Record: r})
	}
	return a
}

func TestWhoMayCommit(t *testing.T) {
	tp := func(topic string, p int32) record.TopicPartition {
		return record.TopicPartition{Topic: topic, Partition: p}
	}
	for _, c := range []struct {
		name   string
		commit kind.Commit
		want   int16
	}{
		{"no such group", kind.Commit{Group: "none", MemberID: "x", Epoch: 3}, 0},
		{"an administrator, nobody there", kind.Commit{Group: "empty", Epoch: -1, Version: 9}, 0},
		{"an administrator, somebody there", kind.Commit{Group: "app", Epoch: -1, Version: 9}, codeUnknownMemberID},
		{"a member that is gone, nobody there", kind.Commit{Group: "empty", MemberID: "a", Epoch: 3, Version: 9}, codeUnknownMemberID},
		{"in a transaction, without a name", kind.Commit{Group: "app", Epoch: -1, Transactional: true}, 0},
		{"in a transaction, without a name but an instance", kind.Commit{Group: "app", Epoch: -1, Transactional: true, InstanceID: new("one")}, codeUnknownMemberID},
		{"somebody else", kind.Commit{Group: "app", MemberID: "x", Epoch: 5, Version: 9}, codeUnknownMemberID},
		{"before epochs were known", kind.Commit{Group: "app", MemberID: "a", Epoch: 5, Version: 8}, codeUnsupportedVersion},
		{"in a transaction of any version", kind.Commit{Group: "app", MemberID: "a", Epoch: 5, Transactional: true}, 0},
		{"ahead", kind.Commit{Group: "app", MemberID: "a", Epoch: 6, Version: 9}, codeStaleMemberEpoch},
		{"where it is, whatever it commits", kind.Commit{Group: "app", MemberID: "a", Epoch: 5, Version: 9, Partitions: []record.TopicPartition{tp("x", 9)}}, 0},
		{"behind, held since", kind.Commit{Group: "app", MemberID: "a", Epoch: 3, Version: 9, Partitions: []record.TopicPartition{tp("lines", 0)}}, 0},
		{"behind, before it was held", kind.Commit{Group: "app", MemberID: "a", Epoch: 3, Version: 9, Partitions: []record.TopicPartition{tp("lines", 0), tp("lines", 1)}}, codeStaleMemberEpoch},
		{"behind, being given up", kind.Commit{Group: "app", MemberID: "a", Epoch: 4, Version: 9, Partitions: []record.TopicPartition{tp("app-words", 0)}}, 0},
		{"behind, not held", kind.Commit{Group: "app", MemberID: "a", Epoch: 4, Version: 9, Partitions: []record.TopicPartition{tp("lines", 2)}}, codeStaleMemberEpoch},
		{"behind, a topic that nobody reads", kind.Commit{Group: "app", MemberID: "a", Epoch: 4, Version: 9, Partitions: []record.TopicPartition{tp("x", 0)}}, codeStaleMemberEpoch},
	} {
		t.Run(c.name, func(t *testing.T) {
			a := grown()
			if got := a.CheckCommit(a, c.commit); got != c.want {
				t.Errorf("code is %d, want %d", got, c.want)
			}
		})
	}
}

func TestWhoMayReadOffsets(t *testing.T) {
	for _, c := range []struct {
		group  string
		member *string
		epoch  int32
		want   int16
	}{
		{"app", nil, -1, 0}, {"none", new("x"), 3, 0}, {"app", new("a"), 5, 0}, {"app", new("a"), 4, codeStaleMemberEpoch},
		{"app", new("x"), 5, codeUnknownMemberID}, {"app", nil, 5, codeUnknownMemberID},
	} {
		a := grown()
		if got := a.CheckFetch(a, c.group, c.member, c.epoch); got != c.want {
			t.Errorf("%s, %v, %d: code is %d, want %d", c.group, c.member, c.epoch, got, c.want)
		}
	}
}

// TestOffsetsOfUnknownTasksAreForgotten has a member report offsets of tasks that cannot be: memory is bounded by the topology.
func TestOffsetsOfUnknownTasksAreForgotten(t *testing.T) {
	got := topologyOf(wordCount()).known(map[Task]int64{{"0", 1}: 7, {"0", -1}: 7, {"0", maxTasks}: 7, {"else", 0}: 7})
	if len(got) != 1 || got[Task{"0", 1}] != 7 {
		t.Errorf("known are %v", got)
	}
}
