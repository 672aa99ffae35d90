// Package explain is the commands for somebody who wonders: why asks a cluster what is wrong with it, and diagnose collects all that somebody else would
// need to answer.
//
// Both ask a broker through its Kafka listener, with the same flags, profiles and credentials as any other command; or, where that is just what
// does not work, the operations listener of a node.
package explain

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/cli/present"
	"leat/internal/cli/reach"
	"leat/internal/cli/run"
	"leat/internal/peer"
	"leat/internal/why"
	"leat/internal/wire"
)

// Commands are the commands of this package.
func Commands(s run.Streams) []*cobra.Command {
	return []*cobra.Command{whyCommand(s), diagnoseCommand(s)}
}

// whyFlags are those of `leat why`.
type whyFlags struct {
	reach.Flags
	*present.Output

	operations string
}

func whyCommand(s run.Streams) *cobra.Command {
	f := &whyFlags{Output: present.To(s)}
	cmd := &cobra.Command{
		Use:   "why [group NAME | topic NAME | partition TOPIC-N | client ID | node N]",
		Short: "Say what is wrong with a cluster, the root cause first, and what to do about it",
		Long: "Say what is wrong with a cluster, the root cause first: the chain from it to what is noticed, what was seen, and what to do.\n\n" +
			"The broker that is asked asks all other nodes. Without words it tells all that it finds; with a group, topic, partition, client or node\n" +
			"what bears on that. The exit status is 0 if nothing is wrong, and 1 if something is.",
		Args:      aboutArgs,
		ValidArgs: why.AboutKinds,
		RunE:      func(cmd *cobra.Command, args []string) error { return f.run(cmd.Context(), args) },
	}
	f.Flags.Add(cmd)
	f.Output.Add(cmd)
	cmd.Flags().StringVar(&f.operations, "operations", "", "`HOST:PORT,...` of operations listeners (leat.http.listener) to ask instead of brokers, one after the other until one answers")
	return cmd
}

func aboutArgs(_ *cobra.Command, args []string) error {
	_, err := aboutOf(args)
	return err
}

// aboutOf reads "group shop" or "group:shop".
func aboutOf(args []string) (why.About, error) {
	switch {
	case len(args) > 2:
		return why.About{}, fmt.Errorf("%s: say one thing, as in: group shop", strings.Join(args, " "))
	case len(args) == 1 && slices.Contains(why.AboutKinds, args[0]):
		return why.About{}, fmt.Errorf("%s: say which one, as in: leat why group shop", args[0])
	case len(args) == 1 && !strings.Contains(args[0], ":"):
		return why.About{}, fmt.Errorf("%s: say what it is (%s), as in: leat why group %s", args[0], strings.Join(why.AboutKinds, ", "), args[0])
	}
	return why.ParseAbout(strings.Join(args, ":"))
}

func (f *whyFlags) run(ctx context.Context, args []string) error {
	if err := errors.Join(f.Check(), f.Resolve()); err != nil {
		return err
	}
	about, err := aboutOf(args)
	if err != nil {
		return err
	}
	ctx, cancel := f.Timed(ctx)
	defer cancel()
	var answer []byte
	if f.operations != "" {
		answer, err = askOperations(ctx, f.operations, "/why?format=json&about="+url.QueryEscape(about.String()))
	} else {
		answer, err = askBrokers(ctx, f.Addresses(), about)
	}
	if err != nil {
		return run.Failed(err)
	}
	var report why.Report
	if err := json.Unmarshal(answer, &report); err != nil {
		return run.Failed(fmt.Errorf("answer to why: %w", err))
	}
	return f.show(&report)
}

func (f *whyFlags) show(report *why.Report) error {
	if f.People() {
		if err := report.Write(f.Out); err != nil {
			return run.Failed(err)
		}
	} else if err := f.Show(report); err != nil {
		return err
	}
	if len(report.Findings) > 0 {
		return run.Exit(1)
	}
	return nil
}

// askBrokers asks one broker after the other until one answers.
func askBrokers(ctx context.Context, addresses []string, about why.About) ([]byte, error) {
	var failed []error
	for _, address := range addresses {
		answer, err := askBroker(ctx, address, &wire.Why{About: about.String()})
		if err == nil {
			return answer, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(append(failed, errors.New("no broker could be asked: --operations asks the operations listener of a node (leat.http.listener) instead"))...)
}

func askBroker(ctx context.Context, address string, rq *wire.Why) ([]byte, error) {
	p := peer.New(reach.PeerConfig(ctx), -1, func() (string, error) { return address, nil })
	defer p.Close()
	answer, err := p.Do(ctx, rq)
	if errors.Is(err, peer.ErrUnsupported) {
		return nil, fmt.Errorf("%s: it cannot tell: it is no leat, or an earlier one: %w", address, err)
	}
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*wire.WhyResponse)
	if !ok {
		return nil, fmt.Errorf("%s: LeatWhy was answered with %T", address, answer)
	}
	if resp.ErrorCode != 0 {
		return nil, fmt.Errorf("%s: %s: %w", address, resp.Message, kerr.ErrorForCode(resp.ErrorCode))
	}
	return resp.JSON, nil
}

// mostPage bounds what is taken from an operations listener.
const mostPage = 256 << 20

// askOperations gets a path of the first operations listener that answers.
func askOperations(ctx context.Context, addresses, path string) ([]byte, error) {
	var failed []error
	for _, address := range strings.FieldsFunc(addresses, func(r rune) bool { return r == ',' || r == ' ' }) {
		body, err := page(ctx, "http://"+strings.TrimPrefix(address, "http://")+path)
		if err == nil {
			return body, nil
		}
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

func page(ctx context.Context, address string) ([]byte, error) {
	rq, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	resp, err := http.DefaultClient.Do(rq)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, mostPage))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if resp.StatusCode >= http.StatusBadRequest && !strings.Contains(address, "/readyz") && !strings.Contains(address, "/livez") {
		return nil, fmt.Errorf("%s: %s: %s", address, resp.Status, strings.TrimSpace(string(body)))
	}
	return body, nil
}
