package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/peer"
	"leat/internal/wire"
)

// clusterFlags say which cluster a command asks, and how it prints.
type clusterFlags struct {
	servers     string
	controllers string
	timeout     time.Duration
	output      string
	file        string // properties of the client

	line  *line
	order []string // the addresses once it is known who answers
}

func (f *clusterFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.servers, "bootstrap-server", "", "`HOST:PORT,...` of brokers to ask, one after the other until one answers, those first that are there; without it localhost:9092")
	cmd.Flags().StringVar(&f.controllers, "bootstrap-controller", "", "`HOST:PORT,...` of controllers to ask instead, where no broker can be reached")
	cmd.Flags().StringVar(&f.file, "command-config", "", "properties `FILE` of the client, as Kafka's tools have it: security.protocol, ssl.* and sasl.*")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 30*time.Second, "how long to wait for the cluster")
	cmd.Flags().StringVarP(&f.output, "output", "o", "text", "form of the output: text or json")
	complete(cmd, "output", "text", "json")
}

func (f *clusterFlags) check() error {
	if f.output != "text" && f.output != "json" {
		return fmt.Errorf("--output=%s: neither text nor json", f.output)
	}
	if f.servers != "" && f.controllers != "" {
		return errors.New("--bootstrap-server and --bootstrap-controller: give one of them")
	}
	var err error
	if f.line, err = readLine(f.file); err != nil {
		return fmt.Errorf("--command-config: %w", err)
	}
	return nil
}

// addresses are whom to ask.
func (f *clusterFlags) addresses() []string {
	list := f.servers
	if f.controllers != "" {
		list = f.controllers
	} else if list == "" {
		list = "localhost:9092"
	}
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// asksControllers reports whether the addresses are those of controllers.
func (f *clusterFlags) asksControllers() bool { return f.controllers != "" }

// connectTimeout is for everything before the first request.
const connectTimeout = 5 * time.Second

// askAt sends one request to one address.
func askAt(ctx context.Context, address string, rq kmsg.Request) (kmsg.Response, error) {
	p := peer.New(peerConfig(ctx), -1, func() (string, error) { return address, nil })
	defer p.Close()
	return p.Do(ctx, rq)
}

// ask sends a request to the addresses, one after the other, until one answers that can. A request that may have been carried out is not sent again.
func (f *clusterFlags) ask(ctx context.Context, rq kmsg.Request) (kmsg.Response, error) {
	var why []error
	for _, address := range f.answering(ctx) {
		resp, err := askAt(ctx, address, rq)
		switch {
		case err == nil && !elsewhere(resp):
			return resp, nil
		case err == nil:
			why = append(why, fmt.Errorf("%s does not lead the controllers", address))
		case errors.Is(err, peer.ErrUnsupported):
			return nil, fmt.Errorf("%s: %w", address, err)
		default:
			why = append(why, err)
			if peer.MaybeSent(err) && !onlyAsks(rq) {
				return nil, fmt.Errorf("%w: it may have been done, look before trying again", errors.Join(why...))
			}
		}
	}
	return nil, errors.Join(why...)
}

// onlyAsks reports whether a request changes nothing.
func onlyAsks(rq kmsg.Request) bool {
	switch rq.(type) {
	case *kmsg.DescribeQuorumRequest, *kmsg.DescribeClusterRequest, *kmsg.MetadataRequest, *kmsg.ListPartitionReassignmentsRequest, *wire.Identity:
		return true
	}
	return false
}

// elsewhere reports whether a controller answered that another one leads.
func elsewhere(resp kmsg.Response) bool {
	code := int16(0)
	switch r := resp.(type) {
	case *kmsg.DescribeQuorumResponse:
		if code = r.ErrorCode; len(r.Topics) == 1 && len(r.Topics[0].Partitions) == 1 && code == 0 {
			code = r.Topics[0].Partitions[0].ErrorCode
		}
	case *kmsg.AddRaftVoterResponse:
		code = r.ErrorCode
	case *kmsg.RemoveRaftVoterResponse:
		code = r.ErrorCode
	}
	return code == kerr.NotController.Code || code == kerr.NotLeaderForPartition.Code
}

// answered is the error in an answer: its code, and what was said with it.
func answered(what string, code int16, message *string) error {
	if code == 0 {
		return nil
	}
	err := kerr.ErrorForCode(code)
	if message != nil && *message != "" {
		return fmt.Errorf("%s: %s: %w", what, *message, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// printJSON prints a value as one JSON document.
func (p *program) printJSON(v any) error {
	e := json.NewEncoder(p.stdout)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return failure{err}
	}
	return nil
}

// timed bounds a command.
func (f *clusterFlags) timed(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(withLine(ctx, f.line), f.timeout)
}
