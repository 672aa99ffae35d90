package admin

import (
	"context"
	"encoding/base64"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// id is the id of a topic or a cluster, as Kafka prints it.
func id(uuid [16]byte) string { return base64.RawURLEncoding.EncodeToString(uuid[:]) }

// parseID reads what id prints, as Kafka's Uuid does.
func parseID(text string) ([16]byte, error) {
	var uuid [16]byte
	if len(text) > 24 {
		return uuid, tool.Illegal("Input string with prefix `%s` is too long to be decoded as a base64 UUID", text[:24])
	}
	raw, err := base64.RawURLEncoding.DecodeString(strings.TrimRight(text, "="))
	if err != nil || len(raw) != 16 {
		return uuid, tool.Illegal("Input string `%s` decoded as %d bytes, which is not equal to the expected 16 bytes of a base64-encoded UUID", text, len(raw))
	}
	copy(uuid[:], raw)
	return uuid, nil
}

// internal tells whether a topic is one that Kafka keeps for itself.
func internal(topic string) bool {
	return topic == "__consumer_offsets" || topic == "__transaction_state" || topic == "__share_group_state"
}

// included is a list of topics, or an expression for them, as Kafka's tools take it.
func included(text string) (*regexp.Regexp, error) {
	text = strings.ReplaceAll(strings.ReplaceAll(strings.TrimSpace(text), ",", "|"), " ", "")
	text = strings.TrimRight(strings.TrimLeft(text, `"'`), `"'`)
	expression, err := regexp.Compile("^(?:" + text + ")$")
	if err != nil {
		return nil, errors.New(text + " is an invalid regex.")
	}
	return expression, nil
}

// metadata asks for topics; none: for all.
func metadata(ctx context.Context, c *tool.Cluster, topics ...string) (*kmsg.MetadataResponse, error) {
	request := kmsg.NewPtrMetadataRequest()
	for _, name := range topics {
		t := kmsg.NewMetadataRequestTopic()
		t.Topic = kmsg.StringPtr(name)
		request.Topics = append(request.Topics, t)
	}
	if len(topics) == 0 {
		request.Topics = nil
	}
	return tool.Ask[*kmsg.MetadataResponse](ctx, c, request)
}

// topicNames are all topics in alphabetical order.
func topicNames(ctx context.Context, c *tool.Cluster, withInternal bool) ([]string, error) {
	all, err := metadata(ctx, c)
	if err != nil {
		return nil, err
	}
	var names []string
	for _, t := range all.Topics {
		if t.Topic != nil && t.ErrorCode == 0 && (withInternal || !t.IsInternal) {
			names = append(names, *t.Topic)
		}
	}
	slices.Sort(names)
	return names, nil
}

// ids are numbers with a separator between.
func ids(numbers []int32, separator string) string {
	words := make([]string, len(numbers))
	for i, n := range numbers {
		words[i] = number(n)
	}
	return strings.Join(words, separator)
}
