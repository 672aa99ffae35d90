package controller

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/config"
	"leat/internal/metadata"
)

// tenantRoom is how many more partitions tenants may have, while one request is decided (leat.tenant.<tenant>.max.partitions). Whose a topic is, its
// name says (package tenant), whoever creates it.
type tenantRoom struct {
	values *config.Values // nil: not read yet
	left   map[string]int
}

// takeTenantRoom refuses more partitions of a topic than its tenant may have.
func (m *Machine) takeTenantRoom(topic string, more int) *refusal {
	tenant, _, ok := strings.Cut(topic, ".")
	if named := ok && config.CheckTenant(tenant) == nil; !named {
		return nil
	}
	if m.room.values == nil {
		im := m.image()
		m.room.values = m.cfg.Broker.With(im.Config(metadata.BrokerResource, ""), im.Config(metadata.BrokerResource, m.node))
		m.room.left = map[string]int{}
	}
	key := config.TenantKey(tenant, "max.partitions")
	limit := m.room.values.Int(key)
	if limit < 0 {
		return nil
	}
	left, known := m.room.left[tenant]
	if !known {
		left = limit - m.partitionsOf(tenant)
	}
	if more > left {
		m.room.left[tenant] = left
		return refuse(kerr.PolicyViolation, "Topic '%s' would take %d partitions, but tenant %s may have %d more of the %d it is allowed (%s).", topic, more, tenant, max(left, 0), limit, key)
	}
	m.room.left[tenant] = left - more
	return nil
}

func (m *Machine) partitionsOf(tenant string) int {
	sum, prefix := 0, tenant+"."
	for t := range m.image().Topics(prefix) {
		if !strings.HasPrefix(t.Name, prefix) {
			break
		}
		sum += len(t.Partitions)
	}
	return sum
}
