package main

import (
	"math"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// quotaOf is a change of an entity's quotas: pairs of type and name, nil for the default.
func quotaOf(entity []kmsg.AlterClientQuotasRequestEntryEntity, ops ...kmsg.AlterClientQuotasRequestEntryOp) kmsg.AlterClientQuotasRequestEntry {
	return kmsg.AlterClientQuotasRequestEntry{Entity: entity, Ops: ops}
}

func entityOf(pairs ...any) []kmsg.AlterClientQuotasRequestEntryEntity {
	var parts []kmsg.AlterClientQuotasRequestEntryEntity
	for i := 0; i < len(pairs); i += 2 {
		p := kmsg.AlterClientQuotasRequestEntryEntity{Type: pairs[i].(string)}
		if name, ok := pairs[i+1].(string); ok {
			p.Name = &name
		}
		parts = append(parts, p)
	}
	return parts
}

func quotaSet(key string, value float64) kmsg.AlterClientQuotasRequestEntryOp {
	return kmsg.AlterClientQuotasRequestEntryOp{Key: key, Value: value}
}

func quotaRemoved(key string) kmsg.AlterClientQuotasRequestEntryOp {
	return kmsg.AlterClientQuotasRequestEntryOp{Key: key, Remove: true}
}

func filterOf(kind string, how kmsg.QuotasMatchType, name ...string) kmsg.DescribeClientQuotasRequestComponent {
	c := kmsg.DescribeClientQuotasRequestComponent{EntityType: kind, MatchType: how}
	if len(name) > 0 {
		c.Match = &name[0]
	}
	return c
}

// clientQuotas sets, describes and removes quotas of every kind of entity.
func clientQuotas(s *side) {
	own := &side{kind: s.kind, addr: s.controllerAddress(), ranges: s.ranges, names: s.names}
	defer own.hangUp()
	s.versions(kmsg.AlterClientQuotas, func(v int16) {
		s.quotaChanges(v)
		s.quotasRefused(v)
		s.quotasDescribed(min(v, s.last(kmsg.DescribeClientQuotas)))
		own.alterQuotas("at a controller", v, quotaOf(entityOf("user", "at-controller"), quotaSet("producer_byte_rate", 5)))
		s.quotaSettles("user", "at-controller")
		s.quotasRemoved(v)
	})
	s.entries = append(s.entries, own.entries...)
	s.mutationRate()
}

func (s *side) alterQuotas(step string, v int16, entries ...kmsg.AlterClientQuotasRequestEntry) {
	s.do(step, v, &kmsg.AlterClientQuotasRequest{Entries: entries})
}

// quotaSettles waits until the broker knows that an entity has quotas.
func (s *side) quotaSettles(kind, name string) {
	s.eventually("quotas of "+name, func() bool {
		req := &kmsg.DescribeClientQuotasRequest{Strict: true, Components: []kmsg.DescribeClientQuotasRequestComponent{filterOf(kind, 0, name)}}
		return len(s.quiet(1, req).(*kmsg.DescribeClientQuotasResponse).Entries) == 1
	})
}

func (s *side) quotaChanges(v int16) {
	s.alterQuotas("nothing", v)
	s.alterQuotas("no change", v, quotaOf(entityOf("user", "nobody")))
	s.alterQuotas("a user", v, quotaOf(entityOf("user", "ann"), quotaSet("producer_byte_rate", 1000), quotaSet("request_percentage", 12.5)))
	s.alterQuotas("the default user", v, quotaOf(entityOf("user", nil), quotaSet("consumer_byte_rate", 2000)))
	s.alterQuotas("clients", v, quotaOf(entityOf("client-id", "app"), quotaSet("controller_mutation_rate", 0.5)), quotaOf(entityOf("client-id", nil), quotaSet("producer_byte_rate", 1e9)))
	s.alterQuotas("both", v, quotaOf(entityOf("client-id", "app", "user", "ann"), quotaSet("producer_byte_rate", 1)), quotaOf(entityOf("user", nil, "client-id", nil), quotaSet("producer_byte_rate", 2)))
	s.alterQuotas("addresses", v, quotaOf(entityOf("ip", "10.1.2.3"), quotaSet("connection_creation_rate", 10)), quotaOf(entityOf("ip", nil), quotaSet("connection_creation_rate", 1000)))
	s.alterQuotas("one address of the long kind", v, quotaOf(entityOf("ip", "2001:db8::1"), quotaSet("connection_creation_rate", 10)))
	s.alterQuotas("strange names", v, quotaOf(entityOf("user", "a b/%<default>"), quotaSet("producer_byte_rate", 7)))
	s.alterQuotas("named <default>", v, quotaOf(entityOf("user", "<default>"), quotaSet("producer_byte_rate", 7)))
	s.alterQuotas("set and removed", v, quotaOf(entityOf("user", "ann"), quotaSet("consumer_byte_rate", 3), quotaRemoved("request_percentage"), quotaRemoved("controller_mutation_rate")))
	s.alterQuotas("a type twice", v, quotaOf(entityOf("user", "first", "user", "second"), quotaSet("producer_byte_rate", 7)))
	s.alterQuotas("the largest", v, quotaOf(entityOf("user", "large"), quotaSet("producer_byte_rate", math.MaxInt64), quotaSet("request_percentage", 1e300)))
	s.do("only looked at", v, &kmsg.AlterClientQuotasRequest{ValidateOnly: true, Entries: []kmsg.AlterClientQuotasRequestEntry{
		quotaOf(entityOf("user", "looked"), quotaSet("producer_byte_rate", 1)), quotaOf(entityOf("user", "wrong"), quotaSet("producer_byte_rate", -1))}})
	s.quotaSettles("user", "large")
}

func (s *side) quotasRefused(v int16) {
	for _, c := range []struct {
		step   string
		entity []kmsg.AlterClientQuotasRequestEntryEntity
		ops    []kmsg.AlterClientQuotasRequestEntryOp
	}{
		{"no entity", nil, []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1)}},
		{"an unknown type", entityOf("group", "g"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1)}},
		{"an unknown type besides", entityOf("group", "g", "user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1)}},
		{"no name", entityOf("user", ""), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1)}},
		{"no address", entityOf("ip", ""), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("connection_creation_rate", 1)}},
		{"a bad address", entityOf("ip", "1.2.3.4.5"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("connection_creation_rate", 1)}},
		{"address and user", entityOf("ip", "1.2.3.4", "user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("connection_creation_rate", 1)}},
		{"address with a user's", entityOf("ip", "1.2.3.4"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1)}},
		{"user with an address's", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("connection_creation_rate", 1)}},
		{"an unknown key", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("bytes", 1)}},
		{"an unknown key removed", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaRemoved("bytes")}},
		{"a credential", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("SCRAM-SHA-256", 1)}},
		{"zero", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 0)}},
		{"below zero", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("request_percentage", -1)}},
		{"no number", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("request_percentage", math.NaN())}},
		{"no end", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", math.Inf(1))}},
		{"a fraction", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1.5)}},
		{"nearly no fraction", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1.0000005)}},
		{"too large", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1e19)}},
		{"too many connections", entityOf("ip", "1.2.3.4"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("connection_creation_rate", 3e9)}},
		{"a key twice", entityOf("user", "ann"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1), quotaSet("producer_byte_rate", 2)}},
		{"good and bad", entityOf("user", "half"), []kmsg.AlterClientQuotasRequestEntryOp{quotaSet("producer_byte_rate", 1), quotaSet("bytes", 2)}},
	} {
		s.alterQuotas(c.step, v, quotaOf(c.entity, c.ops...))
	}
	s.alterQuotas("an entity twice", v, quotaOf(entityOf("user", "twin"), quotaRemoved("producer_byte_rate")), quotaOf(entityOf("user", "twin"), quotaRemoved("producer_byte_rate")))
}

func (s *side) quotasDescribed(v int16) {
	const exact, byDefault, specified = 0, 1, 2
	for _, c := range []struct {
		step   string
		strict bool
		filter []kmsg.DescribeClientQuotasRequestComponent
	}{
		{"all", false, nil},
		{"nothing, strictly", true, nil},
		{"a user", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "ann")}},
		{"a user, strictly", true, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "ann")}},
		{"default user", true, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", byDefault)}},
		{"all users", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", specified)}},
		{"all users, strictly", true, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", specified)}},
		{"clients of a user", true, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "ann"), filterOf("client-id", specified)}},
		{"defaults", true, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", byDefault), filterOf("client-id", byDefault)}},
		{"addresses", true, []kmsg.DescribeClientQuotasRequestComponent{filterOf("ip", specified)}},
		{"an address", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("ip", exact, "10.1.2.3")}},
		{"default address", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("ip", byDefault)}},
		{"nobody", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "nobody")}},
		{"nobody without a name", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "")}},
		{"half", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "half")}},
		{"no type", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("", exact, "ann")}},
		{"unknown type", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("group", exact, "ann")}},
		{"type twice", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact, "ann"), filterOf("user", specified)}},
		{"exact without name", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", exact)}},
		{"default with name", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", byDefault, "ann")}},
		{"specified with name", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", specified, "ann")}},
		{"unknown match", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", 3)}},
		{"address and user", false, []kmsg.DescribeClientQuotasRequestComponent{filterOf("user", specified), filterOf("ip", specified)}},
	} {
		s.do("described: "+c.step, v, &kmsg.DescribeClientQuotasRequest{Components: c.filter, Strict: c.strict})
	}
}

// quotasRemoved takes all of it back, so that nothing later is throttled.
func (s *side) quotasRemoved(v int16) {
	all := s.quiet(1, &kmsg.DescribeClientQuotasRequest{}).(*kmsg.DescribeClientQuotasResponse)
	for _, e := range all.Entries {
		entry := kmsg.AlterClientQuotasRequestEntry{}
		for _, p := range e.Entity {
			entry.Entity = append(entry.Entity, kmsg.AlterClientQuotasRequestEntryEntity{Type: p.Type, Name: p.Name})
		}
		for _, value := range e.Values {
			entry.Ops = append(entry.Ops, quotaRemoved(value.Key))
		}
		s.quiet(v, &kmsg.AlterClientQuotasRequest{Entries: []kmsg.AlterClientQuotasRequestEntry{entry}})
	}
	s.eventually("no quotas", func() bool {
		return len(s.quiet(1, &kmsg.DescribeClientQuotasRequest{}).(*kmsg.DescribeClientQuotasResponse).Entries) == 0
	})
	s.do("described: all gone", min(v, s.last(kmsg.DescribeClientQuotas)), &kmsg.DescribeClientQuotasRequest{})
}

// mutationRate makes more partitions than one may: clients that know the error are refused, older ones wait. Each request has a connection of its own,
// because those that are answered are muted for long.
func (s *side) mutationRate() {
	defer func() {
		s.hangUp()
		s.quotasRemoved(1)
	}()
	s.quiet(1, &kmsg.AlterClientQuotasRequest{Entries: []kmsg.AlterClientQuotasRequestEntry{
		quotaOf(entityOf("client-id", "differential"), quotaSet("controller_mutation_rate", 0.0001))}})
	s.quotaSettles("client-id", "differential")
	// Kafka's broker shows a quota a moment before it counts; when it shows a later one, it does.
	s.quiet(1, &kmsg.AlterClientQuotasRequest{Entries: []kmsg.AlterClientQuotasRequestEntry{quotaOf(entityOf("user", "later"), quotaSet("producer_byte_rate", 1e9))}})
	s.quotaSettles("user", "later")
	create := func(step string, v int16, looked bool, names ...string) {
		req := kmsg.NewPtrCreateTopicsRequest()
		req.TimeoutMillis, req.ValidateOnly = 10000, looked
		for _, name := range names {
			req.Topics = append(req.Topics, newTopic(name, 3, 1))
		}
		s.hangUp()
		s.do(step, v, req)
	}
	create("within the quota", 7, false, "quota-first")
	create("over the quota", 7, false, "quota-second", "quota-third")
	create("over the quota, looked at", 7, true, "quota-fourth")
	create("over the quota, and wrong", 7, false, "quota-first", "no/name")
	create("over the quota, version 5", 5, false, "quota-fifth")
	grow := kmsg.NewPtrCreatePartitionsRequest()
	grow.TimeoutMillis = 10000
	grow.Topics = []kmsg.CreatePartitionsRequestTopic{{Topic: "quota-first", Count: 5}}
	s.hangUp()
	s.do("grown over the quota", 3, grow)
	grow.ValidateOnly = true
	s.hangUp()
	s.do("grown over the quota, looked at", 3, grow)
	grow.ValidateOnly = false
	s.hangUp()
	s.do("grown over the quota, version 2", 2, grow)
	drop := kmsg.NewPtrDeleteTopicsRequest()
	drop.TimeoutMillis = 10000
	drop.TopicNames = []string{"quota-first"}
	drop.Topics = []kmsg.DeleteTopicsRequestTopic{{Topic: ptr("quota-first")}, {Topic: ptr("quota-nothing")}}
	s.hangUp()
	s.do("deleted over the quota", 6, drop)
	drop.TopicNames = []string{"quota-first", "quota-fifth"}
	s.hangUp()
	s.do("deleted over the quota, version 4", 4, drop)
	s.hangUp()
	s.awaitGone("quota-first")
	s.awaitGone("quota-fifth")
}
