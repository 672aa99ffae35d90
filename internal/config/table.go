package config

import (
	"fmt"
	"slices"
	"strings"
)

// table is one scope's rows.
type table struct {
	byName map[string]*Key
	sorted []*Key
}

var tables = [...]*table{
	Broker: newTable(
		brokerNodeKeys, brokerNetworkKeys, brokerTopicKeys, brokerLogKeys, brokerLogCleanerKeys, brokerReplicationKeys, brokerGroupKeys,
		brokerGroupConsumerKeys, brokerGroupShareKeys, brokerGroupStreamsKeys, brokerTransactionKeys, brokerRemoteKeys, brokerSASLKeys,
		brokerOAuthKeys, brokerSSLKeys, brokerSecurityKeys, brokerObserveKeys, brokerThrottleKeys, leatKeys, leatDelayKeys, leatSecurityKeys, leatAuditKeys, balanceKeys, leatTenantKeys, leatObserveKeys,
	),
	Topic:         newTable(topicKeys, leatDelayTopicKeys),
	Group:         newTable(groupKeys, leatShareKeys),
	ClientMetrics: newTable(clientMetricsKeys),
}

// newTable indexes rows and parses their defaults. A default that breaks its own rule is a bug in the table.
func newTable(parts ...[]Key) *table {
	t := &table{byName: map[string]*Key{}}
	for _, rows := range parts {
		for i := range rows {
			k := &rows[i]
			if !k.NoDefault {
				value, err := k.parse(k.Default)
				if err != nil {
					panic(fmt.Sprintf("bug: default of %v", err))
				}
				k.value = value
			}
			t.byName[k.Name] = k
			t.sorted = append(t.sorted, k)
		}
	}
	slices.SortFunc(t.sorted, func(a, b *Key) int { return strings.Compare(a.Name, b.Name) })
	return t
}

// Lookup finds a row; listener.name.X. prefixes and Kafka's old names are not resolved here.
func Lookup(s Scope, name string) (*Key, bool) {
	k, ok := tables[s].byName[name]
	if !ok && s == Broker {
		return lookupTenant(name)
	}
	return k, ok
}

// Keys lists a scope's rows by name. The slice is shared: do not change it.
func Keys(s Scope) []*Key { return tables[s].sorted }

// Check parses and validates one value; the error names key, value and what would be right.
func Check(s Scope, name, value string) error {
	k, ok := Lookup(s, name)
	if !ok {
		return unknownKey(s, name)
	}
	_, err := k.parse(value)
	return err
}

// unknownKey says that a name is not in the table, and which one is meant if one is near.
func unknownKey(s Scope, name string) error {
	if near := Nearest(s, name); near != "" {
		return fmt.Errorf("%s: no such key: did you mean %s", name, near)
	}
	return fmt.Errorf("%s: no such key", name)
}
