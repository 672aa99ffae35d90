package admin

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// Transactions is kafka-transactions.
func Transactions() *tool.Tool {
	return &tool.Tool{Name: "kafka-transactions", Parser: transactionsParser(), Run: transactions}
}

func transactions(ctx context.Context, c *tool.Call) error {
	set, err := tool.Properties(c.Value("command-config"))
	if err != nil {
		return undone("Failed to load admin client properties", err)
	}
	cluster, err := c.ConnectWith(set)
	if err != nil {
		return err
	}
	defer cluster.Close()
	t := &transactionCall{Call: c, cluster: cluster}
	switch c.Value(tool.CommandName) {
	case "list":
		return t.list(ctx)
	case "describe":
		return t.describe(ctx)
	case "describe-producers":
		return t.describeProducers(ctx)
	case "abort":
		return t.abort(ctx)
	case "find-hanging":
		return t.findHanging(ctx)
	}
	return t.terminate(ctx)
}

// transactionCall is a run of the tool for transactions.
type transactionCall struct {
	*tool.Call

	cluster *tool.Cluster
}

// undone is why something could not be done, as the tool says it.
func undone(what string, err error) error {
	return tool.Said(what + ": " + err.Error() + ". Enable debug logging for additional detail.")
}

// table prints rows below their heads, each column as wide as its widest word.
func (t *transactionCall) table(rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, word := range row {
			widths[i] = max(widths[i], len(word))
		}
	}
	for _, row := range rows {
		line := ""
		for i, word := range row {
			line += tool.Pad(word, widths[i]) + "\t"
		}
		t.Println(line)
	}
}

func (t *transactionCall) list(ctx context.Context) error {
	rows := [][]string{{"TransactionalId", "Coordinator", "ProducerId", "TransactionState"}}
	request := kmsg.NewPtrListTransactionsRequest()
	request.DurationFilterMillis = -1
	if t.Has("duration-filter") {
		request.DurationFilterMillis = t.Int("duration-filter", 64)
	}
	if pattern := t.Value("transactional-id-pattern"); pattern != "" {
		request.TransactionalIDPattern = &pattern
	}
	all, err := metadata(ctx, t.cluster)
	if err != nil {
		return undone("Failed to list transactions", err)
	}
	for _, broker := range all.Brokers {
		answer, err := tool.AskNode[*kmsg.ListTransactionsResponse](ctx, t.cluster, broker.NodeID, request)
		if err == nil {
			err = tool.Refused(answer.ErrorCode, nil)
		}
		if err != nil {
			return undone("Failed to list transactions", err)
		}
		for _, s := range answer.TransactionStates {
			rows = append(rows, []string{s.TransactionalID, number(broker.NodeID), number(s.ProducerID), s.TransactionState})
		}
	}
	t.table(rows)
	return nil
}

// coordinatorOf is the node that keeps a transaction.
func (t *transactionCall) coordinatorOf(ctx context.Context, id string) (int32, error) {
	request := kmsg.NewPtrFindCoordinatorRequest()
	request.CoordinatorType, request.CoordinatorKey, request.CoordinatorKeys = 1, id, []string{id}
	answer, err := tool.Ask[*kmsg.FindCoordinatorResponse](ctx, t.cluster, request)
	if err != nil {
		return -1, err
	}
	for _, c := range answer.Coordinators {
		return c.NodeID, tool.Refused(c.ErrorCode, c.ErrorMessage)
	}
	return answer.NodeID, tool.Refused(answer.ErrorCode, answer.ErrorMessage)
}

// described is a transaction and the node that keeps it.
func (t *transactionCall) described(ctx context.Context, id string) (*kmsg.DescribeTransactionsResponseTransactionState, int32, error) {
	node, err := t.coordinatorOf(ctx, id)
	if err != nil {
		return nil, node, err
	}
	request := kmsg.NewPtrDescribeTransactionsRequest()
	request.TransactionalIDs = []string{id}
	answer, err := tool.AskNode[*kmsg.DescribeTransactionsResponse](ctx, t.cluster, node, request)
	if err != nil {
		return nil, node, err
	}
	if len(answer.TransactionStates) == 0 {
		return nil, node, tool.Said("the coordinator does not answer for it")
	}
	s := &answer.TransactionStates[0]
	if s.ErrorCode == transactionalIDNotFound {
		return nil, node, &tool.Exception{Class: "org.apache.kafka.common.errors.TransactionalIdNotFoundException",
			Message: "DescribeTransactions request for transactionalId `" + id + "` failed because the ID could not be found"}
	}
	return s, node, tool.Refused(s.ErrorCode, nil)
}

func (t *transactionCall) describe(ctx context.Context) error {
	id := t.Value("transactional-id")
	s, node, err := t.described(ctx, id)
	if err != nil {
		return undone("Failed to describe transaction state of transactional-id `"+id+"`", err)
	}
	began, lasts := "None", "None"
	if s.StartTimestamp >= 0 {
		began, lasts = number(s.StartTimestamp), number(time.Now().UnixMilli()-s.StartTimestamp)
	}
	var touched []partition
	for _, topic := range s.Topics {
		for _, p := range topic.Partitions {
			touched = append(touched, partition{topic.Topic, p})
		}
	}
	slices.SortFunc(touched, comparePartitions)
	t.table([][]string{
		{"CoordinatorId", "TransactionalId", "ProducerId", "ProducerEpoch", "TransactionState", "TransactionTimeoutMs", "CurrentTransactionStartTimeMs",
			"TransactionDurationMs", "TopicPartitions"},
		{number(node), id, number(s.ProducerID), number(s.ProducerEpoch), s.State, number(s.TimeoutMillis), began, lasts, names(hashPartitions(touched), ",")},
	})
	return nil
}

// terminate has the coordinator abort what a transactional id has open.
func (t *transactionCall) terminate(ctx context.Context) error {
	id := t.Value("transactionalId")
	request := kmsg.NewPtrInitProducerIDRequest()
	request.TransactionalID, request.TransactionTimeoutMillis, request.ProducerID, request.ProducerEpoch = &id, 60000, -1, -1
	err := t.fence(ctx, request)
	if err != nil {
		return undone("Failed to force terminate transactionalId `"+id+"`", err)
	}
	return nil
}

// fence asks until the coordinator has ended what was open, which it says with an error in between.
func (t *transactionCall) fence(ctx context.Context, request *kmsg.InitProducerIDRequest) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		answer, err := tool.Ask[*kmsg.InitProducerIDResponse](ctx, t.cluster, request)
		if err == nil {
			err = tool.Refused(answer.ErrorCode, nil)
		}
		if !tool.IsRefused(err, concurrentTransactions) {
			return err
		}
		select {
		case <-ctx.Done():
			return err
		case <-time.After(100 * time.Millisecond):
		}
	}
}

func transactionsParser() *tool.Parser {
	option := func(flag, kind string, required bool, text string) tool.Arg {
		return tool.Arg{Flags: []string{flag}, Type: kind, Required: required, Text: text}
	}
	command := func(name, text string, args ...tool.Arg) tool.Command {
		return tool.Command{Name: name, Text: text, Parser: tool.Parser{Args: append([]tool.Arg{tool.HelpArg()}, args...)}}
	}
	topic, index := option("--topic", "", true, "Name of a topic."), option("--partition", "Integer", true, "Number of a partition.")
	someTopic, someIndex := topic, index
	someTopic.Required, someIndex.Required = false, false
	broker := option("--broker-id", "Integer", false, "Node to ask.")
	grouped := func(a tool.Arg, group int) tool.Arg { a.Group = group; return a }
	abort := command("abort", "Abort a transaction that hangs.", topic, index, grouped(option("--start-offset", "Long", false, "Where the transaction begins."), 1),
		grouped(option("--producer-id", "Long", false, "Id of the producer."), 2), grouped(option("--producer-epoch", "Short", false, "Epoch of the producer."), 2),
		grouped(option("--coordinator-epoch", "Integer", false, "Epoch of the coordinator."), 2))
	abort.Parser.Groups = []tool.Group{{Plain: true, Title: "Brokers on versions 3.0 and above", Text: "The offset says all."},
		{Plain: true, Title: "Brokers on versions older than 3.0", Text: "All of these are needed."}}
	describe := command("describe", "Show the transaction of a transactional id.", option("--transactional-id", "", true, "Transactional id."))
	terminate := command("forceTerminateTransaction", "Abort what a transactional id has open.", option("--transactionalId", "", true, "Transactional id."))
	describe.Parser.Text, terminate.Parser.Text = describe.Text, terminate.Text
	timeout := option("--max-transaction-timeout", "Integer", false, "Minutes that a transaction may take; 15 unless told.")
	timeout.Default = "15"
	return &tool.Parser{
		Program: "kafka-transactions.sh", Text: "This tool shows transactions, and ends those that hang.", HelpFails: true, Title: "commands", Metavar: "COMMAND",
		Args: []tool.Arg{
			tool.HelpArg(),
			{Flags: []string{"-v", "--version"}, Switch: true, Version: true, Text: "Show the version."},
			{Flags: []string{"--command-config"}, Metavar: "FILE", Text: "Properties file of the client."},
			{Flags: []string{"--bootstrap-server"}, Metavar: "host:port", Required: true, Text: "Brokers to ask first, as HOST:PORT,..."},
		},
		Commands: []tool.Command{
			command("list", "List transactions.", option("--duration-filter", "Long", false, "Only those that have been open for so many milliseconds."),
				option("--transactional-id-pattern", "", false, "Only ids that this expression matches.")),
			describe,
			command("describe-producers", "Show who writes to a partition.", broker, topic, index),
			abort,
			command("find-hanging", "Find transactions that hang.", broker, timeout, someTopic, someIndex),
			terminate,
		},
	}
}
