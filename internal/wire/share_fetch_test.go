package wire

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// shareFetchOf is the response as EncodeShareFetch takes it.
func shareFetchOf(resp *kmsg.ShareFetchResponse) *ShareFetchResponse {
	text := func(s *string) string {
		if s == nil {
			return ""
		}
		return *s
	}
	out := &ShareFetchResponse{ThrottleMillis: resp.ThrottleMillis, ErrorCode: resp.ErrorCode, ErrorMessage: text(resp.ErrorMessage),
		LockTimeoutMillis: resp.AcquisitionLockTimeoutMillis}
	for _, t := range resp.Topics {
		topic := ShareFetchTopic{TopicID: t.TopicID}
		for _, p := range t.Partitions {
			part := ShareFetchPartition{Partition: p.Partition, ErrorCode: p.ErrorCode, ErrorMessage: text(p.ErrorMessage), AcknowledgeError: p.AcknowledgeErrorCode,
				AcknowledgeMessage: text(p.AcknowledgeErrorMessage), LeaderID: p.CurrentLeader.LeaderID, LeaderEpoch: p.CurrentLeader.LeaderEpoch, NullRecords: p.Records == nil}
			if half := len(p.Records) / 2; half > 0 {
				part.Records = []FileRange{newRange(p.Records[:half]), newRange(p.Records[half:])}
			} else if len(p.Records) > 0 {
				part.Records = []FileRange{newRange(p.Records)}
			}
			for _, a := range p.AcquiredRecords {
				part.Acquired = append(part.Acquired, AcquiredRecords{a.FirstOffset, a.LastOffset, a.DeliveryCount})
			}
			topic.Partitions = append(topic.Partitions, part)
		}
		out.Topics = append(out.Topics, topic)
	}
	for _, b := range resp.NodeEndpoints {
		out.Nodes = append(out.Nodes, NodeEndpoint{b.NodeID, b.Host, b.Port, b.Rack})
	}
	return out
}

func TestShareFetchResponsesAreKafkasBytes(t *testing.T) {
	hotFrames(t, keyShareFetch, "response", func(t *testing.T, h RequestHeader, frame []byte) {
		resp := kmsg.NewPtrShareFetchResponse()
		resp.Version = h.Version
		if err := DecodeResponse(resp, frame[len(appendResponseHeader(nil, h)):]); err != nil {
			t.Fatal(err)
		}
		f := EncodeShareFetch(h, shareFetchOf(resp))
		defer f.Release()
		if got := content(t, f); !bytes.Equal(got[4:], frame) {
			t.Error(cmp.Diff(frame, got[4:]))
		}
	})
}

func TestShareFetchResponsesSendLargeRangesFromTheirFiles(t *testing.T) {
	h := RequestHeader{Key: keyShareFetch, Version: 2}
	resp := kmsg.NewPtrShareFetchResponse()
	resp.Version = h.Version
	topic := kmsg.NewShareFetchResponseTopic()
	for i, size := range []int{0, 10, 2 * copyBelow, 600_000} {
		p := kmsg.NewShareFetchResponseTopicPartition()
		p.Partition, p.Records = int32(i), bytes.Repeat([]byte{byte(i)}, size)
		topic.Partitions = append(topic.Partitions, p)
	}
	resp.Topics = append(resp.Topics, topic)
	want := resp.AppendTo(appendResponseHeader(nil, h))
	f := EncodeShareFetch(h, shareFetchOf(resp))
	defer f.Release()
	if got := content(t, f); !bytes.Equal(got[4:], want) {
		t.Error("differs")
	}
	if len(f.Parts) != 7 {
		t.Errorf("%d parts, want 4 of files and 3 around them", len(f.Parts))
	}
}
