package shell

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/record"
	"leat/internal/security"
)

// list writes things as Java writes an array.
func list[T any](all []T, text func(T) string) string {
	parts := make([]string, len(all))
	for i, one := range all {
		parts[i] = text(one)
	}
	return "[" + strings.Join(parts, ", ") + "]"
}

func ints(all []int32) string {
	return list(all, func(n int32) string { return strconv.Itoa(int(n)) })
}

func ids(all []record.UUID) string { return list(all, record.UUID.String) }

func partition(p *metadata.Partition) string {
	state := "RECOVERED"
	if p.LeaderRecovering {
		state = "RECOVERING"
	}
	return fmt.Sprintf("PartitionRegistration(replicas=%s, directories=%s, isr=%s, removingReplicas=%s, addingReplicas=%s, elr=%s, lastKnownElr=%s, leader=%d, "+
		"leaderRecoveryState=%s, leaderEpoch=%d, partitionEpoch=%d)",
		ints(p.Replicas), ids(p.Dirs), ints(p.ISR), ints(p.Removing), ints(p.Adding), ints(p.ELR), ints(p.LastKnownELR), p.Leader, state, p.LeaderEpoch, p.PartitionEpoch)
}

// protocols are the names of how listeners are secured, by their numbers.
var protocols = map[security.Protocol]string{security.Plaintext: "PLAINTEXT", security.SSL: "SSL", security.SASLPlaintext: "SASL_PLAINTEXT", security.SASLSSL: "SASL_SSL"}

// listener is an endpoint, which has its name first.
func listener(name string, protocol security.Protocol, host string, port uint16) string {
	return fmt.Sprintf("Endpoint(listenerName='%s', securityProtocol=%s, host='%s', port=%d)", name, protocols[protocol], host, port)
}

// supported are ranges of levels, by the name of the feature.
func supported(ranges map[string]metadata.FeatureRange) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(ranges)) {
		r := ranges[name]
		levels := strconv.Itoa(int(r.Min))
		if r.Max != r.Min {
			levels += "-" + strconv.Itoa(int(r.Max))
		}
		parts = append(parts, name+": "+levels)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

func broker(b *metadata.Broker) string {
	var listeners []string
	for _, e := range b.Endpoints {
		listeners = append(listeners, listener(e.Name, e.Protocol, e.Host, e.Port))
	}
	slices.Sort(listeners)
	rack := "Optional.empty"
	if b.Rack != "" {
		rack = "Optional[" + b.Rack + "]"
	}
	cordoned := "null" // a broker of before that was known
	if b.CordonedDirs != nil {
		cordoned = ids(b.CordonedDirs)
	}
	return fmt.Sprintf("BrokerRegistration(id=%d, epoch=%d, incarnationId=%s, listeners=[%s], supportedFeatures=%s, rack=%s, fenced=%t, inControlledShutdown=%t, "+
		"isMigratingZkBroker=false, directories=%s, cordonedDirectories=%s)",
		b.ID, b.Epoch, b.Incarnation, strings.Join(listeners, ", "), supported(b.Features), rack, b.Fenced, b.InControlledShutdown, ids(b.Dirs), cordoned)
}

func controller(c *metadata.RegisterControllerRecord) string {
	var listeners []string
	for _, e := range c.EndPoints {
		listeners = append(listeners, listener(e.Name, security.Protocol(e.SecurityProtocol), e.Host, e.Port))
	}
	slices.Sort(listeners)
	ranges := make(map[string]metadata.FeatureRange)
	for _, f := range c.Features {
		ranges[f.Name] = metadata.FeatureRange{Min: f.MinSupportedVersion, Max: f.MaxSupportedVersion}
	}
	return fmt.Sprintf("ControllerRegistration(id=%d, incarnationId=%s, zkMigrationReady=%t, listeners=[%s], supportedFeatures=%s)",
		c.ControllerID, c.IncarnationID, c.ZkMigrationReady, strings.Join(listeners, ", "), supported(ranges))
}

func credential(r *metadata.UserScramCredentialRecord) string {
	return fmt.Sprintf("ScramCredentialData(salt=%x, storedKey=%x, serverKey=%x, iterations=%d)", r.Salt, r.StoredKey, r.ServerKey, r.Iterations)
}

// token is one with the brackets that Kafka's shell opens and does not close.
func token(r *metadata.DelegationTokenRecord) string {
	return fmt.Sprintf("DelegationTokenDatatokenId=%s(owner=%s(tokenRequester=%s(renewers=%s, issueTimestamp=%d, maxTimestamp=%d), expiryTimestamp=%d",
		r.TokenID, r.Owner, r.Requester, strings.Join(r.Renewers, " "), r.IssueTimestamp, r.MaxTimestamp, r.ExpirationTimestamp)
}

func rule(r *metadata.AccessControlEntryRecord) string {
	return fmt.Sprintf("StandardAcl[resourceType=%s, resourceName=%s, patternType=%s, principal=%s, host=%s, operation=%s, permissionType=%s]",
		kmsg.ACLResourceType(r.ResourceType), r.ResourceName, kmsg.ACLResourcePatternType(r.PatternType), r.Principal, r.Host,
		kmsg.ACLOperation(r.Operation), kmsg.ACLPermissionType(r.PermissionType))
}
