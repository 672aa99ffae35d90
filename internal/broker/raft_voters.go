package broker

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/quorum"
	"leat/internal/record"
)

// Voters is the membership of the controller quorum.
type Voters interface {
	// Active tells who leads, as far as this node knows.
	Active() (leader, epoch int32, known bool)
	// Members are those who vote, and those that are about to.
	Members() []quorum.Member
	// Change changes the voters and waits for the outcome.
	Change(ctx context.Context, c quorum.Change) error
}

// voterRoutes are the APIs by which the controllers that vote change (KIP-853).
var voterRoutes = []route{
	{key: 80, handle: (*Handlers).addRaftVoter, waits: true},
	{key: 81, handle: (*Handlers).removeRaftVoter, waits: true},
	{key: 82, handle: (*Handlers).updateRaftVoter, waits: true},
}

// changeTimeout bounds a change that brings no time of its own, and is what a voter that is to be added gets at least to catch up.
const changeTimeout = 15 * time.Second

// changeTimeoutMax bounds what a request may ask for: as long as a voter is being added, no other change begins.
const changeTimeoutMax = 15 * time.Minute

// addRaftVoter makes a controller a voter. Kafka answers one that is not caught up with REQUEST_TIMED_OUT at once; here the answer waits
// until it is, within the request's time. It is given when the change is committed, also where a controller asks for itself and says that it
// need not be: nothing that it does has to wait for that.
func (h *Handlers) addRaftVoter(c *Call) {
	rq := c.Body.(*kmsg.AddRaftVoterRequest)
	timeout := min(max(time.Duration(rq.TimeoutMillis)*time.Millisecond, time.Second), changeTimeoutMax)
	h.changeVoters(c, rq.ClusterID, timeout, func() (quorum.Change, error) {
		voter := quorum.Member{ID: rq.VoterID, DirID: record.UUID(rq.VoterDirectoryID)}
		if !namesVoter(voter) {
			return quorum.Change{}, refusedVoter(kerr.InvalidRequest, "Add voter request didn't include a valid voter")
		}
		var told []string
		for _, l := range rq.Listeners {
			voter.Endpoints = append(voter.Endpoints, quorum.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port})
			told = append(told, fmt.Sprintf("%s=%s:%d", l.Name, l.Host, l.Port))
		}
		if listener := h.quorumListener(); !reachedBy(voter, listener) {
			return quorum.Change{}, refusedVoter(kerr.InvalidRequest, "Add voter request didn't include the endpoint (%s) for the default listener %s",
				strings.Join(told, ", "), listener)
		}
		if h.staticVoters() {
			return quorum.Change{}, refusedVoter(kerr.UnsupportedVersion, "Cluster doesn't support adding voter because the kraft.version feature is 0")
		}
		for _, m := range h.voters() {
			if m.ID == voter.ID {
				return quorum.Change{}, refusedVoter(kerr.DuplicateVoter, "The voter id for %s is already part of the set of voters %s.", replicaKey(voter), h.replicaKeys())
			}
		}
		voter.MinKRaft, voter.MaxKRaft = kraftVersions() // who follows leat's controllers by their frames is one of them
		return quorum.Change{Action: quorum.AddVoter, Voter: voter}, nil
	})
}

// removeRaftVoter makes a controller one that does not vote any more.
func (h *Handlers) removeRaftVoter(c *Call) {
	rq := c.Body.(*kmsg.RemoveRaftVoterRequest)
	h.changeVoters(c, rq.ClusterID, changeTimeout, func() (quorum.Change, error) {
		voter := quorum.Member{ID: rq.VoterID, DirID: record.UUID(rq.VoterDirectoryID)}
		if !namesVoter(voter) {
			return quorum.Change{}, refusedVoter(kerr.InvalidRequest, "Remove voter request didn't include a valid voter")
		}
		if h.staticVoters() {
			return quorum.Change{}, refusedVoter(kerr.UnsupportedVersion, "Cluster doesn't support removing voter because the kraft.version feature is 0")
		}
		for _, m := range h.Voters.Members() { // also one that was about to vote when its leader was lost
			if m.ID == voter.ID && m.DirID == voter.DirID {
				return quorum.Change{Action: quorum.RemoveVoter, Voter: m}, nil
			}
		}
		return quorum.Change{}, refusedVoter(kerr.VoterNotFound, "Cannot remove voter %s from the set of voters %s", replicaKey(voter), h.replicaKeys())
	})
}

// updateRaftVoter takes in where a voter is reached now and what it supports; voters ask for it themselves after a start.
func (h *Handlers) updateRaftVoter(c *Call) {
	rq := c.Body.(*kmsg.UpdateRaftVoterRequest)
	resp := kmsg.NewPtrUpdateRaftVoterResponse()
	ctx, cancel := context.WithTimeout(c.Gone, changeTimeout)
	defer cancel()
	resp.ErrorCode = codeOf(h.updateVoter(ctx, rq))
	if h.Voters != nil && resp.ErrorCode != kerr.InconsistentClusterID.Code {
		if leader, epoch, known := h.Voters.Active(); known {
			resp.CurrentLeader.LeaderID, resp.CurrentLeader.LeaderEpoch = leader, epoch
			if at, ok := h.controllerEndpoint(c.Image, leader, c.Conn.Listener); ok {
				resp.CurrentLeader.Host, resp.CurrentLeader.Port = at.Host, int32(at.Port)
			}
		}
	}
	c.Respond(resp)
}

func (h *Handlers) updateVoter(ctx context.Context, rq *kmsg.UpdateRaftVoterRequest) error {
	if !h.ownCluster(rq.ClusterID) {
		return kerr.InconsistentClusterID
	}
	if !h.leadsQuorum() {
		return kerr.NotLeaderForPartition
	}
	if _, epoch, _ := h.Voters.Active(); rq.CurrentLeaderEpoch < epoch {
		return kerr.FencedLeaderEpoch
	} else if rq.CurrentLeaderEpoch > epoch {
		return kerr.UnknownLeaderEpoch
	}
	voter := quorum.Member{ID: rq.VoterID, DirID: record.UUID(rq.VoterDirectoryID),
		MinKRaft: rq.KRaftVersionFeature.MinSupportedVersion, MaxKRaft: rq.KRaftVersionFeature.MaxSupportedVersion}
	for _, l := range rq.Listeners {
		voter.Endpoints = append(voter.Endpoints, quorum.Endpoint{Name: l.Name, Host: l.Host, Port: l.Port})
	}
	switch {
	case !namesVoter(voter):
		return kerr.InvalidRequest
	case h.staticVoters():
		return kerr.UnsupportedVersion
	case voter.MinKRaft > 1 || voter.MaxKRaft < 1 || !reachedBy(voter, h.quorumListener()):
		return kerr.InvalidRequest
	}
	for _, m := range h.voters() {
		if m.ID == voter.ID && m.DirID == voter.DirID {
			return h.Voters.Change(ctx, quorum.Change{Action: quorum.UpdateVoter, Voter: voter})
		}
	}
	return kerr.VoterNotFound
}

// changeVoters carries out what a request asks for, where the controllers are led. Elsewhere a broker hands it on, and a controller says that it does
// not lead: in an envelope so that the broker asks again, to a client so that it looks for who does.
func (h *Handlers) changeVoters(c *Call, clusterID *string, timeout time.Duration, read func() (quorum.Change, error)) {
	if !h.ownCluster(clusterID) {
		c.Respond(refuseAll(c.Body, kerr.InconsistentClusterID.Code, fmt.Sprintf("The given id %q doesn't match the cluster id %q", *clusterID, h.ClusterID)))
		return
	}
	if !h.leadsQuorum() {
		h.voterChangeElsewhere(c, timeout)
		return
	}
	change, err := read()
	if err == nil {
		ctx, cancel := context.WithTimeout(c.Gone, timeout)
		defer cancel()
		err = h.changeLed(ctx, change)
		switch {
		case handedOver(err) && !h.leadsQuorum():
			h.voterChangeElsewhere(c, timeout)
			return
		case handedOver(err):
			err = fmt.Errorf("%w: %w", kerr.RequestTimedOut, err)
		}
	}
	if err == nil {
		c.Respond(c.Body.ResponseKind())
		return
	}
	c.Respond(refuseAll(c.Body, codeOf(err), err.Error()))
}

func (h *Handlers) voterChangeElsewhere(c *Call, timeout time.Duration) {
	switch {
	case c.envelope != nil:
		c.Respond(refuseAll(c.Body, kerr.NotController.Code, ""))
	case c.Conn.Control:
		c.Respond(refuseAll(c.Body, kerr.NotLeaderForPartition.Code, ""))
	default:
		if resp := h.askController(c, int32(timeout/time.Millisecond)); resp != nil {
			c.Respond(resp)
		}
	}
}

// changeLed asks the quorum for a change for as long as this node leads. A leader that was elected a moment ago refuses until an entry of its epoch is
// committed, and one that is to be removed hands its leadership over first, which may come to nothing: nobody else can be asked while neither is over.
func (h *Handlers) changeLed(ctx context.Context, change quorum.Change) error {
	for {
		err := h.Voters.Change(ctx, change)
		if !handedOver(err) || h.otherLeads(ctx) || ctx.Err() != nil {
			return err
		}
	}
}

// handedOver reports whether a change was refused because this node does not lead, not any more or not yet.
func handedOver(err error) bool {
	return errors.Is(err, kerr.NotController) || errors.Is(err, kerr.NotLeaderForPartition)
}

// otherLeads reports whether another controller leads, and gives it a moment to be elected.
func (h *Handlers) otherLeads(ctx context.Context) bool {
	const look, moment = 10 * time.Millisecond, 200 * time.Millisecond
	ctx, cancel := context.WithTimeout(ctx, moment)
	defer cancel()
	ticker := time.NewTicker(look)
	defer ticker.Stop()
	for {
		if leader, _, known := h.Voters.Active(); known && leader != h.NodeID {
			return true
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
}

// leadsQuorum reports whether this node is the active controller.
func (h *Handlers) leadsQuorum() bool {
	if h.Voters == nil {
		return false
	}
	leader, _, known := h.Voters.Active()
	return known && leader == h.NodeID
}

// voters are the members that vote.
func (h *Handlers) voters() []quorum.Member {
	var out []quorum.Member
	for _, m := range h.Voters.Members() {
		if !m.Learner {
			out = append(out, m)
		}
	}
	return out
}

// staticVoters reports whether the voters stand in the configuration (kraft.version 0): then nobody knows their directories.
func (h *Handlers) staticVoters() bool {
	for _, m := range h.voters() {
		if !m.DirID.IsZero() {
			return false
		}
	}
	return true
}

// quorumListener is the listener on which controllers reach each other.
func (h *Handlers) quorumListener() string {
	names := h.Config().List("controller.listener.names")
	if len(names) == 0 {
		return ""
	}
	return names[0]
}

// controllerEndpoint is where a controller is reached on a listener: as it stands among the voters, or as it registered.
func (h *Handlers) controllerEndpoint(im *metadata.Image, id int32, listener string) (quorum.Endpoint, bool) {
	for _, ep := range h.controllerListeners(im, id) {
		if ep.Name == listener {
			return ep, true
		}
	}
	return quorum.Endpoint{}, false
}

// controllerListeners are the listeners of a controller, as far as this node knows.
func (h *Handlers) controllerListeners(im *metadata.Image, id int32) []quorum.Endpoint {
	if h.Voters != nil {
		for _, m := range h.Voters.Members() {
			if m.ID == id && len(m.Endpoints) > 0 {
				return m.Endpoints
			}
		}
	}
	var out []quorum.Endpoint
	for _, registered := range im.Controllers() {
		if registered.ControllerID == id {
			for _, ep := range registered.EndPoints {
				out = append(out, quorum.Endpoint{Name: ep.Name, Host: ep.Host, Port: ep.Port})
			}
		}
	}
	if len(out) == 0 && id == h.NodeID {
		for _, ep := range h.ControllerEndpoints() {
			out = append(out, quorum.Endpoint{Name: ep.Name, Host: ep.Host, Port: ep.Port})
		}
	}
	return out
}

func reachedBy(m quorum.Member, listener string) bool {
	for _, ep := range m.Endpoints {
		if ep.Name == listener && ep.Host != "" && ep.Port != 0 {
			return true
		}
	}
	return false
}

// namesVoter reports whether a voter is named as it must be: by id and directory.
func namesVoter(m quorum.Member) bool { return m.ID >= 0 && !m.DirID.IsZero() }

// kraftVersions are the levels of kraft.version that this program supports.
func kraftVersions() (lowest, highest int16) {
	for _, f := range metadata.SupportedFeatures() {
		if f.Name == metadata.FeatureKRaftVersion {
			return f.Range.Min, f.Range.Max
		}
	}
	return 0, 0
}

// replicaKey names a voter as Kafka does in its texts.
func replicaKey(m quorum.Member) string {
	return fmt.Sprintf("ReplicaKey(id=%d, directoryId=%s)", m.ID, m.DirID)
}

func (h *Handlers) replicaKeys() string {
	var keys []string
	for _, m := range h.voters() {
		keys = append(keys, replicaKey(m))
	}
	return "[" + strings.Join(keys, ", ") + "]"
}

// voterRefusal is why a change of the voters is refused, in Kafka's words.
type voterRefusal struct {
	code *kerr.Error
	text string
}

func (r *voterRefusal) Error() string { return r.text }

func (r *voterRefusal) Unwrap() error { return r.code }

func refusedVoter(code *kerr.Error, format string, args ...any) error {
	return &voterRefusal{code, fmt.Sprintf(format, args...)}
}
