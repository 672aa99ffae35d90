package admin

import (
	"context"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// LogDirs is kafka-log-dirs.
func LogDirs() *tool.Tool {
	return &tool.Tool{Name: "kafka-log-dirs", Purpose: "This tool helps to query log directory usage on the specified brokers.", Options: logDirsOptions(), Run: logDirs}
}

func logDirs(ctx context.Context, c *tool.Call) error {
	if err := c.Require("bootstrap-server", "describe"); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	topics := list(c.Value("topic-list"))
	known, err := brokerIDs(ctx, cluster)
	if err != nil {
		return tool.Executed(err)
	}
	brokers := known
	if asked := list(c.Value("broker-list")); len(asked) > 0 {
		brokers = nil
		var unknown []int32
		for _, word := range asked {
			n, err := parseInt32(word)
			if err != nil {
				return err
			}
			if slices.Contains(known, n) {
				brokers = append(brokers, n)
			} else {
				unknown = append(unknown, n)
			}
		}
		if slices.Sort(unknown); len(unknown) > 0 {
			return tool.Saidf("ERROR: The given brokers do not exist from --broker-list: %s. Current existent brokers: %s", ids(unknown, ","), ids(known, ","))
		}
		slices.Sort(brokers)
		brokers = slices.Compact(brokers)
	}
	c.Println("Querying brokers for log directories information")
	var parts []string
	for _, id := range brokers {
		answer, err := tool.AskNode[*kmsg.DescribeLogDirsResponse](ctx, cluster, id, kmsg.NewPtrDescribeLogDirsRequest())
		if err == nil {
			err = tool.Refused(answer.ErrorCode, nil)
		}
		if err != nil {
			return tool.Executed(err)
		}
		parts = append(parts, object(map[string]string{"broker": number(id), "logDirs": directories(answer.Dirs, topics)}))
	}
	c.Printf("Received log directory information from brokers %s\n", ids(brokers, ","))
	c.Println(object(map[string]string{"version": "1", "brokers": array(parts)}))
	return nil
}

// list is a list with commas between, without what is empty.
func list(text string) []string {
	return slices.DeleteFunc(strings.Split(text, ","), func(word string) bool { return word == "" })
}

// brokerIDs are the brokers of a cluster, in order.
func brokerIDs(ctx context.Context, cluster *tool.Cluster) ([]int32, error) {
	about, err := tool.Ask[*kmsg.DescribeClusterResponse](ctx, cluster, kmsg.NewPtrDescribeClusterRequest())
	if err == nil {
		err = tool.Refused(about.ErrorCode, about.ErrorMessage)
	}
	if err != nil {
		return nil, err
	}
	all := make([]int32, len(about.Brokers))
	for i, b := range about.Brokers {
		all[i] = b.NodeID
	}
	slices.Sort(all)
	return all, nil
}

func directories(dirs []kmsg.DescribeLogDirsResponseDir, topics []string) string {
	var parts []string
	for _, d := range tool.HashOrderFunc(dirs, func(d kmsg.DescribeLogDirsResponseDir) int32 { return tool.HashCode(d.Dir) }) {
		replicas := make(map[partition]string)
		var keys []partition
		for _, t := range d.Topics {
			if len(topics) > 0 && !has(topics, t.Topic) {
				continue
			}
			for _, p := range t.Partitions {
				key := partition{t.Topic, p.Partition}
				keys = append(keys, key)
				replicas[key] = object(map[string]string{"partition": jsonText(key.String()), "size": number(p.Size), "offsetLag": number(p.OffsetLag),
					"isFuture": strconv.FormatBool(p.IsFuture)})
			}
		}
		var inside []string
		for _, key := range hashPartitions(keys) {
			inside = append(inside, replicas[key])
		}
		wrong := "null"
		if err := tool.Refused(d.ErrorCode, nil); err != nil {
			class, _, _ := strings.Cut(tool.Describe(err), ": ")
			wrong = jsonText(class)
		}
		parts = append(parts, object(map[string]string{"logDir": jsonText(d.Dir), "error": wrong, "partitions": array(inside)}))
	}
	return array(parts)
}
