package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
)

// ask sends a request to one node.
func ask(ctx context.Context, n *fleet.Node, rq kmsg.Request) (kmsg.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	cl, err := kgo.NewClient(kgo.SeedBrokers(n.Address()), kgo.RequestRetries(0))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	return cl.SeedBrokers()[0].Request(ctx, rq)
}

// createBy creates a topic, by the node that the Admin knows and no other.
func createBy(ctx context.Context, one *fleet.Admin, name string) error {
	ctx, cancel := context.WithTimeout(ctx, fleet.Patience)
	defer cancel()
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = 30_000
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, 2, 3
	rq.Topics = append(rq.Topics, t)
	for again := false; ; again = true {
		answer, err := one.Raw.SeedBrokers()[0].Request(ctx, rq)
		if err != nil {
			return fmt.Errorf("create %s: %w", name, err)
		}
		err = kerr.ErrorForCode(answer.(*kmsg.CreateTopicsResponse).Topics[0].ErrorCode)
		if err == nil || again && errors.Is(err, kerr.TopicAlreadyExists) { // by the request whose answer came too late
			return nil
		}
		if !kerr.IsRetriable(err) || ctx.Err() != nil { // a node that has just started may not know all brokers yet
			return fmt.Errorf("create %s: %w", name, err)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// sees waits until a node knows a topic, with all its replicas in sync.
func (c *cluster) sees(n *fleet.Node, name string) error {
	rq := kmsg.NewPtrMetadataRequest()
	t := kmsg.NewMetadataRequestTopic()
	t.Topic = &name
	rq.Topics = append(rq.Topics, t)
	var seen any
	for end := time.Now().Add(fleet.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		answer, err := ask(c.ctx, n, rq)
		if err != nil {
			seen = err
			continue
		}
		m := answer.(*kmsg.MetadataResponse)
		whole := len(m.Topics) == 1 && m.Topics[0].ErrorCode == 0
		for i := 0; whole && i < len(m.Topics[0].Partitions); i++ {
			p := &m.Topics[0].Partitions[i]
			whole = p.Leader >= 0 && len(p.ISR) == 3
		}
		if whole {
			return nil
		}
		seen = m.Topics
	}
	return fmt.Errorf("node %d (%s) does not see %s whole: %+v", n.ID, c.builds(), name, seen)
}

// active is the node that leads the controllers.
func (c *cluster) active() (*fleet.Node, error) {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic = "__cluster_metadata"
	t.Partitions = append(t.Partitions, kmsg.NewDescribeQuorumRequestTopicPartition())
	rq.Topics = append(rq.Topics, t)
	var last error
	for end := time.Now().Add(fleet.Patience); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		for _, n := range c.Nodes {
			answer, err := ask(c.ctx, n, rq)
			if err != nil {
				last = err
				continue
			}
			r := answer.(*kmsg.DescribeQuorumResponse)
			if len(r.Topics) == 1 && len(r.Topics[0].Partitions) == 1 {
				if leader := c.Node(r.Topics[0].Partitions[0].LeaderID); leader != nil {
					return leader, nil
				}
			}
			last = kerr.ErrorForCode(r.ErrorCode)
		}
	}
	return nil, fmt.Errorf("nobody leads the controllers: %w", last)
}

// control has a controller of a build lead. Those of the other build are restarted until it does: in order, and by force every other time, because in
// order they may hand over to each other.
func (c *cluster) control(binary string) error {
	const tries = 40 // about every second one is enough; under load the node that is wanted is often the slowest of three
	for try := range tries {
		n, err := c.active()
		if err != nil || n.Binary == binary {
			return err
		}
		if try%2 == 0 {
			err = n.Stop()
		} else {
			n.Kill()
		}
		if err != nil {
			return err
		}
		if err := n.Start(c.ctx); err != nil {
			return err
		}
		if err := c.admin.InSync(c.ctx, topic); err != nil {
			return err
		}
	}
	return fmt.Errorf("no controller of that build leads after %d restarts of the others", tries)
}

// bothControl lets each build lead the controllers in turn.
func (c *cluster) bothControl(first, second string) error {
	for _, binary := range []string{first, second} {
		if err := c.control(binary); err != nil {
			return err
		}
		n, err := c.active()
		if err != nil {
			return err
		}
		if err := c.works(); err != nil {
			return err
		}
		fmt.Printf("upgrade    %s: works with node %d as active controller\n", c.builds(), n.ID)
	}
	return nil
}
