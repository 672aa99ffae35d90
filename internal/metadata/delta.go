package metadata

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"leat/internal/record"
)

// Delta collects records on top of an image, and remembers what they changed. It is not safe for concurrent use.
//
// Between BeginTransactionRecord and EndTransactionRecord the delta must not be published: see InTransaction.
type Delta struct {
	base *Image
	im   *Image // being built; not part of the Delta, since images are kept and deltas, with the image before, must not be
	changes
	// owned topics and config maps are copies of this delta's own, which it may change in place.
	owned        map[*Topic]struct{}
	ownedConfigs map[string]struct{}
	// early holds partitions that came before those with lower numbers, until the gap is filled.
	early map[record.UUID]map[int32]*Partition
	// saved is the state at BeginTransactionRecord, to go back to.
	saved *savepoint
}

// changes is what a delta did to its base.
type changes struct {
	topics  map[record.UUID]struct{}
	deleted map[record.UUID]*Topic
	configs map[ConfigKey]struct{}
	brokers bool
	feature bool
}

func (c changes) clone() changes {
	c.topics, c.deleted, c.configs = maps.Clone(c.topics), maps.Clone(c.deleted), maps.Clone(c.configs)
	return c
}

type savepoint struct {
	im *Image
	changes
}

// NewDelta starts from an image.
func NewDelta(base *Image) *Delta {
	d := &Delta{base: base, im: base.fork(), changes: changes{
		topics: map[record.UUID]struct{}{}, deleted: map[record.UUID]*Topic{}, configs: map[ConfigKey]struct{}{},
	}}
	d.disown()
	return d
}

// disown makes everything shared again: the next change of a topic or config map copies it first.
func (d *Delta) disown() {
	d.owned, d.ownedConfigs = map[*Topic]struct{}{}, map[string]struct{}{}
}

// Base is the image the delta started from.
func (d *Delta) Base() *Image { return d.base }

// Current is the state with everything replayed so far. It changes with the next Replay: it is for a caller that reads and replays from
// one place, and keeps nothing of it.
func (d *Delta) Current() *Image { return d.im }

// Image finishes the delta: nothing may be replayed on it afterwards.
func (d *Delta) Image(offset int64, epoch int32, timestamp int64) *Image {
	d.im.Offset, d.im.Epoch, d.im.Timestamp = offset, epoch, timestamp
	return d.im
}

// InTransaction reports whether the records replayed end inside a metadata transaction, whose outcome is not known yet.
func (d *Delta) InTransaction() bool { return d.saved != nil }

// ChangedTopics lists topics created or changed, by name.
func (d *Delta) ChangedTopics() []*Topic {
	out := make([]*Topic, 0, len(d.topics))
	for id := range d.topics {
		if t, ok := d.im.TopicByID(id); ok {
			out = append(out, t)
		}
	}
	slices.SortFunc(out, compareTopics)
	return out
}

// DeletedTopics lists topics of the base that are gone, as they were, by name. A name can be here and in ChangedTopics, with another id.
func (d *Delta) DeletedTopics() []*Topic {
	return slices.SortedFunc(maps.Values(d.deleted), compareTopics)
}

func compareTopics(a, b *Topic) int {
	return cmp.Or(strings.Compare(a.Name, b.Name), slices.Compare(a.ID[:], b.ID[:]))
}

// ChangedConfigs lists resources whose overrides changed, by type and name.
func (d *Delta) ChangedConfigs() []ConfigKey {
	return slices.SortedFunc(maps.Keys(d.configs), func(a, b ConfigKey) int {
		return cmp.Or(cmp.Compare(a.Type, b.Type), strings.Compare(a.Name, b.Name))
	})
}

// BrokersChanged reports whether any broker registration changed.
func (d *Delta) BrokersChanged() bool { return d.brokers }

// FeaturesChanged reports whether any finalised level changed.
func (d *Delta) FeaturesChanged() bool { return d.feature }

func (d *Delta) begin() error {
	if d.saved != nil {
		return fmt.Errorf("a metadata transaction begins inside another")
	}
	d.saved = &savepoint{im: d.im.fork(), changes: d.changes.clone()}
	d.im = d.saved.im.fork() // from now on the trees are shared with the savepoint, so they must be copied before a change
	d.disown()
	return nil
}

func (d *Delta) end() error {
	if d.saved == nil {
		return fmt.Errorf("a metadata transaction ends that did not begin")
	}
	d.saved = nil
	return nil
}

func (d *Delta) abort() error {
	if d.saved == nil {
		return fmt.Errorf("a metadata transaction is aborted that did not begin")
	}
	d.im, d.changes, d.saved, d.early = d.saved.im, d.saved.changes, nil, nil
	d.disown()
	return nil
}
