package telemetry

import (
	"cmp"
	"slices"
	"time"
)

// QuotaUse is what somebody with a quota has taken. Kind is 0 for produce, 1 for fetch, 2 for the time of requests, 3 for changes of partitions.
type QuotaUse struct {
	Kind           int
	User, ClientID string
	Rate           float64
	Throttled      time.Duration
}

// mostQuotaSeries bounds how many names have series: those that had to wait most.
const mostQuotaSeries = 200

var (
	quotaLabels = []string{"user", "client_id"}
	quotaKinds  = [...]struct{ rate, throttled *Metric }{
		{quotaMetric("produce_byte_rate", Gauge, "Bytes a second of produce requests of a client with a quota."),
			quotaMetric("produce_throttle_time", Counter, "Milliseconds that produce requests over the quota made clients wait.")},
		{quotaMetric("fetch_byte_rate", Gauge, "Bytes a second of answers to fetches of a client with a quota."),
			quotaMetric("fetch_throttle_time", Counter, "Milliseconds that fetches over the quota made clients wait.")},
		{quotaMetric("request_request_time", Gauge, "Percent of a processor that requests of a client with a quota took."),
			quotaMetric("request_throttle_time", Counter, "Milliseconds that clients waited whose requests took more time than the quota.")},
		{quotaMetric("controllermutation_mutation_rate", Gauge, "Partitions a second that a client with a quota made and deleted, on the active controller."),
			quotaMetric("controllermutation_throttle_time", Counter, "Milliseconds that clients were told to wait because they made and deleted too many partitions.")},
	}
	quotaWithout = &Metric{"leat_broker_quota_entities_without_series", Gauge, nil, "Clients with a quota that have no series of their own, because others had to wait longer."}
)

func quotaMetric(name string, kind Kind, help string) *Metric {
	return &Metric{"kafka_server_" + name, kind, quotaLabels, help}
}

// quotaRows lists the rows of this file in the order of /metrics.
func quotaRows() []Metric {
	var all []Metric
	for _, k := range quotaKinds {
		all = append(all, *k.rate, *k.throttled)
	}
	return append(all, *quotaWithout)
}

// writeQuotas writes what clients with quotas have taken.
func (s *Source) writeQuotas(w *writer) {
	if s.Quotas == nil {
		return
	}
	var uses [len(quotaKinds)][]QuotaUse
	s.Quotas(func(u QuotaUse) {
		if u.Kind < len(uses) {
			uses[u.Kind] = append(uses[u.Kind], u)
		}
	})
	without := 0
	for i, k := range quotaKinds {
		slices.SortFunc(uses[i], func(a, b QuotaUse) int {
			return cmp.Or(cmp.Compare(b.Throttled, a.Throttled), cmp.Compare(a.User, b.User), cmp.Compare(a.ClientID, b.ClientID))
		})
		without += max(0, len(uses[i])-mostQuotaSeries)
		uses[i] = uses[i][:min(len(uses[i]), mostQuotaSeries)]
		w.family(k.rate)
		for _, u := range uses[i] {
			w.float(k.rate.Name, u.Rate, "user", u.User, "client_id", u.ClientID)
		}
		w.family(k.throttled)
		for _, u := range uses[i] {
			w.value(k.throttled.Name, u.Throttled.Milliseconds(), "user", u.User, "client_id", u.ClientID)
		}
	}
	w.family(quotaWithout)
	w.value(quotaWithout.Name, int64(without))
}
