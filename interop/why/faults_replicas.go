package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
)

func init() {
	register(
		fault{"only-replica-stopped", "partition resting-0", "partition-offline", false, stopOnlyReplica},
		fault{"too-few-replicas", "topic halves", "isr-below-min", false, stopOneOfTwo},
		fault{"writes-were-refused", "topic halting", "writes-refused", false, refusedLately},
		fault{"heartbeats-do-not-arrive", "node 3", "broker-fenced", false, cutUplink},
		fault{"clock-wrong", "node 3", "clock-skew", false, wrongClock},
		fault{"coordinator-moves", "group luggage", "coordinator-loading", false, moveCoordinator},
	)
}

// stopOnlyReplica stops a node in order, as for maintenance, that has the only copy of a partition.
func stopOnlyReplica(ctx context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(2)
	return restart(n), errors.Join(s.placed(ctx, "resting", nil, 2), n.Stop())
}

// stopOneOfTwo stops a node in order that has one of the two copies that writers demand.
func stopOneOfTwo(ctx context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(3)
	return restart(n), errors.Join(s.placed(ctx, "halves", []string{"min.insync.replicas", "2"}, 2, 3), n.Stop())
}

// refusedLately has a writer refused while a replica is away, and brings the replica back before anybody asks.
func refusedLately(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := s.placed(ctx, "halting", []string{"min.insync.replicas", "2"}, 2, 3); err != nil {
		return nil, err
	}
	stop, err := s.writing("halting-writer", "halting", 20*time.Millisecond, 0)
	if err != nil {
		return nil, err
	}
	n := s.fleet.Node(3)
	if err := errors.Join(n.Stop(), pause(ctx, time.Second), n.Start(ctx), s.admin.InSync(ctx, "halting")); err != nil {
		stop()
		return nil, err
	}
	return ended(stop), nil
}

// configured restarts a node with other settings.
func configured(ctx context.Context, n *fleet.Node, settings map[string]string) error {
	n.Settings = settings
	return errors.Join(n.Stop(), n.Write(), n.Start(ctx))
}

// cutUplink has node 3 reach the other controllers by relays, and takes these away: others reach it as before, but its heartbeats do not arrive.
func cutUplink(ctx context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(3)
	voters := "3@" + n.Controller()
	var relays []*relay
	cut := func() {
		for _, r := range relays {
			r.close()
		}
	}
	for id := range int32(2) {
		r, err := newRelay(s.fleet.Node(id+1).Controller(), func(answer []byte) []byte { return answer })
		if err != nil {
			cut()
			return nil, err
		}
		relays = append(relays, r)
		voters += fmt.Sprintf(",%d@%s", id+1, r.address())
	}
	err := configured(ctx, n, map[string]string{"controller.quorum.voters": voters})
	cut()
	return func(ctx context.Context) error { return configured(ctx, n, nil) }, err
}

// wrongClock changes the time in what node 3 tells the others: the clock of a process cannot be set apart from that of its machine.
func wrongClock(ctx context.Context, s *suite) (func(context.Context) error, error) {
	n := s.fleet.Node(3)
	field := fmt.Appendf(nil, `"At":"%d-`, time.Now().UTC().Year())
	later := fmt.Appendf(nil, `"At":"%d-`, time.Now().UTC().Year()+1)
	r, err := newRelay(n.Address(), func(answer []byte) []byte { return bytes.Replace(answer, field, later, 1) })
	if err != nil {
		return nil, err
	}
	if err := configured(ctx, n, map[string]string{"advertised.listeners": "PLAINTEXT://" + r.address()}); err != nil {
		r.close()
		return nil, err
	}
	return func(ctx context.Context) error {
		err := configured(ctx, n, nil)
		r.close()
		return err
	}, nil
}

// moveCoordinator gives a group's partition of __consumer_offsets, with much in it, to another node, while a member asks all the time.
func moveCoordinator(ctx context.Context, s *suite) (func(context.Context) error, error) {
	if err := errors.Join(s.topic(ctx, "cases", 20, 3), s.packed(ctx, "luggage", "cases")); err != nil {
		return nil, err
	}
	found := s.admin.FindGroupCoordinators(ctx, "luggage")["luggage"]
	if found.Err != nil {
		return nil, found.Err
	}
	partition, replicas, err := s.coordinated(ctx, found.NodeID, "luggage")
	if err != nil {
		return nil, err
	}
	cl, err := s.client("traveller")
	if err != nil {
		return nil, err
	}
	if _, err := kadm.NewClient(cl).BrokerMetadata(ctx); err != nil { // or it knows no brokers
		cl.Close()
		return nil, err
	}
	asking, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		rq := kmsg.NewPtrLeaveGroupRequest() // a heartbeat is answered as if all were well meanwhile
		rq.Group, rq.Members = "luggage", []kmsg.LeaveGroupRequestMember{{MemberID: "traveller"}}
		for asking.Err() == nil {
			_, _ = cl.Broker(int(replicas[1])).Request(asking, rq) // refused before and after, too
		}
	}()
	move := func(ctx context.Context, to []int32) error {
		var rq kadm.AlterPartitionAssignmentsReq
		rq.Assign("__consumer_offsets", partition, to)
		resp, err := s.admin.AlterPartitionAssignments(ctx, rq)
		if err == nil {
			err = resp.Error()
		}
		if err != nil {
			return err
		}
		var these kadm.TopicsSet
		these.Add("__consumer_offsets", partition)
		_, err = s.admin.ElectLeaders(ctx, kadm.ElectPreferredReplica, these)
		return err
	}
	if err := move(ctx, append(append([]int32{}, replicas[1:]...), replicas[0])); err != nil {
		cancel()
		<-done
		cl.Close()
		return nil, err
	}
	return func(ctx context.Context) error {
		cancel()
		<-done
		cl.Close()
		return errors.Join(move(ctx, replicas), s.forget(ctx, "luggage"))
	}, nil
}

// coordinated is the partition of __consumer_offsets that a node coordinates a group by, and its replicas, the leader first.
func (s *suite) coordinated(ctx context.Context, leader int32, group string) (int32, []int32, error) {
	topics, err := s.admin.ListTopics(ctx, "__consumer_offsets")
	if err != nil {
		return 0, nil, err
	}
	parts := topics["__consumer_offsets"].Partitions
	p, ok := parts[javaHash(group)%int32(len(parts))]
	if !ok || p.Leader != leader || len(p.Replicas) < 2 {
		return 0, nil, fmt.Errorf("group %s is coordinated by node %d, and its partition is %+v", group, leader, p)
	}
	replicas := []int32{leader}
	for _, r := range p.Replicas {
		if r != leader {
			replicas = append(replicas, r)
		}
	}
	return p.Partition, replicas, nil
}

// javaHash is how a group finds its partition: the hash of Java's strings, made positive.
func javaHash(text string) int32 {
	var h int32
	for _, c := range text {
		h = 31*h + c
	}
	return h & 0x7fffffff
}

// packed commits so much for a group that its coordinator has something to load.
func (s *suite) packed(ctx context.Context, group, topic string) error {
	cl, err := s.client("packer")
	if err != nil {
		return err
	}
	defer cl.Close()
	admin := kadm.NewClient(cl)
	offsets := kadm.Offsets{}
	note := string(bytes.Repeat([]byte{'x'}, 4000))
	for p := range int32(20) {
		offsets.Add(kadm.Offset{Topic: topic, Partition: p, At: 0, LeaderEpoch: -1, Metadata: note})
	}
	began := time.Now()
	for done := 0; done < 600; {
		resp, err := admin.CommitOffsets(ctx, group, offsets)
		if err == nil {
			err = resp.Error()
		}
		switch {
		case err == nil:
			done++
		case time.Since(began) > patience: // before, the node may not know the topic yet
			return err
		}
	}
	return nil
}
