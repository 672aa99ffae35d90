package main

import (
	"regexp"
	"slices"
	"strings"

	"leat/interop/kafkatools"
)

// A rule makes equal what must differ. Each has its reason, which the reference of the tools repeats.
type rule struct {
	what   *regexp.Regexp
	with   string
	reason string
}

var rules = []rule{
	{regexp.MustCompile(`(?m)^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+ (WARN|ERROR) .*\n`), "", "lines of a Java log"},
	{regexp.MustCompile(`(?m)^\[\d{4}-\d\d-\d\d .*\] (WARN|ERROR) .*\n`), "", "lines of a Java log"},
	{regexp.MustCompile(`(?m)^(\tat |\t\.\.\. |\t?Caused by: |\tSuppressed: ).*\n`), "", "stack traces of Java"},
	{regexp.MustCompile(`\b(TopicId: |topic[ -]?[iI]d ` + "`" + `?)[A-Za-z0-9_-]{22}\b`), "${1}ID", "topic ids are drawn by chance"},
	{regexp.MustCompile(`(?m)[ \t]+$`), "", "spaces at the end of a line: the usage ends its lines where leat's words end"},
	{regexp.MustCompile(`[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}`), "MEMBER", "members have random ids"},
	{regexp.MustCompile(`(?m)^[A-Za-z0-9_-]{22} +[A-Za-z0-9+/]{86}== +`), "TOKEN HMAC ", "tokens are drawn by chance"},
	{regexp.MustCompile(`[A-Za-z0-9+/]{86}==`), "HMAC", "tokens are drawn by chance"},
	// An id may begin with -, so that no word begins there. What ends in 22 letters may be the HMAC of a token: those are above.
	{regexp.MustCompile(`[A-Za-z0-9_-]{22}==`), "MEMBER", "those of share groups, too"},
	{regexp.MustCompile(`AT\d  ?\(\d\) +`), "COORDINATOR ", "the coordinator is that node of three which leads the partition of the group"},
	{regexp.MustCompile(`^4\.[34]\.\d( \(Commit:[0-9a-f]+\))?\n$`), "VERSION\n", "the tools of Kafka 4.4 are not published as a library yet: these are of 4.3.1"},
	{regexp.MustCompile(`(?m)^([123])( +\t\S+ *\t\d+ *\t\d+ *\t[A-Z]\w+ *\t\d+ *\t)\d{13}( *\t)\d+ *\t`), "NODE${2}TIME${3}LASTING\t", "the coordinator is some node, and time goes on"},
	{regexp.MustCompile(`(?m)^(\S+ *\t)[123]( +\t\d+ *\t[A-Z]\w+)$`), "${1}NODE$2", "the coordinator is some node"},
	{regexp.MustCompile(`\t[1-9]\d{12}\t`), "\tTIME\t", "when a record was written"},
	{regexp.MustCompile(`(?m)(\tTIME\t)6\d$`), "${1}HOUR", "a transaction hangs for an hour and as long as it takes to come to look at it"},
	{regexp.MustCompile(`(FinalizedVersionLevel: .*\bEpoch: )\d+`), "${1}EPOCH", "the epoch is a place in the metadata log, where elections and changes of in-sync replicas stand, too"},
	{regexp.MustCompile(`\bLocal controller [123]\b`), "Local controller NODE", "the active controller is some node"},
	{regexp.MustCompile(`(?m)^(\S+ *\tNODE *\t)\d+ *\t`), "${1}PRODUCER\t", "producer ids come from the block of the broker that is asked, and blocks go round by chance"},
	{regexp.MustCompile(`(?m)^(NODE *\t\S+ *\t)\d+ *\t(\d+ *\t[A-Z])`), "${1}PRODUCER\t$2", "the same"},
	{regexp.MustCompile(`(?m)^\d+ *\t(\d+ *\t-?\d+ *\t-?\d+ *\tTIME\t)`), "PRODUCER\t$1", "the same"},
	{regexp.MustCompile(`UNKNOWN 33       |4\.4-IV2          `), "NEWEST ", "the tools of 4.3.1 do not know the last levels of metadata.version"},
	{regexp.MustCompile(`4\.4-IV0, 4\.4-IV1, 4\.4-IV2\b`), "4.4-IV0", "the same"},
	{regexp.MustCompile(`(?m)^com\.fasterxml\..*\n( at \[Source.*\n)*`), "", "what Java's reader of CSV says of lines that it then reads in their other form"},
	{regexp.MustCompile(`(?m)^--topology\b.*\n`), "", "an option of 4.4"},
	{regexp.MustCompile(`(?:StreamsGroupTopologyDescriptionUpdate|UnregisterController)(\(9[34]\): 0) \[usable: 0\]`), "UNKNOWN$1", "the clients of 4.3.1 do not know them"},
	{regexp.MustCompile(` \[usable: \d+\]`), "", "the clients of 4.3.1 know fewer versions of some requests"},
	{regexp.MustCompile(`(?m)^SLF4J: .*\n`), "", "lines of a Java log"},
	{regexp.MustCompile(`tokenId : [A-Za-z0-9_-]{22}`), "tokenId : ID", "tokens are drawn by chance"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\dT\d\d:\d\d`), "MINUTE", "when a token was made and until when it is good"},
	{regexp.MustCompile(`Calling \w+ token operation with hmac :\S+`), "HMAC", "the same"},
	{regexp.MustCompile(`/[^ ,"]*leat-tools-[^ ,":]*/(node-\d)/`), "/DIR/$1/", "each cluster has directories of its own"},
}

// reported is the time at which a tool that does not end says something.
var reported = regexp.MustCompile(`^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d+:`)

// traced are exceptions that Kafka's tools print as a stack trace after their message: leat says the message.
var traced = regexp.MustCompile(`(?m)^(?:Exception in thread "main" )?((?:[a-z]+\.)+[A-Za-z$]+(?:Exception|Error))(?:: .*)?\n`)

// anyOrder are lists of options that Kafka's tools print in the order of a hash table with a seed: another one in each run.
var anyOrder = regexp.MustCompile(`(?:takes (?:one of these|the following|at most one of these) options|the following scenarios|Valid (?:types|states) are|only supports operations):? .*`)

// masked is what a tool said without what must differ.
func (w *world) masked(s kafkatools.Said) kafkatools.Said {
	s.Out, s.Err = w.mask(s.Out), w.mask(s.Err)
	return s
}

func (w *world) mask(text string) string {
	for at, with := range w.names {
		text = strings.ReplaceAll(text, at, with)
	}
	text = anyOrder.ReplaceAllStringFunc(text, func(line string) string {
		head, list, ok := strings.Cut(line, ": ")
		if !ok {
			head, list, _ = strings.Cut(line, "operations ")
			list = strings.ReplaceAll(strings.Trim(list, "[]"), ", ", "], [")
		}
		words := strings.Split(strings.Trim(list, "[]"), "], [")
		if len(words) == 1 {
			words = strings.Split(list, ", ")
		}
		slices.Sort(words)
		return head + ": " + strings.Join(words, ", ")
	})
	for _, r := range rules {
		text = r.what.ReplaceAllString(text, r.with)
	}
	return text
}

// usage is a usage without what leat says in its own words: the right column.
func usage(text string) string {
	if strings.Contains(text, "\noptional arguments:\n") {
		return argparse(text)
	}
	start := strings.Index(text, "\nOption")
	if start < 0 {
		return text
	}
	var left []string
	head := text[:start]
	lines := strings.Split(text[start+1:], "\n")
	column := strings.Index(lines[0], "Description")
	for _, line := range lines {
		cut := min(len(line), max(0, column))
		if l := strings.TrimRight(line[:cut], " "); l != "" {
			left = append(left, l)
		}
	}
	return head + "\n" + strings.Join(left, "\n")
}

var described = regexp.MustCompile(`^  [A-Za-z][a-z]`)

// argparse is the help of a tool with commands without leat's words: the text below the usage, and the right column.
func argparse(text string) string {
	var left []string
	part := 0 // the usage, the text, the arguments
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\n")
		title := strings.HasSuffix(line, ":") && !strings.HasPrefix(line, " ")
		switch {
		case part == 0 && line == "":
			part = 1
		case title:
			part = 2
		}
		switch {
		case line == "" || part == 1 || part == 2 && (strings.HasPrefix(line, strings.Repeat(" ", 25)) || described.MatchString(line)):
			continue
		case part == 2 && !title:
			line = line[:min(len(line), 25)]
		}
		left = append(left, strings.TrimRight(line, " "))
	}
	return strings.Join(left, "\n")
}

// sorted is a text with its lines in alphabetical order, for what a tool prints in the order of a hash table with a seed.
func sorted(text string) string {
	lines := strings.Split(strings.ReplaceAll(text, "\n \t", "\n\t"), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}
