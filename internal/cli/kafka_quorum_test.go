package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/record"
)

// The lines are those that Kafka's own tools printed of such a cluster.
func TestKafkaMetadataQuorumPrintsWhatKafkasPrints(t *testing.T) {
	one, _ := record.ParseUUID("odj7FqVRR_G4Ng0136ykIg")
	two, _ := record.ParseUUID("slOFqzojRT-T38Y5eui0gw")
	s := &quorumState{LeaderID: 1, LeaderEpoch: 1, HighWatermark: 15,
		Voters: []quorumReplica{{ID: 1, DirectoryID: one, Endpoints: []voterListen{{"CONTROLLER", "127.0.0.1", 21093}}, LogEndOffset: 15,
			LastFetch: 1795317085882, LastCaughtUp: 1795317085882}},
		Observers: []quorumReplica{{ID: 2, DirectoryID: two, LogEndOffset: 15, LastFetch: 1795317085726, LastCaughtUp: 1795317085726}}}
	same(t, s.summary("SnNI0d6OdTZtis53m-7WLg"), []string{
		"ClusterId:              SnNI0d6OdTZtis53m-7WLg",
		"LeaderId:               1",
		"LeaderEpoch:            1",
		"HighWatermark:          15",
		"MaxFollowerLag:         0",
		"MaxFollowerLagTimeMs:   0",
		`CurrentVoters:          [{"id": 1, "directoryId": "odj7FqVRR_G4Ng0136ykIg", "endpoints": ["CONTROLLER://127.0.0.1:21093"]}]`,
		`CurrentObservers:       [{"id": 2, "directoryId": "slOFqzojRT-T38Y5eui0gw"}]`,
	})
	same(t, s.replicationTable(false, time.Time{}), []string{
		"NodeId\tDirectoryId           \tLogEndOffset\tLag\tLastFetchTimestamp\tLastCaughtUpTimestamp\tStatus  \t",
		"1     \todj7FqVRR_G4Ng0136ykIg\t15          \t0  \t1795317085882     \t1795317085882        \tLeader  \t",
		"2     \tslOFqzojRT-T38Y5eui0gw\t15          \t0  \t1795317085726     \t1795317085726        \tObserver\t",
	})
	if lines := s.replicationTable(true, time.UnixMilli(1795317085962)); !strings.Contains(lines[2], "\t236 ms ago        \t236 ms ago           \t") {
		t.Errorf("%q", lines[2])
	}
	s.Voters = append(s.Voters, quorumReplica{ID: 3, LogEndOffset: 12, LastFetch: -1, LastCaughtUp: 1795317085000})
	if lines := s.summary("c"); lines[4] != "MaxFollowerLag:         3" || lines[5] != "MaxFollowerLagTimeMs:   882" || !strings.HasSuffix(lines[6], `, {"id": 3}]`) {
		t.Errorf("with a follower behind: %q", lines[4:7])
	}
}

func same(t *testing.T, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestKafkaClusterPrintsWhatKafkasPrints(t *testing.T) {
	rack := "r1"
	brokers := []kmsg.DescribeClusterResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: 21092, Rack: &rack}, {NodeID: 2, Host: "127.0.0.1", Port: 21192, IsFenced: true}}
	same(t, endpointLines(brokers, false), []string{
		"ID         HOST      PORT       RACK STATE      ENDPOINT_TYPE  ",
		"1          127.0.0.1 21092      r1 unfenced   broker         ",
		"2          127.0.0.1 21192      null fenced     broker         ",
	})
	same(t, endpointLines([]kmsg.DescribeClusterResponseBroker{{NodeID: 1, Host: "127.0.0.1", Port: 21093}}, true), []string{
		"ID         HOST      PORT       RACK       ENDPOINT_TYPE  ",
		"1          127.0.0.1 21093      null       controller     ",
	})
}

// One program under the names of Kafka's tools, against a node.
func TestToolsOfKafkaAskACluster(t *testing.T) {
	at := startNode(t)
	for _, c := range []struct {
		name, args string
		status     int
		want       string // of standard output, or of standard error if it fails
	}{
		{"kafka-metadata-quorum.sh", "--bootstrap-server AT describe --status", 0, "LeaderId:               1\n"},
		{"kafka-metadata-quorum", "describe --replication --bootstrap-server AT", 0, "\tLeader\t\n"},
		{"kafka-metadata-quorum", "--bootstrap-server AT describe", 1, "One of --status or --replication must be specified with describe sub-command\n"},
		{"kafka-metadata-quorum", "--bootstrap-server AT describe --status --human-readable", 1, "The option --human-readable is only supported along with --replication\n"},
		{"kafka-metadata-quorum", "describe --status", 1, "is required"},
		{"kafka-metadata-quorum", "--bootstrap-server AT", 1, "kafka-metadata-quorum: error: too few arguments\n"},
		{"kafka-metadata-quorum", "--bootstrap-server AT remove-controller --controller-id -4 --controller-directory-id x", 1, "Invalid negative --controller-id: -4\n"},
		{"kafka-metadata-quorum", "--bootstrap-server AT remove-controller -i 9 -d AAAAAAAAAAAAAAAAAAAAAg --dry-run", 0,
			"DRY RUN of removing  KRaft controller 9 with directory id AAAAAAAAAAAAAAAAAAAAAg\n"},
		{"kafka-metadata-quorum", "--bootstrap-server AT remove-controller -i 9 -d AAAAAAAAAAAAAAAAAAAAAg", 1, "remove controller 9"},
		{"kafka-metadata-quorum", "--bootstrap-server AT add-controller", 1, "You must supply the configuration file"},
		{"kafka-cluster.sh", "cluster-id -b AT", 0, "Cluster ID: "},
		{"kafka-cluster", "list-endpoints --bootstrap-server AT", 0, "unfenced   broker"},
		{"kafka-cluster", "unregister -b AT --id 7", 1, "Broker ID 7 is not currently registered"},
		{"kafka-cluster", "unregister -b AT", 1, "kafka-cluster: error: argument --id/-i is required\n"},
		{"kafka-cluster", "cluster-id", 1, "is required"},
		{"kafka-cluster", "cluster-id -b AT -C AT", 1, "not allowed with"},
	} {
		args := calledAs(append([]string{"/usr/bin/" + c.name}, strings.Fields(strings.ReplaceAll(c.args, "AT", at))...))
		status, out, problems := leat(args...)
		if c.status != 0 {
			out = problems
		}
		if status != c.status || !strings.Contains(out, c.want) {
			t.Errorf("%s %s: %d: %s%s", c.name, c.args, status, out, problems)
		}
	}
}

func TestKafkaMetadataQuorumReadsTheControllersFile(t *testing.T) {
	dir := t.TempDir()
	directory := record.UUID{15: 9}
	if err := os.WriteFile(filepath.Join(dir, "meta.properties"), fmt.Appendf(nil, "version=1\nnode.id=4\ncluster.id=c\ndirectory.id=%s\n", directory), 0o644); err != nil {
		t.Fatal(err)
	}
	base := "node.id=4\nprocess.roles=controller\nlog.dirs=" + dir + ",/elsewhere\ncontroller.listener.names=CONTROLLER\nlisteners=CONTROLLER://:9093\n"
	for add, want := range map[string]string{
		"": fmt.Sprintf("DRY RUN of adding controller 4 with directory id %s and endpoints: CONTROLLER://localhost:9093\n", directory),
		"advertised.listeners=CONTROLLER://c4.example:19093\n": "endpoints: CONTROLLER://c4.example:19093\n",
		"process.roles=broker\n":                               "process.roles did not contain 'controller'",
		"controller.listener.names=OTHER\n":                    "Cannot find information about controller listener name: OTHER",
		"metadata.log.dir=/nowhere\n":                          "Unable to read meta.properties from /nowhere",
		"security.protocol=SECRET\n":                           "security.protocol=SECRET: it is one of PLAINTEXT, SSL, SASL_PLAINTEXT, SASL_SSL",
	} {
		file := filepath.Join(t.TempDir(), "c.properties")
		if err := os.WriteFile(file, []byte(base+add), 0o644); err != nil {
			t.Fatal(err)
		}
		_, out, problems := leat("kafka-metadata-quorum", "--bootstrap-server", "127.0.0.1:1", "--command-config", file, "add-controller", "--dry-run")
		if !strings.Contains(out+problems, want) {
			t.Errorf("%q: %s%s, want %q", add, out, problems, want)
		}
	}
}
