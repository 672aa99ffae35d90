package main

import (
	"slices"
	"strings"

	"leat/interop/target"
)

// allowance is a line that leat says instead of Kafka's, and why. An empty one is a line that the other does not have.
type allowance struct{ call, kafka, leat, why string }

const sooner = "leat writes the start offset with what moves it, Kafka with the next write; the lag is the same"

var allowances = []allowance{
	{"--describe --group couriers", "couriers parcels 0 0 0", "couriers parcels 0 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 1 0 0", "couriers parcels 1 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 2 0 0", "couriers parcels 2 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 0 0 0 0", "couriers parcels 0 0 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 1 0 0 0", "couriers parcels 1 0 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 2 0 0 0", "couriers parcels 2 0 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 0 5 0", "couriers parcels 0 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 1 5 0", "couriers parcels 1 10 0", sooner},
	{"--describe --group couriers", "couriers parcels 2 5 0", "couriers parcels 2 10 0", sooner},
	{"share.record.lock.duration.ms=10",
		"java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.InvalidConfigurationException: Invalid value 10 for configuration share.record.lock.duration.ms: Value must be at least 1000",
		"java.util.concurrent.ExecutionException: org.apache.kafka.common.errors.InvalidConfigurationException: Invalid value 10 for configuration share.record.lock.duration.ms: too small: the least is 1000",
		"texts of refused values are leat's own"},
	{"records.list", "__consumer_offsets type 4 tombstone", "",
		"Kafka deletes what earlier versions of it wrote of the partitions of a group; leat has no earlier version"},
}

// allow makes what was wanted of leat into what it may say, and leaves out what only leat has.
func (r *run) allow(call string, want, got []string) (allowed, seen []string) {
	if r.node.Kind() != target.Leat {
		return want, got
	}
	for _, line := range want {
		for _, a := range allowances {
			if strings.Contains(call, a.call) && line == a.kafka {
				line = a.leat
			}
		}
		if line != "" {
			allowed = append(allowed, line)
		}
	}
	for _, line := range got {
		if !strings.HasPrefix(line, "leat.") { // configs
			seen = append(seen, line)
		}
	}
	slices.Sort(allowed)
	slices.Sort(seen)
	return allowed, seen
}
