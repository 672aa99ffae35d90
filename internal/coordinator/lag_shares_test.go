package coordinator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/coordinator/group"
	groups "leat/internal/coordinator/group/sharing"
	"leat/internal/record"
	"leat/internal/sharing"
)

// summaries knows where groups stand in the partitions of one topic.
type summaries struct {
	sharing.States
	of []sharing.Summary
}

func (s summaries) Summary(p sharing.SharePartition, _ int32, done func(sharing.Summary, error)) {
	if int(p.Partition) == len(s.of) {
		done(sharing.Summary{}, kerr.CoordinatorNotAvailable)
		return
	}
	done(s.of[p.Partition], nil)
}

// TestLagLearnsWhereShareGroupsStand asks about a group that has begun, one partition that it has not, and one that nobody answers for.
func TestLagLearnsWhereShareGroupsStand(t *testing.T) {
	l := &Lag{cfg: LagConfig{Groups: &Groups{states: summaries{of: []sharing.Summary{
		{StartOffset: 40, DeliveryCompleteCount: 3}, {StartOffset: -1, DeliveryCompleteCount: -1}, {StartOffset: 7, DeliveryCompleteCount: -1}}}}}}
	all := []group.Surveyed{{Group: "g", Type: "share", Shared: []groups.TopicState{{TopicID: record.UUID{1}, Topic: "a", Partitions: []int32{0, 1, 2, 3}}}}}
	l.askShares(t.Context(), all)
	want := []group.SurveyedOffset{{Topic: "a", Partition: 0, Offset: 40, Done: 3}, {Topic: "a", Partition: 2, Offset: 7}}
	if diff := cmp.Diff(want, all[0].Offsets); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
