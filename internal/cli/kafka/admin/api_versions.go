package admin

import (
	"cmp"
	"context"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/cli/kafka/tool"
)

// APIVersions is kafka-broker-api-versions.
func APIVersions() *tool.Tool {
	return &tool.Tool{Name: "kafka-broker-api-versions", Purpose: "This tool helps to retrieve broker version information.", Options: apiVersionsOptions(), Run: apiVersions}
}

func apiVersions(ctx context.Context, c *tool.Call) error {
	if err := c.Require("bootstrap-server"); err != nil {
		return err
	}
	if err := checkURLs(c.Value("bootstrap-server")); err != nil {
		return err
	}
	cluster, err := c.Connect()
	if err != nil {
		return err
	}
	defer cluster.Close()
	known, err := metadata(ctx, cluster)
	if err != nil {
		return err
	}
	slices.SortFunc(known.Brokers, func(a, b kmsg.MetadataResponseBroker) int { return cmp.Compare(a.NodeID, b.NodeID) })
	for _, b := range known.Brokers {
		rack := "null"
		if b.Rack != nil {
			rack = *b.Rack
		}
		name := b.Host + ":" + number(b.Port) + " (id: " + number(b.NodeID) + " rack: " + rack + " isFenced: false)"
		request := kmsg.NewPtrApiVersionsRequest()
		request.ClientSoftwareName, request.ClientSoftwareVersion = "kafka-broker-api-versions", "1" // nodes show leat what is between them and it
		answer, err := tool.AskNode[*kmsg.ApiVersionsResponse](ctx, cluster, b.NodeID, request)
		if err == nil {
			err = tool.Refused(answer.ErrorCode, nil)
		}
		if err != nil {
			c.Println(name + " -> ERROR: " + tool.Describe(err))
			continue
		}
		c.Println(name + " -> (\n\t" + strings.Join(apiLines(answer.ApiKeys), ",\n\t") + "\n)")
	}
	return nil
}

// checkURLs tells which address of a list is none, as the client says that this tool has.
func checkURLs(servers string) error {
	for server := range strings.SplitSeq(servers, ",") {
		_, port, err := net.SplitHostPort(strings.TrimSpace(server))
		if _, wrong := strconv.ParseUint(port, 10, 16); err != nil || wrong != nil {
			return tool.Said("Invalid url in bootstrap.servers: " + server)
		}
	}
	return nil
}

// apiLines are the requests of a node, each with the versions that it takes and the newest that this client would use.
func apiLines(keys []kmsg.ApiVersionsResponseApiKey) []string {
	slices.SortFunc(keys, func(a, b kmsg.ApiVersionsResponseApiKey) int { return cmp.Compare(a.ApiKey, b.ApiKey) })
	lines := make([]string, len(keys))
	for i, k := range keys {
		versions := number(k.MinVersion)
		if k.MaxVersion != k.MinVersion {
			versions += " to " + number(k.MaxVersion)
		}
		request := kmsg.RequestForKey(k.ApiKey)
		if request == nil {
			lines[i] = "UNKNOWN(" + number(k.ApiKey) + "): " + versions
			continue
		}
		usable := " [usable: " + number(min(request.MaxVersion(), k.MaxVersion)) + "]"
		if request.MaxVersion() < k.MinVersion {
			usable = " [unusable: node too new]"
		}
		lines[i] = apiName(k.ApiKey) + "(" + number(k.ApiKey) + "): " + versions + usable
	}
	return lines
}

// apiName is a request as Kafka calls it, where the client's library has another name.
func apiName(key int16) string {
	switch key {
	case 4, 5, 6, 7:
		return kmsg.NameForKey(key)
	case 17:
		return "SaslHandshake"
	case 22:
		return "InitProducerId"
	case 28:
		return "TxnOffsetCommit"
	case 36:
		return "SaslAuthenticate"
	case 45:
		return "AlterPartitionReassignments"
	case 46:
		return "ListPartitionReassignments"
	case 50:
		return "DescribeUserScramCredentials"
	case 51:
		return "AlterUserScramCredentials"
	case 29, 30, 31:
		return strings.Replace(kmsg.NameForKey(key), "ACLs", "Acls", 1)
	case 74:
		return "ListConfigResources"
	}
	return kmsg.NameForKey(key)
}
