package coordinator

import (
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/coordinator/share"
	"leat/internal/record"
	"leat/internal/sharing"
	"leat/internal/sharing/acquire"
)

// The APIs of the share coordinator.
const (
	initializeShare int16 = 83
	readShare       int16 = 84
	writeShare      int16 = 85
	deleteShare     int16 = 86
	summarizeShare  int16 = 87
)

// shareAsk is what is asked about one share partition. Which of the numbers count depends on the API.
type shareAsk struct {
	api         int16
	key         share.Key
	stateEpoch  int32
	leaderEpoch int32
	startOffset int64
	complete    int32
	batches     []sharing.Batch

	done     func(shareAnswer, error)
	deadline time.Time
	pause    time.Duration
}

// shareAnswer is what came of it.
type shareAnswer struct {
	code    int16
	durable acquire.Durable
	summary sharing.Summary
}

// shareID names a share partition within a request, which is about one group.
type shareID struct {
	topicID   record.UUID
	partition int32
}

// shareRequest is one request for asks of one API and group. Each partition is a topic of its own, which the format allows.
func shareRequest(asks []*shareAsk) kmsg.Request {
	group := asks[0].key.Group
	switch asks[0].api {
	case initializeShare:
		rq := kmsg.NewPtrInitializeShareGroupStateRequest()
		rq.GroupID = group
		for _, a := range asks {
			rq.Topics = append(rq.Topics, kmsg.InitializeShareGroupStateRequestTopic{TopicID: a.key.TopicID, Partitions: []kmsg.InitializeShareGroupStateRequestTopicPartition{
				{Partition: a.key.Partition, StateEpoch: a.stateEpoch, StartOffset: a.startOffset}}})
		}
		return rq
	case readShare:
		rq := kmsg.NewPtrReadShareGroupStateRequest()
		rq.GroupID = group
		for _, a := range asks {
			rq.Topics = append(rq.Topics, kmsg.ReadShareGroupStateRequestTopic{TopicID: a.key.TopicID, Partitions: []kmsg.ReadShareGroupStateRequestTopicPartition{
				{Partition: a.key.Partition, LeaderEpoch: a.leaderEpoch}}})
		}
		return rq
	case writeShare:
		rq := kmsg.NewPtrWriteShareGroupStateRequest()
		rq.GroupID = group
		for _, a := range asks {
			p := kmsg.WriteShareGroupStateRequestTopicPartition{Partition: a.key.Partition, StateEpoch: a.stateEpoch, LeaderEpoch: a.leaderEpoch, StartOffset: a.startOffset, DeliveryCompleteCount: a.complete}
			for _, b := range a.batches {
				p.StateBatches = append(p.StateBatches, kmsg.WriteShareGroupStateRequestTopicPartitionStateBatch{
					FirstOffset: b.First, LastOffset: b.Last, DeliveryState: b.State, DeliveryCount: b.DeliveryCount})
			}
			rq.Topics = append(rq.Topics, kmsg.WriteShareGroupStateRequestTopic{TopicID: a.key.TopicID, Partitions: []kmsg.WriteShareGroupStateRequestTopicPartition{p}})
		}
		return rq
	case deleteShare:
		rq := kmsg.NewPtrDeleteShareGroupStateRequest()
		rq.GroupID = group
		for _, a := range asks {
			rq.Topics = append(rq.Topics, kmsg.DeleteShareGroupStateRequestTopic{TopicID: a.key.TopicID, Partitions: []kmsg.DeleteShareGroupStateRequestTopicPartition{{Partition: a.key.Partition}}})
		}
		return rq
	}
	rq := kmsg.NewPtrReadShareGroupStateSummaryRequest()
	rq.GroupID = group
	for _, a := range asks {
		rq.Topics = append(rq.Topics, kmsg.ReadShareGroupStateSummaryRequestTopic{TopicID: a.key.TopicID, Partitions: []kmsg.ReadShareGroupStateSummaryRequestTopicPartition{
			{Partition: a.key.Partition, LeaderEpoch: a.leaderEpoch}}})
	}
	return rq
}

// sharesAsked takes a request apart.
func sharesAsked(request kmsg.Request) (all []*shareAsk) {
	add := func(a shareAsk, group string, id record.UUID, partition int32) {
		a.api, a.key = request.Key(), share.Key{Group: group, TopicID: id, Partition: partition}
		all = append(all, &a)
	}
	switch rq := request.(type) {
	case *kmsg.InitializeShareGroupStateRequest:
		for _, t := range rq.Topics {
			for _, p := range t.Partitions {
				add(shareAsk{stateEpoch: p.StateEpoch, startOffset: p.StartOffset}, rq.GroupID, t.TopicID, p.Partition)
			}
		}
	case *kmsg.ReadShareGroupStateRequest:
		for _, t := range rq.Topics {
			for _, p := range t.Partitions {
				add(shareAsk{leaderEpoch: p.LeaderEpoch}, rq.GroupID, t.TopicID, p.Partition)
			}
		}
	case *kmsg.WriteShareGroupStateRequest:
		for _, t := range rq.Topics {
			for _, p := range t.Partitions {
				a := shareAsk{stateEpoch: p.StateEpoch, leaderEpoch: p.LeaderEpoch, startOffset: p.StartOffset, complete: p.DeliveryCompleteCount}
				for _, b := range p.StateBatches {
					a.batches = append(a.batches, sharing.Batch{First: b.FirstOffset, Last: b.LastOffset, State: b.DeliveryState, DeliveryCount: b.DeliveryCount})
				}
				add(a, rq.GroupID, t.TopicID, p.Partition)
			}
		}
	case *kmsg.DeleteShareGroupStateRequest:
		for _, t := range rq.Topics {
			for _, p := range t.Partitions {
				add(shareAsk{}, rq.GroupID, t.TopicID, p.Partition)
			}
		}
	case *kmsg.ReadShareGroupStateSummaryRequest:
		for _, t := range rq.Topics {
			for _, p := range t.Partitions {
				add(shareAsk{leaderEpoch: p.LeaderEpoch}, rq.GroupID, t.TopicID, p.Partition)
			}
		}
	}
	return all
}

// shareAnswers finds the answers in a response.
func shareAnswers(response kmsg.Response) map[shareID]shareAnswer {
	all := make(map[shareID]shareAnswer)
	switch resp := response.(type) {
	case *kmsg.InitializeShareGroupStateResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				all[shareID{t.TopicID, p.Partition}] = shareAnswer{code: p.ErrorCode}
			}
		}
	case *kmsg.ReadShareGroupStateResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				a := shareAnswer{code: p.ErrorCode, durable: acquire.Durable{StateEpoch: p.StateEpoch, StartOffset: p.StartOffset}}
				for _, b := range p.StateBatches {
					a.durable.Batches = append(a.durable.Batches, sharing.Batch{First: b.FirstOffset, Last: b.LastOffset, State: b.DeliveryState, DeliveryCount: b.DeliveryCount})
				}
				all[shareID{t.TopicID, p.Partition}] = a
			}
		}
	case *kmsg.WriteShareGroupStateResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				all[shareID{t.TopicID, p.Partition}] = shareAnswer{code: p.ErrorCode}
			}
		}
	case *kmsg.DeleteShareGroupStateResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				all[shareID{t.TopicID, p.Partition}] = shareAnswer{code: p.ErrorCode}
			}
		}
	case *kmsg.ReadShareGroupStateSummaryResponse:
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				all[shareID{t.TopicID, p.Partition}] = shareAnswer{code: p.ErrorCode, summary: sharing.Summary{
					StateEpoch: p.StateEpoch, LeaderEpoch: p.LeaderEpoch, StartOffset: p.StartOffset, DeliveryCompleteCount: p.DeliveryCompleteCount}}
			}
		}
	}
	return all
}

// addShares adds the answer about one share partition to a response of the same kind, which has each topic once.
func addShares(to, one kmsg.Response) {
	switch to := to.(type) {
	case *kmsg.InitializeShareGroupStateResponse:
		for _, t := range one.(*kmsg.InitializeShareGroupStateResponse).Topics {
			at := place(&to.Topics, t, func(o kmsg.InitializeShareGroupStateResponseTopic) bool { return o.TopicID == t.TopicID })
			at.Partitions = append(at.Partitions, t.Partitions...)
		}
	case *kmsg.ReadShareGroupStateResponse:
		for _, t := range one.(*kmsg.ReadShareGroupStateResponse).Topics {
			at := place(&to.Topics, t, func(o kmsg.ReadShareGroupStateResponseTopic) bool { return o.TopicID == t.TopicID })
			at.Partitions = append(at.Partitions, t.Partitions...)
		}
	case *kmsg.WriteShareGroupStateResponse:
		for _, t := range one.(*kmsg.WriteShareGroupStateResponse).Topics {
			at := place(&to.Topics, t, func(o kmsg.WriteShareGroupStateResponseTopic) bool { return o.TopicID == t.TopicID })
			at.Partitions = append(at.Partitions, t.Partitions...)
		}
	case *kmsg.DeleteShareGroupStateResponse:
		for _, t := range one.(*kmsg.DeleteShareGroupStateResponse).Topics {
			at := place(&to.Topics, t, func(o kmsg.DeleteShareGroupStateResponseTopic) bool { return o.TopicID == t.TopicID })
			at.Partitions = append(at.Partitions, t.Partitions...)
		}
	case *kmsg.ReadShareGroupStateSummaryResponse:
		for _, t := range one.(*kmsg.ReadShareGroupStateSummaryResponse).Topics {
			at := place(&to.Topics, t, func(o kmsg.ReadShareGroupStateSummaryResponseTopic) bool { return o.TopicID == t.TopicID })
			at.Partitions = append(at.Partitions, t.Partitions...)
		}
	}
}

// place finds a topic in an answer. If it is not there, it is added with the id of the one given and without partitions.
func place[T any](topics *[]T, t T, same func(T) bool) *T {
	i := slices.IndexFunc(*topics, same)
	if i < 0 {
		i = len(*topics)
		*topics = append(*topics, withoutPartitions(t))
	}
	return &(*topics)[i]
}

// withoutPartitions is a topic of an answer without its partitions.
func withoutPartitions[T any](t T) T {
	switch t := any(&t).(type) {
	case *kmsg.InitializeShareGroupStateResponseTopic:
		t.Partitions = nil
	case *kmsg.ReadShareGroupStateResponseTopic:
		t.Partitions = nil
	case *kmsg.WriteShareGroupStateResponseTopic:
		t.Partitions = nil
	case *kmsg.DeleteShareGroupStateResponseTopic:
		t.Partitions = nil
	case *kmsg.ReadShareGroupStateSummaryResponseTopic:
		t.Partitions = nil
	}
	return t
}

// refuseShare answers an ask with a code.
func refuseShare(a *shareAsk, code int16) kmsg.Response {
	id, p, text := a.key.TopicID, a.key.Partition, errorText(code)
	switch a.api {
	case initializeShare:
		return &kmsg.InitializeShareGroupStateResponse{Topics: []kmsg.InitializeShareGroupStateResponseTopic{{TopicID: id,
			Partitions: []kmsg.InitializeShareGroupStateResponseTopicPartition{{Partition: p, ErrorCode: code, ErrorMessage: text}}}}}
	case readShare:
		return &kmsg.ReadShareGroupStateResponse{Topics: []kmsg.ReadShareGroupStateResponseTopic{{TopicID: id,
			Partitions: []kmsg.ReadShareGroupStateResponseTopicPartition{{Partition: p, ErrorCode: code, ErrorMessage: text}}}}}
	case writeShare:
		return &kmsg.WriteShareGroupStateResponse{Topics: []kmsg.WriteShareGroupStateResponseTopic{{TopicID: id,
			Partitions: []kmsg.WriteShareGroupStateResponseTopicPartition{{Partition: p, ErrorCode: code, ErrorMessage: text}}}}}
	case deleteShare:
		return &kmsg.DeleteShareGroupStateResponse{Topics: []kmsg.DeleteShareGroupStateResponseTopic{{TopicID: id,
			Partitions: []kmsg.DeleteShareGroupStateResponseTopicPartition{{Partition: p, ErrorCode: code, ErrorMessage: text}}}}}
	}
	return &kmsg.ReadShareGroupStateSummaryResponse{Topics: []kmsg.ReadShareGroupStateSummaryResponseTopic{{TopicID: id,
		Partitions: []kmsg.ReadShareGroupStateSummaryResponseTopicPartition{{Partition: p, ErrorCode: code, ErrorMessage: text}}}}}
}
