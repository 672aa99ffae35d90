package tool

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/reach"
	"leat/internal/config"
)

// patience is how long Kafka's tools try to get an answer, unless their properties say otherwise.
const patience = time.Minute

// Properties reads a file of a client's properties; "": none.
func Properties(file string) (map[string]string, error) {
	if file == "" {
		return map[string]string{}, nil
	}
	text, err := os.ReadFile(file)
	if errors.Is(err, os.ErrNotExist) {
		return nil, &Exception{"java.nio.file.NoSuchFileException", file}
	}
	if err != nil {
		return nil, err
	}
	return config.ReadProperties(text)
}

// Cluster is a cluster, as a tool reaches it.
type Cluster struct {
	*kgo.Client

	Properties  map[string]string
	controllers bool // it is reached by its controllers
	patience    time.Duration
}

// Connect reaches the cluster by the options that most tools have: bootstrap-server, bootstrap-controller and command-config.
func (c *Call) Connect(opts ...kgo.Opt) (*Cluster, error) {
	set, err := Properties(c.Value("command-config"))
	if err != nil {
		return nil, err
	}
	return c.ConnectWith(set, opts...)
}

// ConnectWith is [Call.Connect] with properties that have been read.
func (c *Call) ConnectWith(set map[string]string, opts ...kgo.Opt) (*Cluster, error) {
	servers, controllers := c.Value("bootstrap-server"), false
	if c.Has("bootstrap-controller") {
		servers, controllers = c.Value("bootstrap-controller"), true
	}
	if c.wrong != nil {
		return nil, c.wrong
	}
	cluster, err := Reach(servers, set, opts...)
	if err == nil {
		cluster.controllers = controllers
	}
	return cluster, err
}

// Reach is the cluster at some addresses, by a client's properties.
func Reach(servers string, set map[string]string, opts ...kgo.Opt) (*Cluster, error) {
	set = maps.Clone(set)
	addresses, err := addresses(cmp.Or(servers, set["bootstrap.servers"]))
	if err != nil {
		return nil, err
	}
	line, err := reach.FromProperties(set)
	if err != nil {
		return nil, err
	}
	wait := patience
	if ms, err := strconv.Atoi(set["default.api.timeout.ms"]); err == nil {
		wait = time.Duration(ms) * time.Millisecond
	}
	all := []kgo.Opt{kgo.RetryTimeout(wait), kgo.ClientID(cmp.Or(set["client.id"], reach.ClientID))}
	client, err := reach.Client(addresses, line, append(all, opts...)...)
	if err != nil {
		return nil, err
	}
	return &Cluster{Client: client, Properties: set, patience: wait}, nil
}

// notCreated is what the admin client of Kafka says of properties with which it cannot begin.
var notCreated = &Exception{"org.apache.kafka.common.KafkaException", "Failed to create new KafkaAdminClient"}

func addresses(servers string) ([]string, error) {
	var all []string
	for part := range strings.SplitSeq(servers, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		_, after, _ := strings.Cut(part, "://")
		host, port, err := net.SplitHostPort(cmp.Or(after, part))
		if n, wrong := strconv.Atoi(port); err != nil || wrong != nil || n < 0 || n > 65535 {
			return nil, notCreated
		}
		all = append(all, net.JoinHostPort(host, port))
	}
	if len(all) == 0 {
		return nil, notCreated
	}
	return all, nil
}

// Wait sets how long each request may take.
func (c *Cluster) Wait(d time.Duration) { c.patience = d }

// Ask sends a request where it belongs and returns its answer.
func Ask[A kmsg.Response](ctx context.Context, c *Cluster, request kmsg.Request) (A, error) {
	var none A
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	answer, err := c.route(ctx, request)
	if err != nil {
		return none, c.unanswered(err, request)
	}
	a, ok := answer.(A)
	if !ok {
		return none, fmt.Errorf("%T: not the answer to %T", answer, request)
	}
	return a, nil
}

// AskNode sends a request to one node.
func AskNode[A kmsg.Response](ctx context.Context, c *Cluster, node int32, request kmsg.Request) (A, error) {
	var none A
	ctx, cancel := context.WithTimeout(ctx, c.patience)
	defer cancel()
	answer, err := c.Broker(int(node)).RetriableRequest(ctx, request)
	if err != nil {
		return none, c.unanswered(err, request)
	}
	return answer.(A), nil
}

func (c *Cluster) route(ctx context.Context, request kmsg.Request) (kmsg.Response, error) {
	if !c.controllers {
		return c.Request(ctx, request)
	}
	active, err := c.activeController(ctx)
	if err != nil {
		return nil, err
	}
	return active.Request(ctx, request)
}

// activeController is the one that answers for all; it is asked alone, because controllers know no metadata of topics.
func (c *Cluster) activeController(ctx context.Context) (*kgo.Broker, error) {
	about := kmsg.NewPtrDescribeClusterRequest()
	about.EndpointType = 2
	var last error
	for _, seed := range c.SeedBrokers() {
		answer, err := seed.Request(ctx, about)
		if err != nil {
			last = err
			continue
		}
		d := answer.(*kmsg.DescribeClusterResponse)
		if err := Refused(d.ErrorCode, d.ErrorMessage); err != nil {
			return nil, err
		}
		for _, node := range d.Brokers {
			if node.NodeID == d.ControllerID {
				if err := c.UpdateSeedBrokers(net.JoinHostPort(node.Host, strconv.Itoa(int(node.Port)))); err != nil {
					return nil, err
				}
				return c.SeedBrokers()[0], nil
			}
		}
		last = &Exception{commonErrors + "TimeoutException", "Timed out waiting for a node assignment. Call: describeCluster"}
	}
	return nil, last
}

// unanswered is the error of a request that nobody answered, in the words of Kafka's clients.
func (c *Cluster) unanswered(err error, request kmsg.Request) error {
	var k *kerr.Error
	if errors.As(err, &k) {
		return Refused(k.Code, nil)
	}
	var refused *Exception
	if errors.As(err, &refused) {
		return err
	}
	call := kmsg.NameForKey(request.Key())
	call = strings.ToLower(call[:1]) + call[1:]
	return &Exception{commonErrors + "TimeoutException", fmt.Sprintf("Timed out waiting for a node assignment. Call: %s: %v", call, err)}
}
