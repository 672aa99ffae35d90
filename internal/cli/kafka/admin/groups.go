package admin

import (
	"context"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// Groups is kafka-groups.
func Groups() *tool.Tool {
	return &tool.Tool{Name: "kafka-groups", Purpose: "This tool helps to list groups of all types.", Options: groupsOptions(), Strict: true, Run: groups}
}

// groupType is a type of groups as Kafka prints it; "": no such type.
func groupType(text string) string {
	for _, name := range []string{"Classic", "Consumer", "Share", "Streams"} {
		if strings.EqualFold(name, text) {
			return name
		}
	}
	return ""
}

func groups(ctx context.Context, c *tool.Call) error {
	if !c.Has("list") {
		return tool.Usage("Command must include exactly one action: --list.")
	}
	kind := groupType(c.Value("group-type"))
	if c.Has("group-type") && kind == "" {
		return tool.Illegal("--group-type must be a valid group type.")
	}
	if err := tool.First(c.Wrong(), c.Exclude("consumer", "group-type", "protocol", "share", "streams"),
		c.Exclude("share", "consumer", "group-type", "protocol", "streams"),
		c.Exclude("streams", "consumer", "group-type", "protocol", "share")); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	listed, err := listGroups(ctx, cluster, nil, nil)
	if err != nil {
		return whileExecuting(c, "groups", err)
	}
	var rows []kmsg.ListGroupsResponseGroup
	width := 20
	for _, g := range listed {
		if !isListed(c, kind, &g) {
			continue
		}
		rows = append(rows, g)
		width = max(width, len(g.Group), len(g.GroupType), len(g.ProtocolType))
	}
	c.Println(tool.Pad("GROUP", width) + " " + tool.Pad("TYPE", width) + " " + tool.Pad("PROTOCOL", width))
	for _, g := range rows {
		c.Println(tool.Pad(g.Group, width) + " " + tool.Pad(groupType(g.GroupType), width) + " " + tool.Pad(g.ProtocolType, width) + " ")
	}
	return nil
}

func isListed(c *tool.Call, kind string, g *kmsg.ListGroupsResponseGroup) bool {
	is := groupType(g.GroupType)
	switch {
	case kind != "":
		return is == kind && (!c.Has("protocol") || g.ProtocolType == c.Value("protocol"))
	case c.Has("protocol"):
		return g.ProtocolType == c.Value("protocol")
	case c.Has("consumer"):
		return g.ProtocolType == "consumer" || g.ProtocolType == "" || is == "Consumer"
	case c.Has("share"):
		return is == "Share"
	case c.Has("streams"):
		return is == "Streams"
	}
	return true
}

// listGroups asks all brokers for their groups, which come in the order of a Java map.
func listGroups(ctx context.Context, cluster *tool.Cluster, types, states []string) ([]kmsg.ListGroupsResponseGroup, error) {
	request := kmsg.NewPtrListGroupsRequest()
	request.TypesFilter, request.StatesFilter = types, states
	answer, err := tool.Ask[*kmsg.ListGroupsResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if err != nil {
		return nil, err
	}
	return tool.HashOrderFunc(answer.Groups, func(g kmsg.ListGroupsResponseGroup) int32 { return tool.HashCode(g.Group) }), nil
}
