package manage

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/reach"
)

// completeTimeout is how long a shell waits for names.
const completeTimeout = 2 * time.Second

// completer is what cobra asks for the words that can stand somewhere.
type completer = func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective)

// completeFrom completes by the names of a cluster, without those that stand there already. Where none answers there are none: a shell shows no errors.
func completeFrom(names func(context.Context, *kgo.Client) ([]string, error)) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		const nothingElse = cobra.ShellCompDirectiveNoFileComp
		flags, ok := reach.FlagsOf(cmd)
		if !ok || flags.Resolve() != nil {
			return nil, nothingElse
		}
		ctx, cancel := context.WithTimeout(context.Background(), completeTimeout)
		defer cancel()
		cl, err := flags.Connect(ctx)
		if err != nil {
			return nil, nothingElse
		}
		defer cl.Close()
		all, err := names(ctx, cl)
		if err != nil {
			return nil, nothingElse
		}
		slices.Sort(all)
		return slices.DeleteFunc(all, func(name string) bool {
			return !strings.HasPrefix(name, begun) || slices.Contains(args, name)
		}), nothingElse
	}
}

// Topics completes the words of a command that takes topics: all of them, or only the first.
func Topics(onlyFirst bool) completer {
	return func(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
		if onlyFirst && len(args) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return completeTopics(cmd, args, begun)
	}
}

var (
	completeTopics = completeFrom(topicNames)
	completeGroups = completeFrom(groupNames)
)

func topicNames(ctx context.Context, cl *kgo.Client) ([]string, error) {
	meta, err := ask[*kmsg.MetadataResponse](ctx, cl, kmsg.NewPtrMetadataRequest())
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range meta.Topics {
		if t.Topic != nil && !t.IsInternal {
			names = append(names, *t.Topic)
		}
	}
	return names, nil
}

func groupNames(ctx context.Context, cl *kgo.Client) ([]string, error) {
	groups, err := listGroups(ctx, cl)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, g := range groups {
		names = append(names, g.Group)
	}
	return names, nil
}

// Groups completes names of groups.
func Groups(cmd *cobra.Command, args []string, begun string) ([]string, cobra.ShellCompDirective) {
	return completeGroups(cmd, args, begun)
}

func txnNames(ctx context.Context, cl *kgo.Client) ([]string, error) {
	resp, err := ask[*kmsg.ListTransactionsResponse](ctx, cl, kmsg.NewPtrListTransactionsRequest())
	if err != nil {
		return nil, err
	}
	var names []string
	for i := range resp.TransactionStates {
		names = append(names, resp.TransactionStates[i].TransactionalID)
	}
	return names, nil
}
