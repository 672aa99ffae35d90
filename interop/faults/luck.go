package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// luck is one case of bad luck, on a fresh cluster: what is wrong must be named, and nothing else may suffer.
type luck struct {
	name string
	do   func(ctx context.Context, c *cluster) error
}

var lucks = []luck{
	{"two nodes with one id", twoWithOneID},
	{"a node of another cluster", nodeOfAnotherCluster},
	{"replication factor above the number of brokers", tooManyReplicas},
	{"wrong advertised address", wrongAddress},
	{"a controller minority", minority},
	{"a quorum that never forms", neverForms},
}

func runLuck(ctx context.Context, o options, g ground, dir string) error {
	var errs []error
	for _, l := range lucks {
		if len(o.only) > 0 && !slices.ContainsFunc(o.only, func(s string) bool { return strings.Contains(l.name, s) }) {
			continue
		}
		began := time.Now()
		err := l.run(ctx, o, g, filepath.Join(dir, strings.ReplaceAll(l.name, " ", "-")))
		verdict := "ok"
		if err != nil {
			verdict = "FAILED: " + err.Error()
			errs = append(errs, fmt.Errorf("%s: %w", l.name, err))
		}
		fmt.Printf("faults  %-50s  %5.1fs  %s\n", l.name, time.Since(began).Seconds(), verdict)
	}
	return errors.Join(errs...)
}

func (l luck) run(ctx context.Context, o options, g ground, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := mendAll(g); err != nil {
		return err
	}
	for id := 1; id <= nodes; id++ {
		if err := g.wipe(id); err != nil {
			return err
		}
	}
	c, err := newCluster(o, g, dir)
	if err != nil {
		return err
	}
	defer c.close()
	if !o.defaults { // nobody is fenced because the machine is busy: a node with a node's id would be let in then
		for _, n := range c.node {
			n.settings["broker.session.timeout.ms"] = "6000"
		}
	}
	return l.do(ctx, c)
}

// patience is how long a case waits for anything. Only a failure takes it.
const patience = 2 * time.Minute

func (c *cluster) form(ctx context.Context) error {
	if err := c.startAll(); err != nil {
		return err
	}
	return c.await(ctx, patience)
}

// guest is a process more, on node 3's ground but with ports and a directory of its own: a broker unless its settings say otherwise.
func (c *cluster) guest(id int, settings map[string]string) *node {
	n := &node{id: nodes, ground: c.ground, binary: c.opts.binary, dir: filepath.Join(c.dir, "guest"), settings: c.settings(nodes)}
	host, _, _ := strings.Cut(c.ground.reach(nodes), ":")
	n.settings["process.roles"] = "broker"
	n.settings["node.id"] = fmt.Sprint(id)
	n.settings["listeners"] = "PLAINTEXT://" + host + ":0"
	n.settings["log.dirs"] = filepath.Join(c.ground.disk(nodes), "guest")
	n.settings["initial.broker.registration.timeout.ms"] = "8000"
	delete(n.settings, "advertised.listeners")
	maps.Copy(n.settings, settings)
	_ = os.MkdirAll(n.dir, 0o755) // told by what is written there
	return n
}

// expect starts a guest that must say all of some words in one line.
func (c *cluster) expect(ctx context.Context, guest *node, words ...string) error {
	if err := guest.start(); err != nil {
		return err
	}
	defer func() { _ = guest.kill() }()
	return guest.awaitLine(ctx, patience, words...)
}

// awaitLine waits for a line with all of some words.
func (n *node) awaitLine(ctx context.Context, patience time.Duration, words ...string) error {
	for end := time.Now().Add(patience); ; time.Sleep(20 * time.Millisecond) {
		said := n.logged(0)
		for line := range strings.Lines(said) {
			if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
				return nil
			}
		}
		if time.Now().After(end) || ctx.Err() != nil {
			return fmt.Errorf("node %d has no line with %q after %s; it said:\n%s", n.id, words, patience, tail(said, 15))
		}
	}
}

// twoWithOneID: the second node with an id is refused as long as the first one lives, and that one does not notice.
func twoWithOneID(ctx context.Context, c *cluster) error {
	if err := c.form(ctx); err != nil {
		return err
	}
	guest := c.guest(2, nil)
	if err := c.expect(ctx, guest, "DUPLICATE_BROKER_REGISTRATION", "node.id=2"); err != nil {
		return err
	}
	if err := c.await(ctx, patience); err != nil {
		return fmt.Errorf("the cluster suffers: %w", err)
	}
	return c.writeTo(ctx, kgo.AllISRAcks())
}

// nodeOfAnotherCluster: a directory that was formatted for another cluster is refused before it is written to.
func nodeOfAnotherCluster(ctx context.Context, c *cluster) error {
	if err := c.form(ctx); err != nil {
		return err
	}
	guest := c.guest(7, nil)
	const other = "b3RoZXItY2x1c3Rlci0wMA"
	if err := os.MkdirAll(guest.settings["log.dirs"], 0o755); err != nil {
		return err
	}
	meta := "version=1\ncluster.id=" + other + "\nnode.id=7\ndirectory.id=b3RoZXItZGlyZWN0b3J5LQ\n"
	path := filepath.Join(guest.settings["log.dirs"], "meta.properties")
	if err := os.WriteFile(path, []byte(meta), 0o644); err != nil {
		return err
	}
	if err := c.expect(ctx, guest, other, "another cluster"); err != nil {
		return err
	}
	if data, err := os.ReadFile(path); err != nil || !strings.Contains(string(data), "cluster.id="+other) {
		return fmt.Errorf("meta.properties was changed: %s (%v)", data, err)
	}
	return c.await(ctx, patience)
}

func tooManyReplicas(ctx context.Context, c *cluster) error {
	if err := c.form(ctx); err != nil {
		return err
	}
	code, text, err := c.decidedTopic(ctx, 2, "wide", 4)
	if err != nil {
		return err
	}
	if code != kerr.InvalidReplicationFactor.Code || !strings.Contains(text, "4") || !strings.Contains(text, "3") {
		return fmt.Errorf("error code %d, text %q: want INVALID_REPLICATION_FACTOR that names 4 and 3", code, text)
	}
	return nil
}

// wrongAddress: node 3 tells the others an address where nobody is. They must name it.
func wrongAddress(ctx context.Context, c *cluster) error {
	right := maps.Clone(c.node[3].settings)
	_, control := c.ground.advertises(3)
	host, _, _ := strings.Cut(c.ground.reach(3), ":")
	const nobody = ":1"
	c.node[3].settings["advertised.listeners"] = "PLAINTEXT://" + host + nobody
	if c.opts.controllers == nodes {
		c.node[3].settings["advertised.listeners"] += ",CONTROLLER://" + control
	}
	if err := c.startAll(); err != nil {
		return err
	}
	// The brokers' own view is enough here: a client cannot reach node 3 at all.
	end := time.Now().Add(patience)
	for ; ; time.Sleep(50 * time.Millisecond) {
		code, text, err := c.createTopic(ctx, 2, "everywhere", 3, 5*time.Second)
		if err == nil && (code == 0 || code == kerr.TopicAlreadyExists.Code) {
			break
		}
		if time.Now().After(end) {
			return fmt.Errorf("create: %d %s %w", code, text, err)
		}
	}
	// Who follows a partition of node 3 says so, and the controller does; which nodes these are is up to placement.
	for end := time.Now().Add(patience); ; time.Sleep(50 * time.Millisecond) {
		err := c.node[1].awaitLine(ctx, 0, host+nobody)
		if err == nil || c.node[2].awaitLine(ctx, 0, host+nobody) == nil {
			break
		}
		if time.Now().After(end) {
			return err
		}
	}
	if err := c.node[3].kill(); err != nil {
		return err
	}
	c.node[3].settings = right
	if err := c.node[3].start(); err != nil {
		return err
	}
	return c.await(ctx, patience)
}

// minority: with two of three down nothing can be decided, which is said in time; what the third one leads is still written with acks=1.
func minority(ctx context.Context, c *cluster) error {
	if err := c.form(ctx); err != nil {
		return err
	}
	if err := c.writeTo(ctx, kgo.AllISRAcks()); err != nil {
		return err
	}
	survivor := c.leader(ctx, rand.New(rand.NewPCG(1, 1)), "written")
	if survivor == 0 {
		return errors.New("nobody leads")
	}
	for id := 1; id <= nodes; id++ {
		if id != survivor {
			if err := c.node[id].kill(); err != nil {
				return err
			}
		}
	}
	began := time.Now()
	code, text, err := c.createTopic(ctx, survivor, "undecided", 1, 3*time.Second)
	if err != nil {
		return fmt.Errorf("create with a minority: no answer: %w", err)
	}
	took := time.Since(began)
	if code == 0 || took > 8*time.Second {
		return fmt.Errorf("create with a minority was answered after %s with code %d, %q", took, code, text)
	}
	c.note("minority: code %d text %q after %s", code, text, took)
	if !strings.Contains(text, "controller") {
		return fmt.Errorf("create with a minority: code %d, text %q does not say that there is no active controller", code, text)
	}
	if err := c.writeAlone(ctx, survivor); err != nil {
		return fmt.Errorf("produce with acks=1 to what node %d leads: %w", survivor, err)
	}
	for id := 1; id <= nodes; id++ {
		if id != survivor {
			if err := c.node[id].start(); err != nil {
				return err
			}
		}
	}
	if err := c.await(ctx, patience); err != nil {
		return err
	}
	if code, text, err := c.decidedTopic(ctx, survivor, "decided", 3); err != nil || code != 0 && code != kerr.TopicAlreadyExists.Code {
		return fmt.Errorf("create after all are back: %d %s %w", code, text, err)
	}
	return c.writeTo(ctx, kgo.AllISRAcks())
}

// neverForms: one of three waits for the others, and says for which.
func neverForms(ctx context.Context, c *cluster) error {
	if err := c.node[1].start(); err != nil {
		return err
	}
	_, two := c.ground.advertises(2)
	_, three := c.ground.advertises(3)
	if err := c.node[1].awaitLine(ctx, patience, two, three); err != nil {
		return err
	}
	if err := c.node[1].fellOver(); err != nil {
		return err
	}
	for id := 2; id <= nodes; id++ {
		if err := c.node[id].start(); err != nil {
			return err
		}
	}
	return c.await(ctx, patience)
}

// decidedTopic asks one node until there is a controller that decides.
func (c *cluster) decidedTopic(ctx context.Context, node int, name string, replicas int16) (code int16, text string, err error) {
	for end := time.Now().Add(patience); ; wait(ctx, 100*time.Millisecond) {
		code, text, err = c.createTopic(ctx, node, name, replicas, 10*time.Second)
		again := err != nil || kerr.IsRetriable(kerr.ErrorForCode(code))
		if !again || ctx.Err() != nil || time.Now().After(end) {
			return code, text, err
		}
	}
}

// createTopic asks one node.
func (c *cluster) createTopic(ctx context.Context, node int, name string, replicas int16, timeout time.Duration) (int16, string, error) {
	rq := kmsg.NewPtrCreateTopicsRequest()
	rq.TimeoutMillis = int32(timeout.Milliseconds())
	t := kmsg.NewCreateTopicsRequestTopic()
	t.Topic, t.NumPartitions, t.ReplicationFactor = name, 3, replicas
	rq.Topics = append(rq.Topics, t)
	answer, err := c.ask(ctx, node, timeout+5*time.Second, rq)
	if err != nil {
		return 0, "", err
	}
	resp := answer.(*kmsg.CreateTopicsResponse).Topics[0]
	text := ""
	if resp.ErrorMessage != nil {
		text = *resp.ErrorMessage
	}
	return resp.ErrorCode, text, nil
}

// writeTo writes a record to each partition of a topic that it makes if need be.
func (c *cluster) writeTo(ctx context.Context, acks kgo.Acks) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if code, text, err := c.decidedTopic(ctx, 2, "written", 3); err != nil || code != 0 && code != kerr.TopicAlreadyExists.Code {
		return fmt.Errorf("create: %d %s %w", code, text, err)
	}
	cl, err := kgo.NewClient(append(c.patient("writer"), kgo.RequiredAcks(acks), kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
	if err != nil {
		return err
	}
	defer cl.Close()
	var records []*kgo.Record
	for p := range int32(3) {
		records = append(records, &kgo.Record{Topic: "written", Partition: p, Value: []byte("x")})
	}
	return cl.ProduceSync(ctx, records...).FirstErr()
}

// writeAlone writes with acks=1 to a partition that a node leads.
func (c *cluster) writeAlone(ctx context.Context, node int) error {
	m, err := c.metadata(ctx, node)
	if err != nil {
		return err
	}
	for _, t := range m.Topics {
		for _, p := range t.Partitions {
			if *t.Topic != "written" || int(p.Leader) != node {
				continue
			}
			ctx, cancel := context.WithTimeout(ctx, patience)
			defer cancel()
			cl, err := kgo.NewClient(append(c.patient("alone"), kgo.RequiredAcks(kgo.LeaderAck()), kgo.DisableIdempotentWrite(),
				kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
			if err != nil {
				return err
			}
			defer cl.Close()
			return cl.ProduceSync(ctx, &kgo.Record{Topic: "written", Partition: p.Partition, Value: []byte("alone")}).FirstErr()
		}
	}
	return fmt.Errorf("node %d leads nothing", node)
}
