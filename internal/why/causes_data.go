package why

import (
	"fmt"
	"time"
)

var dataCauses = []Cause{
	{
		Name: "coordinator-loading", Severity: Warning, find: findLoading,
		Seen:     "A coordinator has just moved to another node and reads its partition: groups or transactions wait for it.",
		Next:     []string{"wait; if it does not end: leat log dump shows how large the partition of __consumer_offsets or __transaction_state is, and compaction-failed whether the cleaner works"},
		Explains: nil,
	},
	{
		Name: "transaction-open", Severity: Warning, find: findOpenTransaction,
		Seen:     "A transaction has been open for more than ten seconds and others wrote after it: consumers with isolation.level=read_committed do not see past its beginning (the last stable offset).",
		Next:     []string{"look what the producer does: leat txn describe {id}", "end it if it is gone: leat txn abort {id}, or leat txn abort --topic {topic} --partition {partition} --start-offset {offset} if no coordinator knows it"},
		Explains: []string{"group-stuck", "group-outpaced", "group-hot-partition"},
	},
	{
		Name: "producer-fenced", Severity: Warning, find: findFencedProducer,
		Seen: "A producer is refused because another one with the same transactional id took its place, or the coordinator ended its transaction (transaction.timeout.ms).",
		Next: []string{"look whether two processes use one transactional.id ({resource}): leat txn describe {id}; else raise transaction.timeout.ms of the producer"},
	},
	{
		Name: "sequence-gap", Severity: Warning, find: findSequence,
		Seen: "An idempotent producer is refused because a batch before it is missing (OUT_OF_ORDER_SEQUENCE_NUMBER), or the broker has forgotten it (UNKNOWN_PRODUCER_ID).",
		Next: []string{"restart the producer; if it comes again, look for lost batches in its log, and whether producer.id.expiration.ms is shorter than its pauses"},
	},
	{
		Name: "record-too-large", Severity: Warning, find: findTooLarge,
		Seen: "Producers send batches that are larger than the topic takes (max.message.bytes).",
		Next: []string{"make records smaller or compress them; or raise the limit: leat topic alter {topic} --set max.message.bytes=N"},
	},
	{
		Name: "storage-refused", Severity: Critical, find: findStorageRefused,
		Seen: "Writes fail because the log cannot be written (KAFKA_STORAGE_ERROR): its files contradict each other, or the disk has no room or fails.",
		Next: []string{"look at the disks: leat cluster health", "the log of the node that leads {resource} says which file is wrong (log damaged) or which operation failed; docs/how-to/recover.md says what to do"},
	},
	{
		Name: "bad-timestamp", Severity: Warning, find: findTimestamp,
		Seen: "Producers send records whose timestamps are too far from the broker's clock (message.timestamp.before.max.ms, message.timestamp.after.max.ms).",
		Next: []string{"set the clock of the producer's machine, or the unit of its timestamps (milliseconds); or let the topic take them: leat topic alter {topic} --set message.timestamp.after.max.ms=N"},
	},
	{
		Name: "corrupt-records", Severity: Warning, find: findCorrupt,
		Seen: "Producers send batches that are broken on arrival, or without the keys that a compacted topic needs.",
		Next: []string{"look at the producer: a compacted topic needs a key in each record; a wrong checksum points to its network or memory"},
	},
	{
		Name: "unknown-topic", Severity: Warning, find: findUnknownTopic,
		Seen: "Clients ask for a topic that does not exist, over and over.",
		Next: []string{"correct the name in the client, or make the topic: leat topic create {topic}"},
	},
	{
		Name: "offset-gone", Severity: Warning, find: findOffsetGone,
		Seen: "A consumer asks for records that are not there any more or not yet: retention was faster than it, or the topic was made anew.",
		Next: []string{"leat group list and leat group describe GROUP show who is where; a consumer with auto.offset.reset=none needs leat group reset GROUP; give the topic a longer retention.ms if it must wait for slow readers"},
	},
	{
		Name: "compaction-failed", Severity: Warning, find: findUncleanable,
		Seen: "The cleaner cannot compact a partition and has set it aside: it grows without end.",
		Next: []string{"mend what is named (disk, a damaged segment: leat log verify); it is tried again by itself"},
	},
	{
		Name: "retention-held", Severity: Note, find: findKept,
		Seen: "A partition keeps records that are older than its retention, because the segment that they are in is still written to.",
		Next: []string{"let segments end sooner: leat topic alter {topic} --set segment.ms=N (now {segment}); records go when the newest of their segment is past retention.ms"},
	},
	{
		Name: "token-ending", Severity: Note, find: findTokenEnding,
		Seen: "A delegation token ends soon, and nobody has renewed it.",
		Next: []string{"leat token renew {id}, if who uses it still needs it"},
	},
}

func findLoading(v *view, at func() *Finding) {
	v.eachRefusal("COORDINATOR_LOAD_IN_PROGRESS", func(e *Event) string { return e.Resource }, func(e *Event) {
		f := at()
		f.touch(e)
		f.Chain = []string{fmt.Sprintf("the coordinator of %s is loading", named(e.Resource))}
		f.Evidence = []string{fmt.Sprintf("%s of %s: %s", e.API, e.who(), v.times(e))}
		f.next()
	})
}

// openTooLong is how long a transaction may be open before it is told: ten seconds, or the time for which events count if that is shorter.
func (v *view) openTooLong() time.Duration {
	const most = 10 * time.Second
	if v.Window > 0 {
		return min(most, v.Window)
	}
	return most
}

func findOpenTransaction(v *view, at func() *Finding) {
	for i := range v.Nodes {
		for j := range v.Nodes[i].Open {
			t := &v.Nodes[i].Open[j]
			if t.HighWatermark <= t.LastStable || v.At.Sub(t.Since) < v.openTooLong() {
				continue
			}
			f := at()
			f.touches.partition(t.Topic, t.Partition)
			t.ID = v.transactionalID(t.ProducerID)
			f.touches.add("transactional-id", t.ID)
			f.Since = t.Since
			id := t.ID
			if id == "" {
				id = "ID"
			}
			f.Chain = []string{
				fmt.Sprintf("transaction of %s has been open for %s", producer(t), v.ago(t.Since)),
				fmt.Sprintf("it holds the last stable offset of %s at %d, %s before the end", partitionName(t.Topic, t.Partition), t.LastStable, count(int(t.HighWatermark-t.LastStable), "record")),
			}
			f.Evidence = []string{fmt.Sprintf("%s: last stable offset %d, high watermark %d, open since %s", partitionName(t.Topic, t.Partition), t.LastStable, t.HighWatermark, t.Since.UTC().Format(time.RFC3339))}
			f.next("{id}", id, "{topic}", t.Topic, "{partition}", fmt.Sprint(t.Partition), "{offset}", fmt.Sprint(t.LastStable))
		}
	}
}

// transactionalID is what the coordinator of a producer's transaction calls it.
func (v *view) transactionalID(producerID int64) string {
	for i := range v.Nodes {
		if id := v.Nodes[i].Transactional[producerID]; id != "" {
			return id
		}
	}
	return ""
}

func producer(t *Transaction) string {
	if t.ID != "" {
		return fmt.Sprintf("transactional id %s (producer %d epoch %d)", t.ID, t.ProducerID, t.ProducerEpoch)
	}
	return fmt.Sprintf("producer %d epoch %d", t.ProducerID, t.ProducerEpoch)
}

// refusals makes a finding of each sort of refusal, by resource and client.
func refusals(codes string, least int64, say func(*Event) string) func(*view, func() *Finding) {
	return func(v *view, at func() *Finding) {
		v.eachRefusal(codes, func(e *Event) string { return e.Code + "\x00" + e.Resource + "\x00" + e.ClientID }, func(e *Event) {
			if e.Count < least {
				return
			}
			f := at()
			f.touch(e)
			f.Chain = []string{say(e)}
			text := fmt.Sprintf("%s of %s, %s: %s, %s", e.API, e.who(), named(e.Resource), e.Code, v.times(e))
			if e.Detail != "" {
				text += ": " + e.Detail
			}
			f.Evidence = []string{text}
			name := e.name()
			topic, partition, ok := splitPartition(name)
			if !ok {
				topic = name
			}
			f.next("{resource}", named(e.Resource), "{id}", name, "{topic}", topic, "{partition}", fmt.Sprint(partition))
		})
	}
}

var (
	findFencedProducer = refusals("INVALID_PRODUCER_EPOCH PRODUCER_FENCED", 1, func(e *Event) string {
		return fmt.Sprintf("%s was fenced: another producer with its transactional id took its place, or its transaction timed out (%s)", e.who(), named(e.Resource))
	})
	findSequence = refusals("OUT_OF_ORDER_SEQUENCE_NUMBER UNKNOWN_PRODUCER_ID", 1, func(e *Event) string {
		return fmt.Sprintf("%s sends batches to %s out of order", e.who(), named(e.Resource))
	})
	findTooLarge = refusals("MESSAGE_TOO_LARGE RECORD_LIST_TOO_LARGE", 1, func(e *Event) string {
		return fmt.Sprintf("%s sends records to %s that are larger than it takes", e.who(), named(e.Resource))
	})
	findStorageRefused = refusals("KAFKA_STORAGE_ERROR", 1, func(e *Event) string {
		return fmt.Sprintf("writes of %s to %s fail: the log cannot be written", e.who(), named(e.Resource))
	})
	findTimestamp = refusals("INVALID_TIMESTAMP", 1, func(e *Event) string {
		return fmt.Sprintf("%s sends records to %s with timestamps that are too far from the broker's clock", e.who(), named(e.Resource))
	})
	findCorrupt = refusals("CORRUPT_MESSAGE INVALID_RECORD", 1, func(e *Event) string {
		return fmt.Sprintf("%s sends records to %s that cannot be taken", e.who(), named(e.Resource))
	})
	findUnknownTopic = refusals("UNKNOWN_TOPIC_OR_PARTITION UNKNOWN_TOPIC_ID", 3, func(e *Event) string {
		return fmt.Sprintf("%s asks for %s, which does not exist", e.who(), named(e.Resource))
	})
	findOffsetGone = refusals("OFFSET_OUT_OF_RANGE", 1, func(e *Event) string {
		return fmt.Sprintf("%s asks for an offset of %s that is not there", e.who(), named(e.Resource))
	})
)

func findUncleanable(v *view, at func() *Finding) {
	for i := range v.Nodes {
		for _, u := range v.Nodes[i].Uncleanable {
			f := at()
			f.touches.partition(u.Topic, u.Partition)
			f.touches.node(v.Nodes[i].Node)
			f.Since = u.Since
			f.Chain = []string{fmt.Sprintf("the cleaner of node %d cannot compact %s", v.Nodes[i].Node, partitionName(u.Topic, u.Partition))}
			f.Evidence = []string{fmt.Sprintf("node %d, %s: %s not compacted: %s", v.Nodes[i].Node, partitionName(u.Topic, u.Partition), size(u.Bytes), u.Err)}
			f.next()
		}
	}
}

func findKept(v *view, at func() *Finding) {
	for i := range v.Nodes {
		for j := range v.Nodes[i].Kept {
			k := &v.Nodes[i].Kept[j]
			f := at()
			f.touches.partition(k.Topic, k.Partition)
			f.Since = k.Oldest.Add(time.Duration(k.RetentionMs) * time.Millisecond)
			name, retention := partitionName(k.Topic, k.Partition), short(time.Duration(k.RetentionMs)*time.Millisecond)
			f.Chain = []string{
				fmt.Sprintf("the segment being written of %s holds records of %s ago", name, v.ago(k.Oldest)),
				fmt.Sprintf("they stay although retention.ms is %s: only whole segments go", retention),
			}
			f.Evidence = []string{fmt.Sprintf("%s: %s in %s, retention.ms=%d, segment.ms=%d", name, size(k.Size), count(k.Segments, "segment"), k.RetentionMs, k.SegmentMs)}
			f.next("{topic}", k.Topic, "{segment}", short(time.Duration(k.SegmentMs)*time.Millisecond))
		}
	}
}

func findTokenEnding(v *view, at func() *Finding) {
	if v.newest == nil {
		return
	}
	for _, t := range v.newest.Tokens {
		f := at()
		f.touches.add("principal", t.Owner)
		f.Chain = []string{fmt.Sprintf("delegation token %s of %s ends in %s", t.ID, t.Owner, short(t.Expires.Sub(v.At)))}
		f.Evidence = []string{fmt.Sprintf("token %s: valid until %s", t.ID, t.Expires.UTC().Format(time.RFC3339))}
		f.next("{id}", t.ID)
	}
}
