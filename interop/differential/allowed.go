package main

import (
	"regexp"
	"slices"
	"strings"
)

// difference is one field of one answer that is not the same on both sides.
type difference struct {
	api      string
	version  int16
	scenario string
	step     string
	path     string
	leat     string
	kafka    string
}

// allowance is a difference that is there on purpose. Empty fields match everything.
type allowance struct {
	api         string
	step        string // a regular expression
	path        string // a regular expression
	leat, kafka string // regular expressions
	why         string
}

// allowances are the differences on purpose.
var allowances = []allowance{
	{
		api: "ShareGroupHeartbeat", step: `^third joins$`, path: `^\.Assignment.*\.len$`,
		why: "with more members than partitions each member has one partition; Kafka gives some members more, so that all partitions have as many readers",
	},
	{
		api: "ShareGroupHeartbeat", step: `^(second|third) joins$|^first is told`, path: `^\.Assignment.*\.Partitions$`,
		why: "which partitions a member gets is drawn by Kafka's hash tables of topic ids; leat goes by name and number",
	},
	{
		api: "ShareGroupDescribe", step: `^described with (two|three|different topics)$`, path: `\.Assignment.*\.Partitions$`,
		why: "which partitions a member gets is drawn by Kafka's hash tables of topic ids; leat goes by name and number",
	},
	{
		api: "DescribeShareGroupOffsets", step: `, some of $`,
		why: "an empty name is that of a group that is not there; Kafka fails on it with UNKNOWN_SERVER_ERROR",
	},
	{
		api: "DescribeShareGroupOffsets", step: `^altered again`, path: `\.Partitions\[1\]\.Lag$`, leat: `^-1$`, kafka: `^5$`,
		why: "a group that was set to before offset 0 has no lag; Kafka counts records that never were",
	},
	{
		api: "DeleteGroups", step: `^group deleted$`, leat: `^0$`, kafka: `^-1$`,
		why: "a share group whose offsets were deleted can be deleted; Kafka fails on it with UNKNOWN_SERVER_ERROR",
	},
	{
		api: "ShareGroupDescribe", step: `^described with three$`, path: `\.Assignment.*\.len$`,
		why: "with more members than partitions each member has one partition; Kafka gives some members more, so that all partitions have as many readers",
	},
	{
		api: "ShareGroupDescribe", step: `^described when (altered|deleted)$`, path: `\.GroupEpoch$`,
		why: "altered offsets begin a new group epoch, so that state that was asked for before them is fenced",
	},
	{
		api: "ReadShareGroupState", step: `^read what was initialized twice$`, path: `\.StartOffset$`, leat: `^100$`, kafka: `^50$`,
		why: "a request to initialize that comes twice, because its first answer was lost, does not undo what came since",
	},
	{
		api: "AlterShareGroupOffsets", step: `^alter a partition below 0$`,
		why: "a partition that is not there is said to be unknown; Kafka fails on it with UNKNOWN_SERVER_ERROR for the whole request",
	},
	{
		api: "DescribeShareGroupOffsets", step: `^a partition that is not there$`, leat: `^an answer`, kafka: `no answer`,
		why: "a partition that is not there is said to be unknown; Kafka asks its coordinator again and again for longer than clients wait",
	},
	{
		api: "ShareFetch", step: `^a mode that is none$`,
		why: "values without a meaning are read as the nearest one that has one; Kafka answers UNKNOWN_SERVER_ERROR",
	},
	{
		api: "ShareFetch", step: `^made again$`, path: `\.ErrorCode$`, leat: `^3$`, kafka: `^-1$`,
		why: "a topic that is gone is gone, whatever has its name now; Kafka fails on it with UNKNOWN_SERVER_ERROR",
	},
	{
		api: "ListGroups", step: `listed NotReady$`,
		why: "groups that are not ready are found by that name; Kafka looks for not_ready, which nobody is told",
	},
	{
		api: "DeleteGroups", step: `^group deleted while open$`,
		why: "a group without members is there as long as its offsets are; Kafka forgets it when it next looks for expired offsets",
	},
	{
		api: "ConsumerGroupHeartbeat", step: `^[0-9]+: "(\({30}|a{30})"$`,
		why: "an expression of thousands of characters, or of a thousand groups in each other, is refused: it costs the coordinator too much",
	},
	{
		api: "StreamsGroupHeartbeat", path: `^\.Status\[\]\.StatusDetail$`, leat: `^.Internal topics are missing: `, kafka: `^.Internal topics are missing: `,
		why: "Kafka names them in the order of its hash table, leat by name",
	},
	{
		api: "ApiVersions", path: `^\.ApiKeys`, leat: `\(absent\)`,
		why: "an API that is not built yet is not advertised",
	},
	{
		api: "ApiVersions", step: `^at a controller$`, path: `^\.ApiKeys\[2834[123]\]`, kafka: `\(absent\)`,
		why: "leat's controllers agree, and tell brokers what they know, by requests of their own",
	},
	{
		api: "ApiVersions", path: `kraft\.version|^\.FinalizedFeatures\.len`,
		why: "controllers agree by another protocol than KRaft, so its version is not finalized",
	},
	{
		api: "Metadata", step: `first request for a topic to be created|name collides with one that is there`,
		why: "a topic that a request creates is waited for; Kafka answers UNKNOWN_TOPIC_OR_PARTITION first, and clients ask again",
	},
	{
		api: "Metadata", step: `neither id nor name|null name and zero id`, path: `ErrorCode`, leat: `^42$`, kafka: `^-1$`,
		why: "a topic without id and name is INVALID_REQUEST in every version; Kafka fails on it with UNKNOWN_SERVER_ERROR from version 12 on",
	},
	{
		api: "DescribeShareGroupOffsets", step: `^stands (after|with)`, path: `\.StartOffset$`,
		why: "the start offset is made durable with the acknowledgement that moves it; Kafka makes it so with the next one, and its lag is the same",
	},
	{
		api: "DescribeUserSCRAMCredentials", step: `^described at a controller$`, leat: `^an answer`, kafka: `no answer`,
		why: "controllers know the credentials and tell them; Kafka's never answer",
	},
	{
		api: "Produce", step: `^null records$`, leat: `^an answer`, kafka: `no answer`,
		why: "Kafka fails on null records without ever answering",
	},
	{
		api: "Produce", step: `^codec 7$|^gzip that is none$`,
		why: "what cannot be decompressed is INVALID_RECORD, which a producer can act on, and not UNKNOWN_SERVER_ERROR",
	},
	{
		api: "Produce", step: `^record offsets with a hole$`,
		why: "offsets of records that do not count up are refused: as stored they would give two records one offset. Kafka stores them in plain batches, numbers them anew where it compresses or decompresses, and else fails on compressed ones with UNKNOWN_SERVER_ERROR",
	},
	{
		api: "Produce", step: `^magic 3$|^length too short for a batch$`, path: `ErrorMessage`, leat: `null`,
		why: "the code says it all",
	},
	{
		api: "Fetch", step: `^isolation level 7$|^max bytes -1$`,
		why: "values without a meaning are read as the nearest one that has one; Kafka answers UNKNOWN_SERVER_ERROR",
	},
	{
		api: "ListOffsets", step: `^isolation level 7$`,
		why: "values without a meaning are read as the nearest one that has one; Kafka answers UNKNOWN_SERVER_ERROR",
	},
	{
		api: "Fetch", step: `bytes 100$|batch and a half$`, path: `RecordBatches`,
		why: "a fetch ends with a whole batch; Kafka cuts the last one wherever the limit falls, and clients throw the piece away",
	},
	{
		api: "ListOffsets", step: `^offsets afterwards, -3$`,
		why: "Kafka finds the largest timestamp among records that were deleted",
	},
	{
		api: "CreateACLs", step: `^of any |^of pattern match$`, kafka: `^(-1|null)$`,
		why: "an ACL that cannot be is INVALID_REQUEST with a text, and those beside it are made; Kafka fails on the whole request with UNKNOWN_SERVER_ERROR",
	},
	{
		api: "OffsetForLeaderEpoch", step: `^epoch -2$`,
		why: "a negative epoch is none",
	},
	{
		api: "AlterConfigs", step: `^(read-only|per-broker) key for all`, path: `ErrorCode`,
		why: "the same refusal as by IncrementalAlterConfigs, where Kafka has another code",
	},
	{
		step: `^threads grow too much`,
		why:  "there are no thread pools that a request could make too large",
	},
	{
		api: "AlterConfigs", step: `^twice the same resource$`, leat: `^an answer`, kafka: `no answer`,
		why: "Kafka never answers",
	},
	{
		api: "IncrementalAlterConfigs", step: `^twice the same resource$`,
		why: "one answer for the resource is enough",
	},
	{
		api: "IncrementalAlterConfigs", step: `^unknown operation$`,
		why: "INVALID_REQUEST with a text instead of UNKNOWN_SERVER_ERROR without one",
	},
	{
		api: "DescribeConfigs", path: `\["leat\.|(BROKER|TOPIC|GROUP_CONFIG)\]\.Configs\.len`,
		why: "leat has keys of its own",
	},
	{
		api: "CreateTopics", path: `\.Configs\["leat\.`,
		why: "leat has keys of its own",
	},
	{
		api: "CreateTopics", path: `\.Configs\.len`, leat: `^41$`, kafka: `^37$`,
		why: "leat has keys of its own",
	},
	{
		api: "CreateTopics", step: `^made$`, path: `retention\.ms`, leat: `^"1000"$`, kafka: `^" 1000 "$`,
		why: "a number is told without the blanks around it",
	},
	{
		api: "DescribeConfigs", step: `^logger$`, path: `\["root"\]\.(Value|Documentation)`,
		why: "what Kafka logs is said in the suite's own file; a logger has no documentation",
	},
	{
		api: "ListOffsets", step: `^a partition twice$`,
		why: "a partition that is asked for twice is refused twice",
	},
	{
		api: "OffsetDelete", step: `^group without offsets$`,
		why: "a group without members is there as long as its offsets are; Kafka forgets it when it next looks for expired offsets",
	},
	{
		api: "DescribeGroups", step: `^described without offsets$`,
		why: "a group without members is there as long as its offsets are; Kafka forgets it when it next looks for expired offsets",
	},
}

// silence is what an allowance says of Kafka where it does not answer.
const silence = "no answer"

// silent reports whether Kafka is known not to answer.
func silent(api, step string) bool {
	return slices.ContainsFunc(allowances, func(a allowance) bool {
		return strings.Contains(a.kafka, silence) && (a.api == "" || a.api == api) && matches(a.step, step)
	})
}

// allowancesUsed remembers which allowances were needed, by their place.
var allowancesUsed = map[int]bool{}

func (d difference) allowed() bool {
	for i, a := range allowances {
		if (a.api == "" || a.api == d.api) && matches(a.step, d.step) && matches(a.path, d.path) && matches(a.leat, d.leat) && matches(a.kafka, d.kafka) {
			allowancesUsed[i] = true
			return true
		}
	}
	return false
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(pattern).MatchString(text)
}
