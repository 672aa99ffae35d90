package kind

import (
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"leat/internal/record"
)

// Quiet is what a member that left without a word had not done: it heartbeat to the end, and for as long as it may take between two polls nothing
// was committed of what it read. A consumer that closes commits before it leaves; one whose application does not poll any more leaves like this
// (by the newer protocol it cannot say why). That there was something to read has to be known from elsewhere.
type Quiet struct {
	Since        time.Time               // of the last commit, or of the group's last assignment if that came later
	PollInterval time.Duration           // max.poll.interval.ms of the member, which clients tell as their rebalance timeout
	Partitions   []record.TopicPartition // of which the group has committed offsets, in order
}

// quietShare is the part of a poll interval that has to pass without a commit: the last one may come a little after the poll that it belongs to.
const quietShare = 0.9

// QuietOf is what a member that leaves had not done, nil if it had committed lately, came lately, or if that is not known. commits are those of the
// partitions that count as its own; they are not looked at where the rest decides. assignedAt and pollInterval are in ms.
func QuietOf(now time.Time, assignedAt int64, pollInterval int32, commits iter.Seq2[record.TopicPartition, time.Time]) *Quiet {
	interval := time.Duration(pollInterval) * time.Millisecond
	q := &Quiet{Since: time.UnixMilli(assignedAt), PollInterval: interval}
	late := now.Add(-time.Duration(quietShare * float64(interval)))
	if assignedAt <= 0 || interval <= 0 || q.Since.After(late) {
		return nil
	}
	for tp, at := range commits {
		if at.After(late) {
			return nil
		}
		if at.After(q.Since) {
			q.Since = at
		}
		q.Partitions = append(q.Partitions, tp)
	}
	if len(q.Partitions) == 0 {
		return nil
	}
	slices.SortFunc(q.Partitions, func(a, b record.TopicPartition) int {
		if a.Topic != b.Topic {
			return strings.Compare(a.Topic, b.Topic)
		}
		return int(a.Partition - b.Partition)
	})
	return q
}

// Named names the partitions, the first few of many.
func (q *Quiet) Named() string {
	const most = 3
	var names []string
	for _, tp := range q.Partitions[:min(most, len(q.Partitions))] {
		names = append(names, tp.String())
	}
	if more := len(q.Partitions) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return strings.Join(names, ", ")
}
