package controller

import (
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/metadata"
	"leat/internal/quota"
)

// quotaEntity is one that a request names.
type quotaEntity struct {
	parts []metadata.QuotaEntityPart // of each type the last that was named, in order of the types
	times int                        // in the request
	twice bool                       // a key is named more than once
}

// alterQuotas sets and removes quotas. An entity that is named twice is refused, and nothing of it changed.
func (m *Machine) alterQuotas(r *kmsg.AlterClientQuotasRequest) answer {
	resp := r.ResponseKind().(*kmsg.AlterClientQuotasResponse)
	entities, times := make([]quotaEntity, len(r.Entries)), map[string]int{}
	for i := range r.Entries {
		entities[i].parts = entityParts(r.Entries[i].Entity)
		times[entityText(entities[i].parts)]++
	}
	var records []Record
	for i := range r.Entries {
		e := &entities[i]
		text := entityText(e.parts)
		e.times = times[text]
		times[text] = 0 // answered once
		if e.times == 0 {
			continue
		}
		changes, problem := m.alterQuota(e, r.Entries[i].Ops)
		records = append(records, changes...)
		result := kmsg.NewAlterClientQuotasResponseEntry()
		result.ErrorCode, result.ErrorMessage = problem.Code(), problem.Message()
		for _, p := range e.parts {
			result.Entity = append(result.Entity, kmsg.AlterClientQuotasResponseEntryEntity{Type: p.EntityType, Name: p.EntityName})
		}
		resp.Entries = append(resp.Entries, result)
	}
	if r.ValidateOnly {
		records = nil
	}
	return answer{response: resp, records: records}
}

func entityParts(named []kmsg.AlterClientQuotasRequestEntryEntity) []metadata.QuotaEntityPart {
	var parts []metadata.QuotaEntityPart
	for _, n := range named {
		parts = slices.DeleteFunc(parts, func(p metadata.QuotaEntityPart) bool { return p.EntityType == n.Type })
		parts = append(parts, metadata.QuotaEntityPart{EntityType: n.Type, EntityName: n.Name})
	}
	slices.SortFunc(parts, func(a, b metadata.QuotaEntityPart) int { return strings.Compare(a.EntityType, b.EntityType) })
	return parts
}

// entityText is Kafka's.
func entityText(parts []metadata.QuotaEntityPart) string {
	var entries []string
	for _, p := range parts {
		name := "null"
		if p.EntityName != nil {
			name = *p.EntityName
		}
		entries = append(entries, p.EntityType+"="+name)
	}
	return "ClientQuotaEntity(entries={" + strings.Join(entries, ", ") + "})"
}

func (m *Machine) alterQuota(e *quotaEntity, ops []kmsg.AlterClientQuotasRequestEntryOp) ([]Record, *refusal) {
	seen := map[string]bool{}
	for _, op := range ops {
		e.twice = e.twice || seen[op.Key]
		seen[op.Key] = true
	}
	if e.times > 1 || e.twice {
		return nil, refuse(kerr.InvalidRequest, "Ignoring duplicate entity %s", entityText(e.parts))
	}
	keys, problem := quotaKeys(e.parts)
	if problem != nil {
		return nil, problem
	}
	had := m.image().Quota(e.parts)
	var records []Record
	for _, op := range ops {
		value, there := had[op.Key]
		record := &metadata.ClientQuotaRecord{Entity: e.parts, QuotaKey: op.Key}
		switch {
		case op.Remove && there:
			record.Remove = true
			records = append(records, record)
		case op.Remove:
		default:
			if problem := checkQuota(keys, op.Key, op.Value); problem != nil {
				return nil, problem
			}
			if !there || value != op.Value {
				record.Value = op.Value
				records = append(records, record)
			}
		}
	}
	return records, nil
}

// clientQuotaKeys are what users and clients may have, and ipQuotaKeys what addresses may; the number is the largest value, and zero means any.
var (
	clientQuotaKeys = map[string]float64{
		quota.Keys[quota.Produce]: math.MaxInt64, quota.Keys[quota.Fetch]: math.MaxInt64, quota.Keys[quota.Request]: 0, quota.Keys[quota.Mutation]: 0,
	}
	ipQuotaKeys = map[string]float64{quota.Keys[quota.Connection]: math.MaxInt32}
)

// quotaKeys are those that an entity may have.
func quotaKeys(parts []metadata.QuotaEntityPart) (map[string]float64, *refusal) {
	var client, ip *metadata.QuotaEntityPart
	for i := range parts {
		p := &parts[i]
		switch p.EntityType {
		case metadata.QuotaUser, metadata.QuotaClientID:
			client = p
		case metadata.QuotaIP:
			ip = p
		default:
			return nil, refuse(kerr.InvalidRequest, "Unhandled client quota entity type: %s", p.EntityType)
		}
		if p.EntityName != nil && *p.EntityName == "" {
			return nil, refuse(kerr.InvalidRequest, "Empty %s not supported", p.EntityType)
		}
	}
	switch {
	case client != nil && ip != nil:
		return nil, refuse(kerr.InvalidRequest, "Invalid quota entity combination, IP entity shouldnot be combined with User or ClientId") //nolint:misspell // Kafka's words
	case client != nil:
		return clientQuotaKeys, nil
	case ip == nil:
		return nil, refuse(kerr.InvalidRequest, "Invalid empty client quota entity")
	case ip.EntityName != nil:
		if _, err := netip.ParseAddr(*ip.EntityName); err != nil { // no look into the domain name system: names mean something else tomorrow
			return nil, refuse(kerr.InvalidRequest, "%s is not a valid IP or resolvable host.", *ip.EntityName)
		}
	}
	return ipQuotaKeys, nil
}

func checkQuota(keys map[string]float64, key string, value float64) *refusal {
	largest, known := keys[key]
	switch {
	case !known:
		return refuse(kerr.InvalidRequest, "Invalid configuration key %s", key)
	case math.IsNaN(value) || math.IsInf(value, 0):
		return refuse(kerr.InvalidRequest, "Quota %s must be a finite number", key)
	case value <= 0:
		return refuse(kerr.InvalidRequest, "Quota %s must be greater than 0", key)
	case largest == 0:
		return nil
	case value > largest:
		kind := "a LONG"
		if largest == math.MaxInt32 {
			kind = "an INT"
		}
		return refuse(kerr.InvalidRequest, "Proposed value for %s is too large for %s.", key, kind)
	case math.Mod(value, 1) > fraction:
		return refuse(kerr.InvalidRequest, "%s cannot be a fractional value.", key)
	}
	return nil
}

// fraction is how much a whole number may be off.
const fraction = 1e-6
