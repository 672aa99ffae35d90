package admin

import (
	"slices"
	"strconv"
	"strings"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// failure ends a tool that has said what is wrong.
const failure = run.Exit(1)

// Codes of Kafka's protocol that tools look at.
const (
	topicExists         = 36
	unknownTopic        = 3
	notSupported        = 35
	groupNotFound       = 69
	electionNotNeeded   = 84
	clusterUnauthorized = 31
	replicaNotAvailable = 9

	concurrentTransactions  = 51
	transactionalIDNotFound = 105
)

func number[N int | int16 | int32 | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func has(words []string, word string) bool { return slices.Contains(words, word) }

// parseInt32 reads a number as Java's Integer.parseInt does.
func parseInt32(text string) (int32, error) {
	n, err := parseInt(text, 32)
	return int32(n), err
}

func parseInt(text string, bits int) (int64, error) {
	n, err := strconv.ParseInt(strings.TrimPrefix(text, "+"), 10, bits)
	if err != nil {
		return 0, &tool.Exception{Class: "java.lang.NumberFormatException", Message: `For input string: "` + text + `"`}
	}
	return n, nil
}

// duplicates are what is there more than once.
func duplicates[T comparable](all []T) []T {
	seen := make(map[T]int, len(all))
	var twice []T
	for _, one := range all {
		if seen[one]++; seen[one] == 2 {
			twice = append(twice, one)
		}
	}
	return twice
}
