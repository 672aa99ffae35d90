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

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/peer"
	"leat/internal/wire"
)

// clusterFlags say which cluster a command asks, and how it prints.
type clusterFlags struct {
	reach.Flags
	out *present.Output // nil: of a tool of Kafka's, which prints by itself

	servers     string
	controllers string
	timeout     time.Duration
	output      string // text, or json for all forms that are for programs

	line  *reach.Line
	order []string // the addresses once it is known who answers
}

func (f *clusterFlags) add(cmd *cobra.Command, s run.Streams) {
	f.out = present.To(s)
	f.Add(cmd)
	f.out.Add(cmd)
	cmd.Flags().StringVar(&f.controllers, "bootstrap-controller", "", "`HOST:PORT,...` of controllers to ask instead, where no broker can be reached")
}

func (f *clusterFlags) check(cmd *cobra.Command) error {
	if f.controllers != "" && cmd.Flags().Changed("bootstrap-server") {
		return errors.New("--bootstrap-server and --bootstrap-controller: give one of them")
	}
	if err := f.out.Check(); err != nil {
		return err
	}
	if f.output = "json"; f.out.People() {
		f.output = "text"
	}
	if err := f.Resolve(); err != nil {
		return err
	}
	f.servers, f.timeout, f.line = strings.Join(f.Addresses(), ","), f.Timeout, f.Line()
	return nil
}

// addresses are whom to ask.
func (f *clusterFlags) addresses() []string {
	list := f.servers
	if f.controllers != "" {
		list = f.controllers
	} else if list == "" {
		list = reach.DefaultServer
	}
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' || r == ' ' })
}

// asksControllers reports whether the addresses are those of controllers.
func (f *clusterFlags) asksControllers() bool { return f.controllers != "" }

// askAt sends one request to one address.
func askAt(ctx context.Context, address string, rq kmsg.Request) (kmsg.Response, error) {
	p := peer.New(reach.PeerConfig(ctx), -1, func() (string, error) { return address, nil })
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
				return nil, run.Hint(errors.Join(why...), "it may have been done, look before trying again")
			}
		}
	}
	err := errors.Join(why...)
	if f.out == nil {
		return nil, err
	}
	return nil, reach.Advised(err)
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
	if message != nil && *message != "" && !strings.HasSuffix(err.Error(), ": "+*message) { // some say it twice
		return fmt.Errorf("%s: %s: %w", what, strings.TrimSuffix(*message, "."), err)
	}
	return fmt.Errorf("%s: %w", what, err)
}

// printJSON prints a value in the form for programs that was asked for.
func (p *program) printJSON(v any) error {
	if p.shown != nil {
		return p.shown.Show(v)
	}
	e := json.NewEncoder(p.Out)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return run.Failed(err)
	}
	return nil
}

// timed bounds a command.
func (f *clusterFlags) timed(cmd *cobra.Command) (context.Context, context.CancelFunc) {
	ctx := cmd.Context()
	if ctx == nil {
		ctx = context.Background()
	}
	return context.WithTimeout(reach.With(ctx, f.line), f.timeout)
}
