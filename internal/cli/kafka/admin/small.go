package admin

import (
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/cli/kafka/tool"
	"leat/internal/cli/run"
)

// failure ends a tool that has said what is wrong.
const failure = run.Exit(1)

// Codes of Kafka's protocol that tools look at.
const (
	unknownTopic            = 3
	replicaNotAvailable     = 9
	coordinatorLoading      = 14
	coordinatorNotAvailable = 15
	notCoordinator          = 16
	invalidTopic            = 17
	invalidGroup            = 24
	unknownMember           = 25
	topicUnauthorized       = 29
	groupUnauthorized       = 30
	clusterUnauthorized     = 31
	notSupported            = 35
	topicExists             = 36
	concurrentTransactions  = 51
	groupNotEmpty           = 68
	groupNotFound           = 69
	electionNotNeeded       = 84
	groupSubscribed         = 86
	transactionalIDNotFound = 105
)

func number[N int | int16 | int32 | int64](n N) string { return strconv.FormatInt(int64(n), 10) }

func truth(b bool) string { return strconv.FormatBool(b) }

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

// codeName is how Kafka calls a code of its protocol.
func codeName(code int16) string {
	if e := kerr.TypedErrorForCode(code); e != nil {
		return e.Message
	}
	return kerr.UnknownServerError.Message
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
