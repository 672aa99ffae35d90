package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"leat/interop/fleet"
	"leat/interop/ports"
	"leat/interop/pressure"
	"leat/interop/target"
)

// patience bounds how long a fault may take until it shows, and how long after its end something may still be told. Machines may be slow. main adds what
// the window takes.
var patience = 90 * time.Second

// suite is the cluster, and how long it took to answer.
type suite struct {
	fleet      *fleet.Fleet
	admin      *fleet.Admin
	binary     string
	secure     string          // listener of node 1 with TLS
	login      string          // listener of node 1 with SASL
	store      string          // its key store
	took       []time.Duration // by each answer
	own        []time.Duration // the same, without what the machine made processes wait meanwhile
	otherFirst int
}

func newSuite(ctx context.Context, o options) (*suite, error) {
	s := &suite{binary: o.binary, fleet: &fleet.Fleet{Dir: o.dir, Binary: o.binary, Static: true, Settings: map[string]string{
		"leat.why.window.ms": strconv.FormatInt(o.window.Milliseconds(), 10), "leat.group.lag.interval.ms": "1000", "auto.create.topics.enable": "false", "broker.session.timeout.ms": "6000",
		"broker.heartbeat.interval.ms": "500", "log.retention.check.interval.ms": "500", "replica.lag.time.max.ms": "6000", "leat.topic.limits": "partitions<=20",
		"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer", "super.users": "User:ANONYMOUS", "allow.everyone.if.no.acl.found": "true",
		"max.connections.per.ip.overrides": "127.0.0.9:1", "inter.broker.listener.name": "PLAINTEXT", "offsets.topic.replication.factor": "3",
		"transaction.state.log.replication.factor": "3", "transaction.state.log.min.isr": "2", "transaction.state.log.num.partitions": "4", "default.replication.factor": "3",
		"group.min.session.timeout.ms": "1000", "leat.leader.return.ms": "500", "group.consumer.min.session.timeout.ms": "1000",
		"delegation.token.secret.key": "a secret of the suite", "delegation.token.expiry.check.interval.ms": "1000",
		"connections.max.reauth.ms": strconv.FormatInt(reauthenticate.Milliseconds(), 10), "log.cleaner.backoff.ms": "500",
	}}}
	for id := range int32(3) {
		s.fleet.Nodes = append(s.fleet.Nodes, &fleet.Node{ID: id + 1, Kind: target.Leat, Roles: "broker,controller"})
	}
	s.fleet.Node(3).Dirs = 2
	operations, err := ports.Addresses(1)
	if err != nil {
		return nil, err
	}
	s.fleet.Node(3).Operations = operations[0]
	if err := fleet.New(s.fleet); err != nil {
		return nil, err
	}
	if err := s.secureNode(o.dir); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.close()
		return nil, errors.Join(err, s.fleet.Tails(10))
	}
	return s, nil
}

// secureNode gives node 1 two more listeners.
func (s *suite) secureNode(dir string) error {
	free, err := ports.Addresses(2)
	if err != nil {
		return err
	}
	s.secure, s.login = free[0], free[1]
	if s.store, err = writeStore(dir, valid); err != nil {
		return err
	}
	n := s.fleet.Node(1)
	n.Settings = map[string]string{
		"listeners":                      "PLAINTEXT://" + n.Address() + ",CONTROLLER://" + n.Controller() + ",SECURE://" + s.secure + ",LOGIN://" + s.login,
		"listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURE:SSL,LOGIN:SASL_PLAINTEXT",
		"ssl.keystore.type":              "PEM", "ssl.keystore.location": s.store, "leat.ssl.reload.interval.ms": "500",
		"sasl.enabled.mechanisms": "SCRAM-SHA-256",
	}
	return n.Write()
}

// start starts the nodes at once: none of them is ready without another.
func (s *suite) start(ctx context.Context) error {
	before := map[*fleet.Node]int64{}
	for _, n := range s.fleet.Nodes {
		at, err := n.Launch()
		if err != nil {
			return err
		}
		before[n] = at
	}
	for n, at := range before {
		if err := n.Await(ctx, at); err != nil {
			return err
		}
	}
	var err error
	if s.admin, err = fleet.NewAdmin(s.fleet.Nodes...); err != nil {
		return err
	}
	// What groups and transactions need is there before anybody is hurt.
	if err := s.topic(ctx, "warm", 1, 3); err != nil {
		return err
	}
	return s.commit(ctx, "warm", "warm", 0)
}

func (s *suite) close() {
	if s.admin != nil {
		s.admin.Close()
	}
	s.fleet.Close()
}

// report is what the suite reads of an answer.
type report struct {
	Silent   []int32 `json:"silent"` // nodes that did not answer in time
	Findings []struct {
		Cause    string   `json:"cause"`
		Chain    []string `json:"chain"`
		Evidence []string `json:"evidence"`
		Next     []string `json:"next"`
	} `json:"findings"`
}

func (r *report) first() string {
	if len(r.Findings) == 0 {
		return ""
	}
	return r.Findings[0].Cause
}

func (r *report) causes() string {
	var all []string
	for _, f := range r.Findings {
		all = append(all, f.Cause+" ("+f.Chain[0]+")")
	}
	return strings.Join(all, "; ")
}

// itself asks node 3 what is wrong, by its operations listener.
const itself = "@3"

// ask runs `leat why`, as a person would, and takes the time.
func (s *suite) ask(ctx context.Context, about string) (*report, error) {
	args := append([]string{"why", "-b", s.fleet.Node(1).Address(), "-o", "json"}, strings.Fields(about)...)
	if about == itself {
		args = []string{"why", "--operations", s.fleet.Node(3).Operations, "-o", "json"}
	}
	asked := pressure.Begin()
	out, err := exec.CommandContext(ctx, s.binary, args...).Output()
	took, own := asked.Took(), asked.Own()
	var exit *exec.ExitError
	if err != nil && (!errors.As(err, &exit) || len(out) == 0) {
		if exit != nil {
			err = fmt.Errorf("leat %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(exit.Stderr)))
		}
		return nil, err
	}
	s.took, s.own = append(s.took, took), append(s.own, own)
	if took > time.Second {
		fmt.Printf("(%d ms: %s) ", took.Milliseconds(), strings.Join(append(args[:1:1], args[5:]...), " "))
	}
	r := &report{}
	return r, json.Unmarshal(out, r)
}

// one injects a fault, demands the right cause first, mends it and demands silence.
func (s *suite) one(ctx context.Context, f fault) error {
	fmt.Printf("%s: ", f.name)
	mend, err := f.inject(ctx, s)
	if err != nil {
		fmt.Println()
		return fmt.Errorf("inject: %w", err)
	}
	told, why := s.expect(ctx, f)
	if err := mend(ctx); err != nil {
		fmt.Println()
		return errors.Join(why, fmt.Errorf("mend: %w", err))
	}
	if why != nil {
		fmt.Println()
		return errors.Join(why, s.silence(ctx, "after "+f.name))
	}
	fmt.Println(told)
	return s.silence(ctx, "after "+f.name)
}

// expect asks until the fault shows and the right cause stands first, twice in a row.
func (s *suite) expect(ctx context.Context, f fault) (told string, err error) {
	began, last := time.Now(), "nothing was told"
	other := false
	for right := 0; right < 2; {
		if time.Since(began) > patience {
			return "", fmt.Errorf("%s is not told first: %s", f.cause, last)
		}
		r, err := s.ask(ctx, f.about)
		switch {
		case err != nil:
			last, right = err.Error(), 0
		case r.first() == f.cause:
			right++
			told = fmt.Sprintf("%s after %d ms: %s", f.cause, time.Since(began).Milliseconds(), r.Findings[0].Chain[0])
			if x := r.Findings[0]; len(x.Evidence) == 0 || len(x.Next) == 0 {
				return "", fmt.Errorf("%s without evidence or next step", f.cause)
			}
		default:
			right = 0
			if r.first() != "" {
				last = r.causes()
				if !other {
					other = true
					s.otherFirst++
					fmt.Printf("(first: %s) ", r.first())
				}
			}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return "", err
		}
	}
	return told, nil
}

// silence demands that nothing is wrong, soon, twice in a row.
func (s *suite) silence(ctx context.Context, when string) error {
	began, last := time.Now(), ""
	for quiet := 0; quiet < 2; {
		if time.Since(began) > patience {
			return fmt.Errorf("%s: still told: %s", when, last)
		}
		r, err := s.ask(ctx, "")
		switch {
		case err != nil:
			last, quiet = err.Error(), 0
		case len(r.Findings) == 0:
			quiet++
		default:
			last, quiet = r.causes(), 0
		}
		if err := pause(ctx, 200*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// healthy puts ordinary work on the cluster (writers, two groups, transactions that end) and demands that nothing at all is told meanwhile. What is told while a node
// did not answer in time, although all run, is told of a machine that stands still, and asked again.
func (s *suite) healthy(ctx context.Context) error {
	if err := s.topic(ctx, "calm", 3, 3, "min.insync.replicas", "2"); err != nil {
		return err
	}
	stopWriting, err := s.writing("calm-writer", "calm", 10*time.Millisecond, 0, 1, 2)
	if err != nil {
		return err
	}
	defer stopWriting()
	for _, group := range []string{"calm-one", "calm-two"} {
		stop, err := s.reading(group+"-member", group, "calm", every)
		if err != nil {
			return err
		}
		defer stop()
	}
	stop := s.telling("calm-teller", "calm")
	defer stop()
	const enough = 20
	asked, late := 0, 0
	for began := time.Now(); time.Since(began) < 8*time.Second || asked < enough; {
		r, err := s.ask(ctx, "")
		switch {
		case err != nil:
			return err
		case len(r.Silent) > 0 && time.Since(began) < patience:
			late++
			fmt.Printf("(nodes %v did not answer in time: %s) ", r.Silent, r.causes())
		case len(r.Silent) > 0 || len(r.Findings) > 0:
			return fmt.Errorf("healthy, and told: %s; no answer from %v", r.causes(), r.Silent)
		default:
			asked++
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	fmt.Printf("healthy under load: asked %d times, silent; %d answers lacked a node\n", asked, late)
	return nil
}

// telling has a client make transactions that end, until the returned function is called.
func (s *suite) telling(id, topic string) (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var work sync.WaitGroup
	work.Go(func() {
		for pause(ctx, 300*time.Millisecond) == nil {
			cl, err := s.client(id, kgo.TransactionalID(id))
			if err != nil {
				continue
			}
			one, end := context.WithTimeout(context.Background(), patience) // what was begun is ended, whoever waits for it
			if cl.BeginTransaction() == nil {
				_ = cl.ProduceSync(one, &kgo.Record{Topic: topic, Value: []byte("paid")}).FirstErr()
				_ = cl.EndTransaction(one, kgo.TryCommit)
			}
			end()
			cl.Close()
		}
	})
	return func() { cancel(); work.Wait() }
}

func (s *suite) median() time.Duration { return slices.Sorted(slices.Values(s.took))[len(s.took)/2] }

// tooSlow counts the answers that took longer than a second although the machine had time.
func (s *suite) tooSlow() (n int) {
	for _, d := range s.own {
		if d > time.Second {
			n++
		}
	}
	return n
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// client is a client of the cluster.
func (s *suite) client(id string, opts ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(s.fleet.Addresses()...), kgo.ClientID(id), kgo.MetadataMinAge(100 * time.Millisecond)}, opts...)...)
}

// topic makes a topic.
func (s *suite) topic(ctx context.Context, name string, partitions int32, replicas int16, configs ...string) error {
	set := map[string]*string{}
	for i := 0; i+1 < len(configs); i += 2 {
		set[configs[i]] = &configs[i+1]
	}
	resp, err := s.admin.CreateTopics(ctx, partitions, replicas, set, name)
	if err != nil {
		return err
	}
	if err := resp[name].Err; err != nil {
		return fmt.Errorf("create %s: %w", name, err)
	}
	return s.admin.Known(ctx, name)
}

// placed makes a topic with one partition on given nodes, the leader first.
func (s *suite) placed(ctx context.Context, name string, configs []string, replicas ...int32) error {
	if err := s.admin.CreateOn(ctx, name, [][]int32{replicas}, configs...); err != nil {
		return err
	}
	return s.admin.Known(ctx, name)
}

// commit commits an offset for a group without members.
func (s *suite) commit(ctx context.Context, group, topic string, offset int64) error {
	offsets := kadm.Offsets{}
	offsets.AddOffset(topic, 0, offset, -1)
	for began := time.Now(); ; {
		resp, err := s.admin.CommitOffsets(ctx, group, offsets)
		if err == nil {
			err = resp.Error()
		}
		if err == nil || time.Since(began) > patience {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// set sets a configuration of these brokers, or of all by default, or takes it away ("").
func (s *suite) set(ctx context.Context, key, value string, brokers ...int32) error {
	alter := kadm.AlterConfig{Op: kadm.SetConfig, Name: key, Value: &value}
	if value == "" {
		alter = kadm.AlterConfig{Op: kadm.DeleteConfig, Name: key}
	}
	resp, err := s.admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{alter}, brokers...)
	if err != nil {
		return err
	}
	for _, r := range resp {
		if r.Err != nil {
			return fmt.Errorf("%s=%s: %w: %s", key, value, r.Err, r.ErrMessage)
		}
	}
	return nil
}

// writing has a client write records to partitions all the time, until the returned function is called.
func (s *suite) writing(id, topic string, every time.Duration, partitions ...int32) (stop func(), err error) {
	cl, err := s.client(id, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for i := 0; ctx.Err() == nil; i++ {
			cl.Produce(ctx, &kgo.Record{Topic: topic, Partition: partitions[i%len(partitions)], Value: []byte("record " + strconv.Itoa(i))}, nil)
			if pause(ctx, every) != nil {
				return
			}
		}
	}()
	return func() { cancel(); <-done; cl.Close() }, nil
}

// ended is how to mend what ends with a function.
func ended(stop ...func()) func(context.Context) error {
	return func(context.Context) error {
		for _, f := range stop {
			f()
		}
		return nil
	}
}
