package metadata

import "leat/internal/quota"

// Types of the parts of entities that have quotas.
const (
	QuotaUser     = "user"
	QuotaClientID = "client-id"
	QuotaIP       = "ip"
)

// HasQuotas reports whether anybody has a quota.
func (im *Image) HasQuotas() bool { return im.quotas.Len() > 0 }

// Quotas yields entities with their quotas, nil for the default as a name; the parts of an entity are in order of their types. Nothing may be modified.
func (im *Image) Quotas(yield func(entity []QuotaEntityPart, values map[string]float64) bool) {
	im.quotas.Scan(func(_ string, q *quotas) bool { return yield(q.entity, q.values) })
}

// Quota is the quotas of one entity, nil if it has none. Never modify it.
func (im *Image) Quota(entity []QuotaEntityPart) map[string]float64 {
	key, _ := quotaKey(entity)
	if q, ok := im.quotas.Get(key); ok {
		return q.values
	}
	return nil
}

// Limit implements quota.Limits.
func (im *Image) Limit(e quota.Entity, key string) (float64, bool) {
	if !im.HasQuotas() {
		return 0, false
	}
	parts := make([]QuotaEntityPart, 0, 2)
	for _, p := range [...]struct {
		kind string
		quota.Part
	}{{QuotaUser, e.User}, {QuotaClientID, e.ClientID}, {QuotaIP, e.IP}} {
		switch {
		case p.Part == quota.Default:
			parts = append(parts, QuotaEntityPart{EntityType: p.kind})
		case p.Set:
			parts = append(parts, QuotaEntityPart{EntityType: p.kind, EntityName: &p.Name})
		}
	}
	limit, ok := im.Quota(parts)[key]
	return limit, ok
}
