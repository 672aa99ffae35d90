// Command rollout does with the pods of the Helm chart what Kubernetes does when a value changes: it runs them from the rendered manifest, as containers of the
// image under runc, and restarts them from the last to the first, each when the one before is ready and has been for minReadySeconds. Meanwhile a producer and a
// consumer work with the cluster: nothing acknowledged may be lost, and a pod may be ready only when its replicas are in sync.
//
//	rollout -manifest rendered.yaml -image dist/leat-image.tar
//
// The pods have namespaces of their own on one bridge, in a network that ends with the program. What Kubernetes adds beside that (scheduling, its network and storage
// plugins, DNS) is not there: names of pods stand in /etc/hosts.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/interop/fleet"
)

// inside says that the program is in a network and with mounts of its own already.
const inside = "LEAT_ROLLOUT_INSIDE"

func main() {
	file := flag.String("manifest", "", "the `FILE` that helm template printed")
	archive := flag.String("image", "", "the `FILE` of the image")
	flag.Parse()
	if *file == "" || *archive == "" || flag.NArg() > 0 {
		fmt.Fprintln(os.Stderr, "usage: rollout -manifest FILE -image FILE")
		os.Exit(2)
	}
	if os.Getenv(inside) == "" {
		os.Exit(again())
	}
	ctx, cancel := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer cancel()
	if err := run(ctx, *file, *archive); err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		os.Exit(1)
	}
}

// again runs this program with a network and mounts of its own, so that nothing of it is left afterwards.
func again() int {
	cmd := exec.Command("unshare", append([]string{"--net", "--mount", "--propagation", "private", os.Args[0]}, os.Args[1:]...)...) //nolint:gosec // this program
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.Env = append(os.Environ(), inside+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		return 1
	}
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		for s := range signals {
			_ = cmd.Process.Signal(s)
		}
	}()
	var failed *exec.ExitError
	if err := cmd.Wait(); errors.As(err, &failed) {
		return 1
	} else if err != nil {
		fmt.Fprintln(os.Stderr, "rollout:", err)
		return 1
	}
	return 0
}

// cluster is the pods of the set.
type cluster struct {
	*manifest
	pods  []*pod
	admin *fleet.Admin
	load  *fleet.Load
}

func run(ctx context.Context, file, archive string) error {
	m, err := readManifest(file)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "leat-rollout-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // pods have users of their own
		return err
	}
	im, err := readImage(ctx, archive, dir)
	if err != nil {
		return err
	}
	c := &cluster{manifest: m}
	defer func() {
		for _, p := range c.pods {
			p.remove()
		}
	}()
	if err := c.place(ctx, im, dir); err != nil {
		return err
	}
	for _, s := range []struct {
		name string
		step func(context.Context) error
	}{
		{"the pods start together and become ready", c.begin},
		{"a rolling restart, from the last pod to the first", c.roll},
		{"a pod whose replicas catch up slowly serves, and is ready when they are in sync", c.catchUp},
		{"everything acknowledged was read, once and in order", c.end},
	} {
		began := time.Now()
		if err := s.step(ctx); err != nil {
			return fmt.Errorf("%s: %w\n%s", s.name, err, c.tails())
		}
		fmt.Printf("rollout  ok %5.1f s  %s\n", time.Since(began).Seconds(), s.name)
	}
	return nil
}

func (c *cluster) tails() string {
	var all strings.Builder
	for _, p := range c.pods {
		fmt.Fprintf(&all, "--- %s\n%s\n", p.podName(p.id), p.tail())
	}
	return all.String()
}

// place makes a network with a namespace for each pod, and the names by which all find each other.
func (c *cluster) place(ctx context.Context, im *image, dir string) error {
	hosts := "127.0.0.1 localhost\n"
	steps := [][]string{
		{"mount", "-t", "tmpfs", "tmpfs", "/run"}, // names of namespaces
		{"ip", "link", "set", "lo", "up"},
		{"ip", "link", "add", "pods", "type", "bridge"},
		{"ip", "addr", "add", "10.78.0.1/24", "dev", "pods"},
		{"ip", "link", "set", "pods", "up"},
	}
	for i := range c.set.Spec.Replicas {
		p := &pod{manifest: c.manifest, im: im, id: i, dir: filepath.Join(dir, c.podName(i)), ip: fmt.Sprintf("10.78.0.%d", 10+i), space: c.podName(i)}
		c.pods = append(c.pods, p)
		out, in := fmt.Sprintf("pod%d", i), fmt.Sprintf("in%d", i)
		steps = append(steps,
			[]string{"ip", "netns", "add", p.space},
			[]string{"ip", "link", "add", out, "type", "veth", "peer", "name", in, "netns", p.space},
			[]string{"ip", "link", "set", out, "master", "pods", "up"},
			[]string{"ip", "-n", p.space, "addr", "add", p.ip + "/24", "dev", in},
			[]string{"ip", "-n", p.space, "link", "set", in, "up"},
			[]string{"ip", "-n", p.space, "link", "set", "lo", "up"},
		)
		hosts += p.ip + " " + strings.Join(c.host(i), " ") + "\n"
		if err := os.MkdirAll(p.dir, 0o755); err != nil { //nolint:gosec // the pod's user goes through it
			return err
		}
	}
	file := filepath.Join(dir, "hosts")
	if err := os.WriteFile(file, []byte(hosts), 0o644); err != nil { //nolint:gosec // for everybody
		return err
	}
	for _, s := range append(steps, []string{"mount", "--bind", file, "/etc/hosts"}) {
		if err := command(ctx, s[0], s[1:]...); err != nil {
			return err
		}
	}
	return nil
}

const (
	topic  = "orders"  // the load's
	filler = "backlog" // what a pod has to catch up with
)

// begin starts all pods at once, as podManagementPolicy Parallel does, and the load.
func (c *cluster) begin(ctx context.Context) error {
	if c.set.Spec.PodManagementPolicy != "Parallel" {
		return fmt.Errorf("podManagementPolicy is %s: a quorum is not formed by the first pod alone", c.set.Spec.PodManagementPolicy)
	}
	for _, p := range c.pods {
		if err := p.start(); err != nil {
			return err
		}
	}
	for _, p := range c.pods {
		if _, err := p.ready(ctx, time.Minute); err != nil {
			return err
		}
	}
	var addresses []string
	for _, p := range c.pods {
		addresses = append(addresses, net.JoinHostPort(p.host(p.id)[0], "9092"))
	}
	cl, err := kgo.NewClient(kgo.SeedBrokers(addresses...), kgo.MetadataMinAge(50*time.Millisecond), kgo.MetadataMaxAge(time.Second))
	if err != nil {
		return err
	}
	c.admin = &fleet.Admin{Client: kadm.NewClient(cl), Raw: cl}
	if created, err := c.admin.CreateTopic(ctx, 6, -1, nil, topic); err != nil || created.Err != nil {
		return errors.Join(err, created.Err)
	}
	if err := c.admin.InSync(ctx, topic); err != nil {
		return err
	}
	if c.load, err = fleet.StartLoad(ctx, addresses, topic, 6, 5*time.Millisecond); err != nil {
		return err
	}
	return c.load.Progress(ctx, 20)
}

// roll restarts the pods one by one.
func (c *cluster) roll(ctx context.Context) error {
	for _, p := range slices.Backward(c.pods) {
		c.load.Worst()
		began := time.Now()
		if err := p.stop(ctx); err != nil {
			return err
		}
		stopped := time.Since(began)
		if err := p.start(); err != nil {
			return err
		}
		took, err := p.ready(ctx, 2*time.Minute)
		if err != nil {
			return err
		}
		if err := c.wholeAt(ctx, p); err != nil {
			return err
		}
		if err := c.settle(ctx); err != nil {
			return err
		}
		if err := c.load.Progress(ctx, 10); err != nil {
			return err
		}
		fmt.Printf("rollout  %s: stopped in %.1f s, ready %.1f s later; the longest wait for an acknowledgement was %d ms\n",
			p.podName(p.id), stopped.Seconds(), took.Seconds(), c.load.Worst().Milliseconds())
	}
	return nil
}

// settle is what Kubernetes waits before a pod that is ready counts as available.
func (c *cluster) settle(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Duration(c.set.Spec.MinReadySeconds) * time.Second):
		return nil
	}
}

// wholeAt checks, by what the node itself knows, that all its replicas are in sync: also those of internal topics.
func (c *cluster) wholeAt(ctx context.Context, p *pod) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(net.JoinHostPort(p.ip, "9092")))
	if err != nil {
		return err
	}
	defer cl.Close()
	rq := kmsg.NewPtrMetadataRequest()
	rq.Topics = nil // all
	resp, err := rq.RequestWith(ctx, cl.SeedBrokers()[0])
	if err != nil {
		return err
	}
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			if id := int32(p.id); slices.Contains(part.Replicas, id) && !slices.Contains(part.ISR, id) {
				return fmt.Errorf("%s is ready, and in sync for %s-%d are only %d", p.podName(p.id), *t.Topic, part.Partition, part.ISR)
			}
		}
	}
	return nil
}

// catchUp restarts the last pod with little room for replication: it must serve long before it is ready.
func (c *cluster) catchUp(ctx context.Context) error {
	p := c.pods[len(c.pods)-1]
	if created, err := c.admin.CreateTopic(ctx, 1, -1, nil, filler); err != nil || created.Err != nil {
		return errors.Join(err, created.Err)
	}
	if err := c.throttle(ctx, p.id, "1000000"); err != nil {
		return err
	}
	if err := p.stop(ctx); err != nil {
		return err
	}
	if err := c.fill(ctx, 4<<20); err != nil {
		return err
	}
	if err := p.start(); err != nil {
		return err
	}
	serves, ready, said, err := p.watch(ctx)
	if err != nil {
		return err
	}
	if err := c.wholeAt(ctx, p); err != nil {
		return err
	}
	if ready-serves < time.Second || !strings.Contains(said, filler+"-0") {
		return fmt.Errorf("%s served after %s and was ready after %s, having said %q", p.podName(p.id), serves, ready, said)
	}
	fmt.Printf("rollout  %s: serves after %.1f s, is ready after %.1f s; between: %s\n", p.podName(p.id), serves.Seconds(), ready.Seconds(), said)
	return errors.Join(c.throttle(ctx, p.id, ""), c.load.Progress(ctx, 10))
}

// fill writes so much that does not compress.
func (c *cluster) fill(ctx context.Context, bytes int) error {
	var failed error
	for sent := 0; sent < bytes; {
		value := make([]byte, 100_000)
		_, _ = rand.Read(value)
		sent += len(value)
		c.admin.Raw.Produce(ctx, &kgo.Record{Topic: filler, Value: value}, func(_ *kgo.Record, err error) { failed = errors.Join(failed, err) })
	}
	return errors.Join(c.admin.Raw.Flush(ctx), failed)
}

// throttle bounds how fast a node catches up; with no rate it is as fast as it can be.
func (c *cluster) throttle(ctx context.Context, id int, rate string) error {
	change := func(name, value string) kadm.AlterConfig {
		if value == "" {
			return kadm.AlterConfig{Op: kadm.DeleteConfig, Name: name}
		}
		return kadm.AlterConfig{Op: kadm.SetConfig, Name: name, Value: &value}
	}
	replicas := ""
	if rate != "" {
		replicas = "*"
	}
	_, err := c.admin.AlterBrokerConfigs(ctx, []kadm.AlterConfig{change("follower.replication.throttled.rate", rate)}, int32(id))
	_, err2 := c.admin.AlterTopicConfigs(ctx, []kadm.AlterConfig{change("follower.replication.throttled.replicas", replicas)}, filler)
	return errors.Join(err, err2)
}

// end checks what was written and read.
func (c *cluster) end(ctx context.Context) error {
	n, err := c.load.Stop(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("rollout  %d records, each read once and in order\n", n)
	for _, p := range c.pods {
		if err := p.stop(ctx); err != nil {
			return err
		}
	}
	return nil
}
