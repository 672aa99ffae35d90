package main

import "strings"

// An allowance is a difference that is meant.
type allowance struct {
	line   string // how the command line begins
	part   string // what it contains
	reason string
}

// allowances are all differences between Kafka's tools and leat's that are meant, and why.
var allowances = []allowance{
	{"kafka-topics", "retention.ms=long", "values are checked by the broker, which says what a right one is; Kafka's tool checks them first by itself"},
}

func allowed(line string) bool {
	for _, a := range allowances {
		if strings.HasPrefix(line, a.line) && strings.Contains(line, a.part) {
			return true
		}
	}
	return false
}
