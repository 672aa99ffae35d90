package manage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/present"
	"leat/internal/cli/run"
)

// health is what `leat cluster health -o json` prints.
type health struct {
	Healthy bool    `json:"healthy"`
	Checks  []check `json:"checks"`
}

type check struct {
	Name     string   `json:"name"`
	Healthy  bool     `json:"healthy"`
	Found    string   `json:"found"`
	Examples []string `json:"examples,omitempty"`
	Next     string   `json:"next,omitempty"` // what to do
}

// maxExamples are named of what is not well.
const maxExamples = 10

// Health is the command cluster health.
func Health(s run.Streams) *cobra.Command {
	var wait time.Duration
	var want wanted
	c := newCommand(s, &cobra.Command{
		Use: "health", Short: "Say whether brokers, controllers, partitions and disks are well",
		Long: `Say whether brokers, controllers, partitions and disks are well: exit status 0 if so, 1 if not. What is not well has a next step.

A broker that is registered and fenced is not well, nor is a controller that votes and is not heard of. One that never registered is not known to the
cluster: --brokers and --controllers say how many there have to be.`,
		Example: "  leat cluster health\n  leat cluster health --wait 1m --brokers 3 && echo ready\n" +
			"  leat cluster health -o template='{{.healthy}}'",
		Args: cobra.NoArgs,
	})
	c.Command.Flags().DurationVar(&wait, "wait", 0, "wait so long until everything is well")
	c.Command.Flags().IntVar(&want.full, "max-disk", 95, "how full a disk may be, in percent")
	c.Command.Flags().IntVar(&want.brokers, "brokers", 0, "how many brokers have to be up, at least; 0: those that are registered")
	c.Command.Flags().IntVar(&want.controllers, "controllers", 0, "how many controllers have to vote and be heard of, at least; 0: those that vote")
	c.patience = &wait
	c.check = func([]string) error { return want.check() }
	c.run = func(ctx context.Context, cl *cluster, _ []string) error {
		h, err := c.awaitHealth(ctx, cl, wait, want)
		if err != nil {
			return err
		}
		t := present.NewTable("CHECK", "STATE", "FOUND", "NEXT STEP")
		for _, k := range h.Checks {
			state := any(present.Good("ok"))
			if !k.Healthy {
				state = present.Bad("bad")
			}
			t.Add(k.Name, state, k.Found, k.Next)
			for _, e := range k.Examples {
				t.Notes = append(t.Notes, k.Name+": "+e)
			}
		}
		if err := c.Show(h, t); err != nil || h.Healthy {
			return err
		}
		return run.Exit(1)
	}
	return c.Command
}

func (c *command) awaitHealth(ctx context.Context, cl *cluster, wait time.Duration, want wanted) (*health, error) {
	progress := c.Progress()
	defer progress.End()
	h, err := readHealth(ctx, cl, want)
	for until := time.Now().Add(wait); (err != nil || !h.Healthy) && time.Now().Before(until); {
		progress.Say("not well yet, %v left", time.Until(until).Round(time.Second))
		time.Sleep(pollEvery)
		again, cancel := c.Timed(context.Background())
		h, err = readHealth(again, cl, want)
		cancel()
	}
	return h, err
}

// readHealth looks at everything.
func readHealth(ctx context.Context, cl *cluster, want wanted) (*health, error) {
	h := &health{Healthy: true}
	brokers, up, err := checkBrokers(ctx, cl, want.brokers)
	if err != nil {
		return nil, err
	}
	partitions, err := checkPartitions(ctx, cl)
	if err != nil {
		return nil, err
	}
	h.Checks = append(append([]check{brokers, checkQuorum(ctx, cl, want.controllers)}, partitions...), checkDisks(ctx, cl, up, want.full))
	for i := range h.Checks {
		k := &h.Checks[i]
		if h.Healthy = h.Healthy && k.Healthy; k.Healthy {
			k.Next = ""
		}
	}
	return h, nil
}

func (k *check) example(text string) {
	k.Healthy = false
	if len(k.Examples) < maxExamples {
		k.Examples = append(k.Examples, text)
	}
}

// tellsFenced is the first version of DescribeCluster that lists brokers that are fenced.
const tellsFenced = 2

// registered asks for all brokers that are registered.
func registered(ctx context.Context, cl *cluster) (*kmsg.DescribeClusterResponse, error) {
	rq := kmsg.NewPtrDescribeClusterRequest()
	rq.IncludeFencedBrokers = true
	resp, err := ask[*kmsg.DescribeClusterResponse](ctx, cl, rq)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	return resp, of("brokers", err)
}

func checkBrokers(ctx context.Context, cl *cluster, want int) (k check, up []int32, err error) {
	resp, err := registered(ctx, cl)
	if err != nil {
		return k, nil, err
	}
	k = check{Name: "brokers", Healthy: true, Next: "start the brokers that are fenced, or leat cluster unregister those that are gone for good"}
	for _, b := range resp.Brokers {
		if b.IsFenced {
			k.example(fmt.Sprintf("broker %d at %s:%d is fenced", b.NodeID, b.Host, b.Port))
		} else {
			up = append(up, b.NodeID)
		}
	}
	k.Found = fmt.Sprintf("%d of %d are up", len(up), len(resp.Brokers))
	if resp.Version < tellsFenced {
		k.Found = fmt.Sprintf("%d are up; this version of Kafka does not tell of fenced ones", len(up))
	}
	if len(up) < want {
		k.example(fmt.Sprintf("%d are expected (--brokers), %d are up", want, len(up)))
	}
	return k, up, nil
}

// readQuorum asks who leads and votes.
func readQuorum(ctx context.Context, cl *cluster) (*kmsg.DescribeQuorumResponseTopicPartition, error) {
	rq := kmsg.NewPtrDescribeQuorumRequest()
	t := kmsg.NewDescribeQuorumRequestTopic()
	t.Topic, t.Partitions = "__cluster_metadata", []kmsg.DescribeQuorumRequestTopicPartition{{}}
	rq.Topics = append(rq.Topics, t)
	resp, err := ask[*kmsg.DescribeQuorumResponse](ctx, cl, rq)
	if err == nil {
		err = answered(resp.ErrorCode, resp.ErrorMessage)
	}
	if err == nil && (len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1) {
		err = fmt.Errorf("the answer is not about one partition")
	}
	if err != nil {
		return nil, err
	}
	part := &resp.Topics[0].Partitions[0]
	return part, answered(part.ErrorCode, part.ErrorMessage)
}

// mayNot is what to do where the person who asks has not the right to know.
const mayNot = "ask as somebody with DESCRIBE on the cluster (leat acl add --allow User:NAME --operation describe --cluster gives it)"

// checkQuorum looks at the controllers. It is no error that they cannot be asked: that is what is wrong then.
func checkQuorum(ctx context.Context, cl *cluster, want int) check {
	part, err := readQuorum(ctx, cl)
	if err != nil {
		k := check{Name: "controllers", Found: "they cannot be asked", Next: controllersNext}
		if errors.Is(err, kerr.ClusterAuthorizationFailed) {
			k.Next = mayNot
		}
		k.example(err.Error())
		return k
	}
	return controllersCheck(part, want)
}

func checkPartitions(ctx context.Context, cl *cluster) ([]check, error) {
	topics, err := readTopics(ctx, cl)
	if err != nil {
		return nil, err
	}
	led := check{Name: "leaders", Healthy: true, Next: "start a broker that has an in-sync replica; leat topic list --unwell shows the topics"}
	whole := check{Name: "replicas", Healthy: true, Next: "wait, or start the brokers that are missing; leat topic describe shows who lags"}
	written := check{Name: "in-sync minimum", Healthy: true, Next: "producers with acks=all are refused: bring replicas back, or lower min.insync.replicas"}
	all, offline, under, below := 0, 0, 0, 0
	for i := range topics {
		least := -1 // not asked for yet
		for j := range topics[i].Partitions {
			p := &topics[i].Partitions[j]
			name := fmt.Sprintf("%s-%d", topics[i].Name, p.Partition)
			if all++; p.Leader < 0 {
				offline++
				led.example(name + " has no leader")
			}
			if !p.underReplicated() {
				continue
			}
			under++
			whole.example(fmt.Sprintf("%s has %s in sync of %s", name, nodes(p.InSync), nodes(p.Replicas)))
			if least < 0 {
				least = minInSync(ctx, cl, topics[i].Name)
			}
			if len(p.InSync) < least {
				below++
				written.example(fmt.Sprintf("%s has %d in sync, min.insync.replicas is %d", name, len(p.InSync), least))
			}
		}
	}
	led.Found = fmt.Sprintf("%d of %d partitions have one", all-offline, all)
	whole.Found = fmt.Sprintf("%d of %d partitions have all in sync", all-under, all)
	written.Found = fmt.Sprintf("%d partitions are below it", below)
	return []check{led, whole, written}, nil
}

// minInSync is min.insync.replicas of a topic; 1 if it cannot be asked for.
func minInSync(ctx context.Context, cl *cluster, topic string) int {
	set, err := readSettings(ctx, cl, entity{kmsg.ConfigResourceTypeTopic, topic})
	if err != nil {
		return 1
	}
	i := slices.IndexFunc(set, func(s setting) bool { return s.Key == "min.insync.replicas" })
	if i < 0 {
		return 1
	}
	n, err := strconv.Atoi(orNothing(set[i].Value))
	if err != nil {
		return 1
	}
	return n
}

func checkDisks(ctx context.Context, cl *cluster, brokers []int32, full int) check {
	k := check{Name: "disks", Healthy: true, Next: "see docs/how-to/disk-full.md; leat cluster balance --plan shows what could go elsewhere"}
	fullest, dirs := 0, 0
	for _, id := range brokers {
		answer, err := cl.Broker(int(id)).Request(ctx, &kmsg.DescribeLogDirsRequest{Version: 4, Topics: []kmsg.DescribeLogDirsRequestTopic{}})
		resp, ok := answer.(*kmsg.DescribeLogDirsResponse)
		if err == nil && ok {
			err = answered(resp.ErrorCode, nil)
		}
		if errors.Is(err, kerr.ClusterAuthorizationFailed) {
			k.Next = mayNot
		}
		if err != nil || !ok {
			k.example(fmt.Sprintf("broker %d cannot be asked: %v", id, err))
			continue
		}
		for _, d := range resp.Dirs {
			dirs++
			if err := answered(d.ErrorCode, nil); err != nil {
				k.example(fmt.Sprintf("broker %d: %s: %v", id, d.Dir, err))
				continue
			}
			if d.TotalBytes <= 0 || d.UsableBytes < 0 {
				continue
			}
			used := int((d.TotalBytes - d.UsableBytes) * 100 / d.TotalBytes)
			if fullest = max(fullest, used); used > full {
				k.example(fmt.Sprintf("broker %d: %s is %d%% full", id, d.Dir, used))
			}
		}
	}
	k.Found = fmt.Sprintf("%d, the fullest %d%%", dirs, fullest)
	return k
}
