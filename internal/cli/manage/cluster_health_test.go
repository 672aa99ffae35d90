package manage

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// voter is what the leader says of one: where its log ends, when it last fetched and when it had everything.
func voter(id int32, end, fetched, caughtUp int64) kmsg.DescribeQuorumResponseTopicPartitionReplicaState {
	v := kmsg.NewDescribeQuorumResponseTopicPartitionReplicaState()
	v.ReplicaID, v.LogEndOffset, v.LastFetchTimestamp, v.LastCaughtUpTimestamp = id, end, fetched, caughtUp
	return v
}

func TestControllersThatAreNotHeardOfAreNotHealthy(t *testing.T) {
	const now = 1_000_000
	leader, well := voter(1, 500, now, now), voter(2, 499, now-300, now-300)
	for _, x := range []struct {
		what   string
		third  kmsg.DescribeQuorumResponseTopicPartitionReplicaState
		leader int32
		want   int
		says   string
	}{
		{"all there", voter(3, 500, now-100, now-100), 1, 0, ""},
		{"all there that are expected", voter(3, 500, now-100, now-100), 1, 3, ""},
		{"one more is expected", voter(3, 500, now-100, now-100), 1, 4, "4 are expected (--controllers), 3 are well"},
		{"never heard of", voter(3, -1, -1, -1), 1, 0, "controller 3 votes, and has not been heard of"},
		{"gone, with all records", voter(3, 500, now-60_000, now-60_000), 1, 0, "controller 3 votes, and was heard of 1m0s ago"},
		{"it reads up", voter(3, 20, now-100, -1), 1, 0, "controller 3 is 480 records behind"},
		{"it has fallen behind", voter(3, 20, now-100, now-11_000), 1, 0, "controller 3 is 480 records behind"},
		{"a moment behind", voter(3, 490, now-100, now-2000), 1, 0, ""},
		{"nobody leads", voter(3, -1, -1, -1), -1, 0, "no leader"},
	} {
		p := kmsg.NewDescribeQuorumResponseTopicPartition()
		p.LeaderID = x.leader
		p.CurrentVoters = []kmsg.DescribeQuorumResponseTopicPartitionReplicaState{leader, well, x.third}
		k := controllersCheck(&p, x.want)
		if told := strings.Join(k.Examples, "; "); k.Healthy != (x.says == "") || !strings.Contains(told, x.says) {
			t.Errorf("%s: healthy %v, %q", x.what, k.Healthy, told)
		}
	}
	// A cluster that tells no times.
	p := kmsg.NewDescribeQuorumResponseTopicPartition()
	p.LeaderID = 1
	p.CurrentVoters = []kmsg.DescribeQuorumResponseTopicPartitionReplicaState{voter(1, 500, -1, -1), voter(2, 400, -1, -1)}
	if k := controllersCheck(&p, 0); !k.Healthy {
		t.Errorf("without times: %+v", k)
	}
}

// A cluster is healthy when those are there whom somebody expects, and when nobody is missing who is registered.
func TestHealthKnowsWhoIsMissing(t *testing.T) {
	first := run1(t, "node.id=1", "offsets.topic.replication.factor=1")
	at := first.Bootstrap
	does(t, at, "cluster", "health", "--wait", "30s", "--controllers", "1", "--brokers", "1")
	if status, out, problems := leat("cluster", "health", "--brokers", "2", "-b", at); status != 1 || !strings.Contains(out, "2 are expected (--brokers), 1 are up") {
		t.Errorf("one broker of two: status %d: %s %s", status, out, problems)
	}
	second, stop := runUntil(t, "node.id=2", "process.roles=broker", "listeners=PLAINTEXT://127.0.0.1:0", "controller.listener.names=CONTROLLER",
		"controller.quorum.bootstrap.servers="+first.Controller, "cluster.id="+first.ClusterID)
	defer stop()
	if second.Bootstrap == at {
		t.Fatal("the second broker has the address of the first")
	}
	does(t, at, "cluster", "health", "--wait", "30s", "--brokers", "2")
	stop()
	if status, out, problems := leat("cluster", "health", "-b", at); status != 1 || !strings.Contains(out, "broker 2 at ") || !strings.Contains(out, "is fenced") || !strings.Contains(out, "1 of 2 are up") {
		t.Errorf("the second is gone: status %d: %s %s", status, out, problems)
	}
	fails(t, at, 2, "--brokers=-1", "cluster", "health", "--brokers", "-1")
}
