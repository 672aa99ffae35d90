package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"leat/interop/fleet"
)

func (r *run) membership() []step {
	all := []step{
		{name: "kafka-metadata-quorum remove-controller of a stranger is refused", do: func() error {
			return r.refuses("kafka-metadata-quorum", "remove-controller --controller-id 9 --controller-directory-id AAAAAAAAAAAAAAAAAAAAAg", "(?i)cannot remove voter|VoterNotFound|not part of the set of voters")
		}},
		{name: "kafka-metadata-quorum add-controller of a voter is refused", do: func() error {
			return r.addController(r.fleet.Node(1), "(?i)already part of the set of voters|DuplicateVoter")
		}},
	}
	if len(r.fleet.Controllers()) < 3 {
		return all
	}
	return append(all,
		step{name: "kafka-metadata-quorum remove-controller, and add-controller again", do: func() error { return r.takeOut(r.follower()) }},
		step{name: "kafka-metadata-quorum remove-controller of the leader, and add-controller", do: func() error {
			leader, err := r.leader()
			if err != nil {
				return err
			}
			return r.takeOut(r.fleet.Node(leader))
		}},
		step{name: "leat quorum replace-controller of one that lost its disk", do: r.loseDisk},
	)
}

// loseDisk empties a controller's directories and lets it vote again with the one command that leat has for it.
func (r *run) loseDisk() error {
	if !r.leat() {
		return nil // Kafka needs three: kafka-storage format, remove-controller, add-controller
	}
	n := r.follower()
	before, err := directoryID(n)
	if err != nil {
		return err
	}
	n.Kill()
	if err := n.Empty(); err != nil {
		return err
	}
	launched, err := n.Launch() // it is ready when it votes
	if err != nil {
		return err
	}
	for _, want := range []string{fmt.Sprintf("controller %d no longer votes from directory %s", n.ID, before), "has it: nothing is to be replaced"} {
		if err := r.until(func() error { return r.replace(n, want) }); err != nil {
			return err
		}
	}
	if err := n.Await(r.ctx, launched); err != nil {
		return err
	}
	after, err := directoryID(n)
	if err != nil || after == before {
		return fmt.Errorf("directory %s before and %s after: %w", before, after, err)
	}
	if err := r.shows("kafka-metadata-quorum", "describe --replication", fmt.Sprintf(`^%d\s+%s\s.*Follower`, n.ID, after)); err != nil {
		return err
	}
	return r.inSync()
}

func (r *run) leader() (int32, error) {
	out, err := r.tool("kafka-metadata-quorum", "describe", "--status")
	if err != nil {
		return 0, err
	}
	var id int32
	_, err = fmt.Sscan(first(out, `^LeaderId: +(\d+)$`), &id)
	return id, err
}

// follower is a controller that does not lead; node 3 if nobody can say.
func (r *run) follower() *fleet.Node {
	leader, err := r.leader()
	for _, n := range slices.Backward(r.fleet.Controllers()) {
		if err == nil && n.ID != leader {
			return n
		}
	}
	return r.fleet.Node(3)
}

// directoryID reads a node's directory id.
func directoryID(n *fleet.Node) (string, error) {
	data, err := os.ReadFile(filepath.Join(n.LogDirs()[0], "meta.properties"))
	return first(string(data), `^directory.id=(\S+)`), err
}

// takeOut removes a controller from the voters and adds it again, while all nodes run.
func (r *run) takeOut(n *fleet.Node) error {
	dir, err := directoryID(n)
	if err != nil {
		return err
	}
	if err := r.says("kafka-metadata-quorum", fmt.Sprintf("remove-controller --controller-id %d --controller-directory-id %s", n.ID, dir), fmt.Sprintf("Removed +KRaft controller %d", n.ID)); err != nil {
		return err
	}
	if err := r.until(func() error { return r.votes(n.ID, false) }); err != nil {
		return err
	}
	if err := r.until(func() error {
		return r.addController(n, fmt.Sprintf("Added controller %d with directory id %s", n.ID, dir))
	}); err != nil {
		return err
	}
	return r.until(func() error { return r.votes(n.ID, true) })
}

func (r *run) addController(n *fleet.Node, want string) error {
	out, err := r.raw("kafka-metadata-quorum", "--bootstrap-server", strings.Join(r.running(), ","), "--command-config", n.Properties(), "add-controller")
	if mismatch := matches(out, want); mismatch != nil {
		return errors.Join(mismatch, err)
	}
	return nil
}

// votes checks whether a node is among the voters that describe --status lists.
func (r *run) votes(id int32, want bool) error {
	out, err := r.tool("kafka-metadata-quorum", "describe", "--status")
	if err != nil {
		return err
	}
	voters := first(out, `^(CurrentVoters: .*)$`)
	if strings.Contains(voters, fmt.Sprintf(`"id": %d,`, id)) != want {
		return fmt.Errorf("voter %d, wanted %t: %s", id, want, out)
	}
	return nil
}

// replace runs leat's command for a controller that lost its disk.
func (r *run) replace(n *fleet.Node, want string) error {
	args := []string{"quorum", "replace-controller", fmt.Sprint(n.ID), "--bootstrap-server", strings.Join(r.running(), ",")}
	out, err := exec.CommandContext(r.ctx, r.fleet.Binary, args...).CombinedOutput()
	if mismatch := matches(string(out), want); mismatch != nil {
		return errors.Join(mismatch, err)
	}
	return nil
}

func (r *run) onDisk() []step {
	return []step{
		r.looking("kafka-dump-log --cluster-metadata-decoder of the metadata log", r.dumpLog), // which is written meanwhile
		r.looking("kafka-dump-log --cluster-metadata-decoder of checkpoints", r.dumpCheckpoints),
	}
}

// metadataFiles are those of the metadata log of node 1, with an ending.
func (r *run) metadataFiles(ending string) ([]string, error) {
	return filepath.Glob(filepath.Join(r.fleet.Node(1).LogDirs()[0], "__cluster_metadata-0", "*"+ending))
}

func (r *run) dumpLog() error {
	files, err := r.metadataFiles(".log")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no segments: %w", err)
	}
	out, err := r.raw("kafka-dump-log", "--cluster-metadata-decoder", "--files", files[0])
	if err != nil {
		return err
	}
	if bad := first(out, `(?i)(.*(?:could not decode|isvalid: false|exception).*)`); bad != "" {
		return fmt.Errorf("says %q", bad)
	}
	return matches(out, `"type":"REGISTER_BROKER_RECORD"`, `"type":"TOPIC_RECORD".*"name":"`+topic+`"`, `"type":"PARTITION_CHANGE_RECORD"`, `"type":"FEATURE_LEVEL_RECORD"`,
		`LeaderChange: .*"leaderId":`, `KRaftVersion:? .*"kRaftVersion":1`, `KRaftVoters:? .*"voterId":2`)
}

func (r *run) dumpCheckpoints() error {
	files, err := r.metadataFiles(".checkpoint")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no checkpoints: %w", err)
	}
	out, err := r.raw("kafka-dump-log", "--cluster-metadata-decoder", "--files", files[len(files)-1])
	if err != nil {
		return err
	}
	if bad := first(out, `(?i)(.*(?:could not decode|isvalid: false|exception).*)`); bad != "" {
		return fmt.Errorf("says %q", bad)
	}
	// It may have been made while one of the three was out of the quorum, to be replaced.
	const voter = `"voterId":[123],"voterDirectoryId":"[\w-]{22}","endpoints":\[{"name":"CONTROLLER".*`
	return matches(out, `SnapshotHeader`, `SnapshotFooter`, `KRaftVersion:? .*"kRaftVersion":1`, `KRaftVoters:? .*`+voter+voter)
}
