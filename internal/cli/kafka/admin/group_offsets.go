package admin

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// committedOffset is what a group has committed of a partition.
type committedOffset struct {
	offset      int64
	leaderEpoch int32
}

// committed are the offsets of a group.
func committed(ctx context.Context, cluster *tool.Cluster, group string) (map[partition]committedOffset, error) {
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberEpoch = group, -1
	request := kmsg.NewPtrOffsetFetchRequest()
	request.Group = group
	request.Groups = append(request.Groups, g)
	answer, err := tool.Ask[*kmsg.OffsetFetchResponse](ctx, cluster, request)
	if err == nil {
		err = tool.Refused(answer.ErrorCode, nil)
	}
	if err != nil {
		return nil, err
	}
	all := make(map[partition]committedOffset)
	var byID map[[16]byte]string
	for _, g := range answer.Groups {
		if err := tool.Refused(g.ErrorCode, nil); err != nil {
			return nil, err
		}
		for _, t := range g.Topics {
			name := t.Topic
			if name == "" {
				if byID == nil {
					if byID, err = topicsByID(ctx, cluster); err != nil {
						return nil, err
					}
				}
				name = byID[t.TopicID]
			}
			for _, p := range t.Partitions {
				if p.Offset >= 0 && p.ErrorCode == 0 {
					all[partition{name, p.Partition}] = committedOffset{p.Offset, p.LeaderEpoch}
				}
			}
		}
	}
	return all, nil
}

func topicsByID(ctx context.Context, cluster *tool.Cluster) (map[[16]byte]string, error) {
	all, err := metadata(ctx, cluster)
	if err != nil {
		return nil, err
	}
	names := make(map[[16]byte]string)
	for _, t := range all.Topics {
		if t.Topic != nil {
			names[t.TopicID] = *t.Topic
		}
	}
	return names, nil
}
