package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
	"leat/internal/record"
	"leat/internal/wire"
)

// changedVoters is what commands that change the voters print with -o json.
type changedVoters struct {
	Removed *changedVoter `json:"removed,omitempty"`
	Added   *changedVoter `json:"added,omitempty"`
}

type changedVoter struct {
	ID        int32  `json:"id"`
	Directory string `json:"directory_id"`
	Endpoint  string `json:"endpoint,omitempty"`
}

func (p *program) quorumAddCommand() *cobra.Command {
	var flags clusterFlags
	cmd := &cobra.Command{
		Use:   "add-controller HOST:PORT",
		Short: "Make a running controller one that votes",
		Long: `Make a running controller one that votes. The address is that of its controller listener; what its id and directory are, it says itself. It must have
the cluster's id already: a fresh one takes it from those that controller.quorum.bootstrap.servers names. It votes as soon as it has the metadata log.`,
		Args: cobra.ExactArgs(1),
	}
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, args []string) error {
		at, err := readAddress(args[0])
		if err != nil {
			return err
		}
		state, err := flags.describeQuorum(ctx)
		if err != nil {
			return run.Failed(err)
		}
		who, err := identify(ctx, at)
		if err != nil {
			return run.Failed(err)
		}
		if err := flags.addVoter(ctx, state, who, at); err != nil {
			return run.Failed(err)
		}
		return p.printChange(&flags, changedVoters{Added: added(who, at)})
	})
}

func (p *program) quorumRemoveCommand() *cobra.Command {
	var flags clusterFlags
	var directory string
	cmd := &cobra.Command{
		Use:     "remove-controller ID",
		Short:   "Take a controller's vote away",
		Long:    `Take a controller's vote away. It may run or be gone. A majority of those that are left must be up; a leader that is removed hands over first.`,
		Example: "  leat quorum remove-controller 3 --plan\n  leat quorum remove-controller 3 --yes",
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&directory, "directory-id", "", "`ID` of the directory that it votes from; without it that of the voter with the node's id")
	p.clusterCommandOf(cmd, &flags, func(ctx context.Context, args []string) error {
		id, err := nodeID(args[0])
		if err != nil {
			return err
		}
		state, err := flags.describeQuorum(ctx)
		if err != nil {
			return run.Failed(err)
		}
		voter, ok := state.voter(id)
		if directory != "" {
			if voter.DirectoryID, err = record.ParseUUID(directory); err != nil {
				return fmt.Errorf("--directory-id=%s: %w", directory, err)
			}
		} else if !ok {
			return run.Failed(fmt.Errorf("controller %d does not vote: leat quorum describe lists those that do", id))
		}
		if flags.out.Planning() {
			step := present.Step{Object: fmt.Sprintf("controller %d", id), Action: "remove", What: "vote", Before: "directory " + voter.DirectoryID.String()}
			return flags.out.Carry(ctx, present.Steps{step}, "")
		}
		if err := flags.out.Confirm(fmt.Sprintf("take the vote of controller %d away", id)); err != nil {
			return err
		}
		if err := flags.removeVoter(ctx, id, voter.DirectoryID); err != nil {
			return run.Failed(err)
		}
		return p.printChange(&flags, changedVoters{Removed: &changedVoter{ID: id, Directory: voter.DirectoryID.String()}})
	})
	flags.out.AddPlan(cmd)
	flags.out.AddYes(cmd)
	return cmd
}

func (p *program) quorumReplaceCommand() *cobra.Command {
	var flags clusterFlags
	var at string
	cmd := &cobra.Command{
		Use:   "replace-controller ID",
		Short: "Let a controller that lost its disk vote again, from its new one",
		Long: `Let a controller that lost its disk vote again, from its new one. Start it first, with the same node.id and empty log.dirs: it takes the cluster's id
from the others and waits. Then its old vote, which stood in the directory that is gone, is taken away, and it is added with the new directory. Done
again after it broke off, it goes on where it was.`,
		Example: `  leat quorum replace-controller 3 --bootstrap-server broker1:9092`,
		Args:    cobra.ExactArgs(1),
	}
	cmd.Flags().StringVar(&at, "at", "", "`HOST:PORT` of its controller listener; without it where the old one was reached, or where it registered")
	return p.clusterCommandOf(cmd, &flags, func(ctx context.Context, args []string) error {
		id, err := nodeID(args[0])
		if err != nil {
			return err
		}
		var change changedVoters
		if change, err = flags.replaceVoter(ctx, id, at); err != nil {
			return run.Failed(err)
		}
		return p.printChange(&flags, change)
	})
}

// replaceVoter removes the vote of a directory that is gone and adds the controller with its new one. Before anything is changed the new one must have
// said that it is there and belongs here.
func (f *clusterFlags) replaceVoter(ctx context.Context, id int32, at string) (changedVoters, error) {
	var change changedVoters
	state, err := f.describeQuorum(ctx)
	if err != nil {
		return change, err
	}
	old, votes := state.voter(id)
	if votes && old.DirectoryID.IsZero() {
		return change, fmt.Errorf("controller %d stands in controller.quorum.voters (kraft.version 0): its directory is not known to the others, so it needs no replacement, only an empty log.dirs", id)
	}
	switch {
	case at == "" && len(old.Endpoints) > 0:
		at = old.Endpoints[0].address()
	case at == "":
		if at = state.registered(ctx, id); at == "" {
			return change, fmt.Errorf("controller %d does not vote and has not registered, so where it is is not known: start it, or say --at HOST:PORT", id)
		}
	}
	if at, err = readAddress(at); err != nil {
		return change, err
	}
	who, err := identify(ctx, at)
	switch {
	case err != nil:
		return change, run.Hint(err, "start the new controller with node.id=%d and empty log.dirs, or say --at where it is", id)
	case who.NodeID != id:
		return change, fmt.Errorf("%s is controller %d, not %d", at, who.NodeID, id)
	case votes && who.DirID == old.DirectoryID:
		return change, fmt.Errorf("controller %d votes from directory %s and has it: nothing is to be replaced", id, who.DirID)
	}
	if votes {
		if err := f.removeVoter(ctx, id, old.DirectoryID); err != nil {
			return change, err
		}
		change.Removed = &changedVoter{ID: id, Directory: old.Directory}
	}
	if err := f.addVoter(ctx, state, who, at); err != nil {
		return change, run.Hint(err, "the old vote is removed already; do the same again")
	}
	change.Added = added(who, at)
	return change, nil
}

func (s *quorumState) voter(id int32) (quorumReplica, bool) {
	i := slices.IndexFunc(s.Voters, func(r quorumReplica) bool { return r.ID == id })
	if i < 0 {
		return quorumReplica{}, false
	}
	return s.Voters[i], true
}

// registered is where a controller is reached that does not vote, as it told when it registered with the others; "": it has not. Controllers know that, so
// the voters are asked where they are.
func (s *quorumState) registered(ctx context.Context, id int32) string {
	for _, v := range s.Voters {
		for _, e := range v.Endpoints {
			from := clusterFlags{controllers: e.address()}
			resp, err := from.describeCluster(ctx, false)
			if err != nil {
				continue
			}
			for _, n := range resp.Brokers {
				if n.NodeID == id && n.Host != "" {
					return net.JoinHostPort(n.Host, strconv.Itoa(int(n.Port)))
				}
			}
		}
	}
	return ""
}

// identify asks a controller who it is.
func identify(ctx context.Context, at string) (*wire.IdentityResponse, error) {
	answer, err := askAt(ctx, at, &wire.Identity{NodeID: -1})
	if err != nil {
		return nil, fmt.Errorf("controller at %s: %w", at, err)
	}
	resp, ok := answer.(*wire.IdentityResponse)
	if !ok {
		return nil, fmt.Errorf("controller at %s answered with %T", at, answer)
	}
	if err := answered("controller at "+at, resp.ErrorCode, nil); err != nil {
		return nil, err
	}
	if resp.ClusterID == "" {
		return nil, fmt.Errorf("controller at %s has not found its cluster yet: name the cluster's controllers in its controller.quorum.bootstrap.servers", at)
	}
	return resp, nil
}

// addVoter adds a controller, which is reached by the listener that the others have for this.
func (f *clusterFlags) addVoter(ctx context.Context, state *quorumState, who *wire.IdentityResponse, at string) error {
	leader, _ := state.voter(state.LeaderID)
	if len(leader.Endpoints) == 0 {
		return errors.New("the leader does not tell its listeners, so what the new voter's is called is not known")
	}
	host, portText, err := net.SplitHostPort(at)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	rq := kmsg.NewPtrAddRaftVoterRequest()
	rq.ClusterID, rq.VoterID, rq.VoterDirectoryID = &who.ClusterID, who.NodeID, who.DirID
	rq.TimeoutMillis = int32(f.timeout.Milliseconds())
	rq.Listeners = []kmsg.AddRaftVoterRequestListener{{Name: leader.Endpoints[0].Name, Host: host, Port: uint16(port)}}
	answer, err := f.ask(ctx, rq)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.AddRaftVoterResponse)
	if !ok {
		return fmt.Errorf("AddRaftVoter was answered with %T", answer)
	}
	return answered(fmt.Sprintf("add controller %d, directory %s", who.NodeID, who.DirID), resp.ErrorCode, resp.ErrorMessage)
}

func (f *clusterFlags) removeVoter(ctx context.Context, id int32, directory record.UUID) error {
	rq := kmsg.NewPtrRemoveRaftVoterRequest()
	rq.VoterID, rq.VoterDirectoryID = id, directory
	answer, err := f.ask(ctx, rq)
	if err != nil {
		return err
	}
	resp, ok := answer.(*kmsg.RemoveRaftVoterResponse)
	if !ok {
		return fmt.Errorf("RemoveRaftVoter was answered with %T", answer)
	}
	return answered(fmt.Sprintf("remove controller %d, directory %s", id, directory), resp.ErrorCode, resp.ErrorMessage)
}

func added(who *wire.IdentityResponse, at string) *changedVoter {
	return &changedVoter{ID: who.NodeID, Directory: who.DirID.String(), Endpoint: at}
}

func (p *program) printChange(f *clusterFlags, c changedVoters) error {
	if f.output == "json" {
		return p.printJSON(c)
	}
	var lines []string
	if c.Removed != nil {
		lines = append(lines, fmt.Sprintf("controller %d no longer votes from directory %s", c.Removed.ID, c.Removed.Directory))
	}
	if c.Added != nil {
		lines = append(lines, fmt.Sprintf("controller %d at %s votes from directory %s", c.Added.ID, c.Added.Endpoint, c.Added.Directory))
	}
	return p.print(lines)
}

// readAddress checks that an address has a host and a port.
func readAddress(text string) (string, error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", fmt.Errorf("address %q: not HOST:PORT: %w", text, err)
	}
	if port, err := strconv.ParseUint(portText, 10, 16); err != nil || port == 0 || host == "" {
		return "", fmt.Errorf("address %q: not HOST:PORT", text)
	}
	return text, nil
}
