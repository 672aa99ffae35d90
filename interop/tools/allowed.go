package main

import "strings"

// An allowance is a difference that is meant.
type allowance struct {
	line   string // how the command line begins
	part   string // what it contains; with $ behind it: how it ends
	reason string
}

// allowances are all differences between Kafka's tools and leat's that are meant, and why.
var allowances = []allowance{
	{"kafka-replica-verification", "--topics-include nothere", "that no topic matches Kafka's tool writes to its log, leat's to the standard error"},
	{"kafka-reassign-partitions", "--execute --reassignment-json-file DIR/nodir.json", "leat's tool also says why a replica cannot go to a directory, which Kafka's has in the trace of the exception"},
	{"kafka-delegation-tokens", ".properties --describe$", "Kafka's tool asks for the tokens of nobody where it says those of the current user, and never shows any"},
	{"kafka-delegation-tokens", "DIR/wrong.properties", "the client of leat's tool has another sentence for a refused login, without the broker's reason"},
	{"kafka-topics", "retention.ms=long", "values are checked by the broker, which says what a right one is; Kafka's tool checks them first by itself"},
	{"kafka-share-groups", "--group sg-classic --topic sh2 --to-earliest --execute", "the clients of 4.4 also say why the broker did not set the offsets; these tools are of 4.3.1"},
	{"kafka-streams-groups", "--describe --group ss --members --offsets --state", "--topology of 4.4 is one of the options that exclude each other"},
	{"kafka-streams-application-reset", "--from-file DIR/others.csv", "Kafka's tool meets a null pointer where the file and the input topics do not agree; leat says what does not"},
	{"kafka-streams-application-reset", "--input-topics sr2 --application-id srstreams", "Kafka's consumer advises about max.poll.interval.ms; leat says that the group has members"},
}

func allowed(line string) bool {
	for _, a := range allowances {
		part, last := strings.CutSuffix(a.part, "$")
		if strings.HasPrefix(line, a.line) && strings.Contains(line, part) && (!last || strings.HasSuffix(line, part)) {
			return true
		}
	}
	return false
}
