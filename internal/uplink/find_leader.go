package uplink

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metalog"
	"leat/internal/record"
)

// Leader is the active controller as others told it, with what it says of its voters.
type Leader struct {
	Address
	Voters []Voter
}

// Voter is a controller that votes.
type Voter struct {
	ID    int32
	DirID record.UUID
	Quiet time.Duration // since the leader last heard of it, by the leader's clock
}

// FindLeader asks controllers at addresses of the configuration, for one that does not belong to the quorum and so is told nothing by itself. It learns
// where the others are, too.
func (c *Controllers) FindLeader(ctx context.Context) (Leader, error) {
	var why []error
	for _, a := range c.first {
		at, err := c.askLeader(ctx, a)
		if err == nil {
			var l Leader
			if l, err = c.askVoters(ctx, at); err == nil {
				return l, nil
			}
		}
		why = append(why, err)
	}
	return Leader{}, fmt.Errorf("%w: %w", ErrNoController, errors.Join(why...))
}

// askLeader asks a controller who is active.
func (c *Controllers) askLeader(ctx context.Context, a Address) (Address, error) {
	p := c.line(a)
	defer p.Close()
	rq := kmsg.NewPtrDescribeClusterRequest()
	rq.EndpointType = endpointTypeControllers
	response, err := p.Do(ctx, rq)
	if err != nil {
		return a, err
	}
	resp, ok := response.(*kmsg.DescribeClusterResponse)
	if !ok {
		return a, fmt.Errorf("%s answered DescribeCluster with %T", a, response)
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return a, fmt.Errorf("%s: DescribeCluster: %w", a, err)
	}
	for _, b := range resp.Brokers {
		c.Known(Address{b.NodeID, b.Host, int(b.Port)})
	}
	for _, b := range resp.Brokers {
		if b.NodeID == resp.ControllerID {
			return Address{b.NodeID, b.Host, int(b.Port)}, nil
		}
	}
	return a, fmt.Errorf("%s does not know who is active", a)
}

// askVoters asks the active controller who votes.
func (c *Controllers) askVoters(ctx context.Context, at Address) (Leader, error) {
	p := c.line(at)
	defer p.Close()
	rq := kmsg.NewPtrDescribeQuorumRequest()
	topic := kmsg.NewDescribeQuorumRequestTopic()
	topic.Topic = metalog.Partition.Topic
	topic.Partitions = append(topic.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	rq.Topics = append(rq.Topics, topic)
	response, err := p.Do(ctx, rq)
	if err != nil {
		return Leader{}, err
	}
	resp, ok := response.(*kmsg.DescribeQuorumResponse)
	if !ok || len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return Leader{}, fmt.Errorf("%s: answer to DescribeQuorum is about something else", at)
	}
	part := &resp.Topics[0].Partitions[0]
	if err := errors.Join(kerr.ErrorForCode(resp.ErrorCode), kerr.ErrorForCode(part.ErrorCode)); err != nil {
		return Leader{}, fmt.Errorf("%s: DescribeQuorum: %w", at, err)
	}
	l := Leader{Address: at}
	now := int64(0)
	for _, v := range part.CurrentVoters {
		now = max(now, v.LastFetchTimestamp) // the leader's own is the time of the answer
	}
	for _, v := range part.CurrentVoters {
		l.Voters = append(l.Voters, Voter{v.ReplicaID, v.ReplicaDirectoryID, time.Duration(now-v.LastFetchTimestamp) * time.Millisecond})
	}
	return l, nil
}

// Ask makes a request of a controller at an address, on a connection of its own.
func (c *Controllers) Ask(ctx context.Context, at Address, rq kmsg.Request) (kmsg.Response, error) {
	p := c.line(at)
	defer p.Close()
	return p.Do(ctx, rq)
}
