package admin

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// aboutReset is what stands above the usage.
const aboutReset = `Takes an application of Kafka Streams back, so that it works through its input anew. Stop all its instances first.

The offsets of its input topics are set to the first records, or where an option says, and the topics that it made for itself are deleted: those that
begin with the application.id and a hyphen, and end as such topics do; --internal-topics deletes only some of them. Topics that it writes to stay.

What its instances keep in their state directories stays, too: delete it, or call KafkaStreams#cleanUp, before they start again, or their results are wrong.
Members that are gone but not yet missed hold it up until their session is over; --force removes them at once.

Try it with --dry-run first: there is no way back.

`

// StreamsReset is kafka-streams-application-reset.
func StreamsReset() *tool.Tool {
	return &tool.Tool{Name: "kafka-streams-application-reset", Options: streamsResetOptions(), Strict: true, Run: streamsReset, Purpose: aboutReset,
		Fails: func(c *tool.Call, err error) { c.Warnln("ERROR: " + tool.Describe(err)) }}
}

// resetCall is a run of the tool.
type resetCall struct {
	*tool.Call

	cluster       *tool.Cluster
	application   string
	topics        []string // all that are not Kafka's own, in the order of a Java map
	input, middle []string // topics that the options name
}

func streamsReset(ctx context.Context, c *tool.Call) error {
	if err := checkStreamsApplication(c); err != nil {
		return err
	}
	r := &resetCall{Call: c, application: c.Value("application-id")}
	if c.Wrong() != nil {
		return c.Wrong()
	}
	file := c.Value("command-config")
	if c.Has("config-file") {
		c.Println("Option --config-file has been deprecated and will be removed in a future version. Use --command-config instead.")
		file = c.Value("config-file")
	}
	set, err := tool.Properties(file)
	if err != nil {
		return err
	}
	servers := "localhost:9092"
	if c.Has("bootstrap-server") {
		servers = c.Value("bootstrap-server")
	}
	if c.Wrong() != nil {
		return c.Wrong()
	}
	if r.cluster, err = tool.Reach(servers, set); err != nil {
		return err
	}
	defer r.cluster.Close()
	return r.all(ctx)
}

// checkStreamsApplication finds options that do not go together.
func checkStreamsApplication(c *tool.Call) error {
	return tool.First(excludeEachOther(c, "to-offset", "to-datetime", "by-duration", "to-earliest", "to-latest", "from-file", "shift-by"),
		c.Exclude("config-file", "command-config"))
}

func (r *resetCall) all(ctx context.Context) error {
	if err := r.withoutMembers(ctx); err != nil {
		return err
	}
	topics, err := topicNames(ctx, r.cluster, false)
	if err != nil {
		return tool.Executed(err)
	}
	r.topics = tool.HashOrder(topics)
	if r.Has("dry-run") {
		r.Println("----Dry run displays the actions which will be performed when running Streams Reset Tool----")
	}
	found, err := r.moveOffsets(ctx)
	if err == nil {
		err = r.deleteInternals(ctx)
	}
	if err == nil && !found {
		return run.Exit(1)
	}
	return err
}

// tries is how often members are removed that turn out to have left.
const tries = 4

// withoutMembers is nil once the group has no members.
func (r *resetCall) withoutMembers(ctx context.Context) error {
	for try := 1; ; try++ {
		described, err := describeConsumerGroups(ctx, r.cluster, []string{r.application})
		if err == nil {
			err = described[r.application].err
		}
		if tool.IsRefused(err, groupNotFound) {
			return nil
		}
		if err != nil {
			return tool.Executed(err)
		}
		members := described[r.application].members
		if len(members) == 0 {
			return nil
		}
		if !r.Has("force") {
			return &tool.Exception{Class: "java.lang.IllegalStateException", Message: "Consumer group '" + r.application + "' is still active and has following members: " +
				membersText(members) + ". Make sure to stop all running application instances before running the reset tool." +
				" You can use option '--force' to remove active members from the group."}
		}
		r.Println("Force deleting all active members in the group: " + r.application)
		err = r.remove(ctx, members)
		if !errors.Is(err, errLeft) {
			return tool.Executed(err)
		}
		if try == tries {
			return tool.Executed(notRemoved(members[0]))
		}
	}
}

// errLeft says that a member that was to be removed is not there any more.
var errLeft = errors.New("the member has left")

func notRemoved(m describedMember) error {
	return &tool.Exception{Class: "org.apache.kafka.common.KafkaException", Message: "Encounter exception when trying to remove: " + m.id + m.instance}
}

// remove has a coordinator forget members.
func (r *resetCall) remove(ctx context.Context, members []describedMember) error {
	reason := "member was removed by an admin"
	request := kmsg.NewPtrLeaveGroupRequest()
	request.Group = r.application
	for _, m := range members {
		leaving := kmsg.NewLeaveGroupRequestMember()
		leaving.MemberID, leaving.Reason = m.id, &reason
		if m.instance != "" {
			leaving.MemberID, leaving.InstanceID = "", kmsg.StringPtr(m.instance)
		}
		request.Members = append(request.Members, leaving)
	}
	answer, err := tool.Ask[*kmsg.LeaveGroupResponse](ctx, r.cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if err != nil {
		return err
	}
	for i, m := range answer.Members {
		if m.ErrorCode == unknownMember {
			return errLeft
		}
		if m.ErrorCode != 0 {
			return notRemoved(members[min(i, len(members)-1)])
		}
	}
	return nil
}

// membersText is how Java prints members of a group.
func membersText(members []describedMember) string {
	var all []string
	for _, m := range members {
		has := "(topicPartitions=" + names(m.has, ",") + ")"
		target, instance := "Optional.empty", m.instance
		if m.target != nil {
			target = "Optional[(topicPartitions=" + names(m.target, ",") + ")]"
		}
		if instance == "" {
			instance = "null"
		}
		text := "(memberId=" + m.id + ", groupInstanceId=" + instance + ", rackId=null, clientId=" + m.client + ", host=" + m.host + ", assignment=" + has +
			", targetAssignment=" + target + ", memberEpoch=" + orNull(m.epoch, number[int32]) + ", upgraded=" + orNull(m.upgraded, truth) + ")"
		all = append(all, text)
	}
	return javaList(all)
}

func orNull[N int32 | bool](v *N, text func(N) string) string {
	if v == nil {
		return "null"
	}
	return text(*v)
}

// deleteInternals deletes what the application made for itself.
func (r *resetCall) deleteInternals(ctx context.Context) error {
	var inferred []string
	for _, topic := range r.topics {
		if internalOf(r.application, topic) && !has(r.input, topic) && !has(r.middle, topic) {
			inferred = append(inferred, topic)
		}
	}
	topics, which := r.Values("internal-topics"), "specified"
	for _, topic := range topics {
		if !has(inferred, topic) {
			return tool.Illegal("Invalid topic specified in the --internal-topics option. Ensure that the topics specified are all internal topics. " +
				"Do a dry run without the --internal-topics option to see the list of all internal topics that can be deleted.")
		}
	}
	if len(topics) == 0 {
		topics, which = inferred, "inferred"
	}
	r.Println("Deleting " + which + " internal topics " + javaList(topics))
	if !r.Has("dry-run") {
		if err := r.removeAll(ctx, topics); err != nil {
			return err
		}
	}
	r.Println("Done.")
	return nil
}

func (r *resetCall) removeAll(ctx context.Context, topics []string) error {
	refused, err := removeTopics(ctx, r.cluster, topics)
	if err != nil {
		for _, topic := range topics {
			refused = append(refused, refusal{topic, err})
		}
	}
	for _, one := range refused {
		r.Warnln("ERROR: deleting topic " + one.topic)
		r.Warnln(tool.Describe(tool.Executed(one.err)))
	}
	if len(refused) > 0 {
		return &tool.Exception{Class: "java.lang.RuntimeException", Message: "Encountered an error deleting one or more topics"}
	}
	return nil
}
