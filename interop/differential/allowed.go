package main

import "regexp"

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
		api: "ApiVersions", path: `^\.ApiKeys`, leat: `\(absent\)`,
		why: "an API that is not built yet is not advertised",
	},
	{
		api: "ApiVersions", path: `^\.ApiKeys\.len`,
		why: "an API that is not built yet is not advertised",
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
		step: `^SASL (handshake|authenticate) on a plain listener`,
		why:  "SASL is not built yet: its requests are unknown and end the connection",
	},
}

func (d difference) allowed() bool {
	for _, a := range allowances {
		if (a.api == "" || a.api == d.api) && matches(a.step, d.step) && matches(a.path, d.path) && matches(a.leat, d.leat) && matches(a.kafka, d.kafka) {
			return true
		}
	}
	return false
}

func matches(pattern, text string) bool {
	return pattern == "" || regexp.MustCompile(pattern).MatchString(text)
}
