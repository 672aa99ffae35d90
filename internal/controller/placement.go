package controller

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"

	"leat/internal/metadata"
	"leat/internal/record"
)

// place chooses the replicas of n new partitions. Each partition begins one rack and one broker after the one before, so that leaders
// spread over brokers and replicas over racks; brokers that are drained come after the others, and fenced ones last. Neither comes first
// while there are others. Where the first one begins is random.
func (m *Machine) place(n, factor int) ([][]int32, *refusal) {
	racks := m.racks()
	usable, active := 0, 0
	for _, r := range racks {
		usable, active = usable+len(r.active)+len(r.draining)+len(r.fenced), active+len(r.active)+len(r.draining)
	}
	if active == 0 {
		return nil, refuse(kerr.InvalidReplicationFactor, "All brokers are currently fenced, or have all their log directories cordoned.")
	}
	if factor > usable {
		return nil, refuse(kerr.InvalidReplicationFactor, "The target replication factor of %d cannot be reached because only %d broker(s) are "+
			"registered or some brokers have all their log directories cordoned.", factor, usable)
	}
	for _, r := range racks {
		m.rotate(r.active)
		m.rotate(r.draining)
		m.rotate(r.fenced)
	}
	start := m.cfg.Rand.Intn(len(racks))
	out := make([][]int32, n)
	for p := range out {
		out[p] = stripe(racks, start+p, p/len(racks), factor)
	}
	return out, nil
}

// rack is the brokers of one rack that may take replicas.
type rack struct{ active, draining, fenced []int32 }

// racks lists the racks by name with their brokers by id. Brokers without a rack share one.
func (m *Machine) racks() []*rack {
	byName := map[string]*rack{}
	draining := strings.FieldsFunc(m.image().Config(metadata.BrokerResource, "")["leat.balance.drain"], func(r rune) bool { return r == ',' || r == ' ' })
	for _, b := range m.image().Brokers() {
		if len(b.Dirs) > 0 && len(b.CordonedDirs) >= len(b.Dirs) {
			continue
		}
		r := byName[b.Rack]
		if r == nil {
			r = &rack{}
			byName[b.Rack] = r
		}
		switch {
		case !b.Active():
			r.fenced = append(r.fenced, b.ID)
		case slices.Contains(draining, strconv.Itoa(int(b.ID))):
			r.draining = append(r.draining, b.ID)
		default:
			r.active = append(r.active, b.ID)
		}
	}
	var out []*rack
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		out = append(out, byName[name])
	}
	return out
}

func (m *Machine) rotate(ids []int32) {
	if len(ids) > 1 {
		by := m.cfg.Rand.Intn(len(ids))
		copy(ids, append(slices.Clone(ids[by:]), ids[:by]...))
	}
}

// stripe picks the replicas of one partition: active brokers rack by rack from the first rack on, then those that are drained and fenced
// ones likewise.
func stripe(racks []*rack, first, turn, factor int) []int32 {
	chosen := make([]int32, 0, factor)
	for _, list := range []func(*rack) []int32{
		func(r *rack) []int32 { return r.active },
		func(r *rack) []int32 { return r.draining },
		func(r *rack) []int32 { return r.fenced },
	} {
		// Round k takes the k-th broker of each rack, counted from where this partition's turn is.
		for k := 0; len(chosen) < factor; k++ {
			more := false
			for i := range racks {
				ids := list(racks[(first+i)%len(racks)])
				if k < len(ids) && len(chosen) < factor {
					chosen = append(chosen, ids[(turn+k)%len(ids)])
					more = true
				}
			}
			if !more {
				break
			}
		}
	}
	return chosen
}

// checkAssignment refuses a replica list given by hand; factor is what the partitions before have, 0 for the first.
func (m *Machine) checkAssignment(replicas []int32, factor int) *refusal {
	if len(replicas) == 0 {
		return refuse(kerr.InvalidReplicaAssignment, "The manual partition assignment includes an empty replica list.")
	}
	sorted := slices.Sorted(slices.Values(replicas))
	for i, id := range sorted {
		b, ok := m.image().Broker(id)
		if !ok {
			return refuse(kerr.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but no such broker is registered.", id)
		}
		if len(b.Dirs) > 0 && len(b.CordonedDirs) >= len(b.Dirs) {
			return refuse(kerr.InvalidReplicaAssignment, "The manual partition assignment includes broker %d, but all its log directories are cordoned.", id)
		}
		if i > 0 && sorted[i-1] == id {
			return refuse(kerr.InvalidReplicaAssignment, "The manual partition assignment includes the broker %d more than once.", id)
		}
	}
	if factor != 0 && factor != len(replicas) {
		return refuse(kerr.InvalidReplicaAssignment, "The manual partition assignment includes a partition with %d replica(s), but this is "+
			"not consistent with previous partitions, which have %d replica(s).", len(replicas), factor)
	}
	return nil
}

// newPartition is a partition on the given replicas, led by the first that is active; nil if none is.
func (m *Machine) newPartition(replicas []int32) *metadata.Partition {
	p := &metadata.Partition{Replicas: replicas}
	for _, id := range replicas {
		p.Dirs = append(p.Dirs, m.defaultDir(id))
		if m.active(id) {
			p.ISR = append(p.ISR, id)
		}
	}
	if len(p.ISR) == 0 {
		return nil
	}
	p.Leader = p.ISR[0]
	return p
}

// defaultDir is the directory a new replica goes to: the broker's only one, or one that the broker will choose.
func (m *Machine) defaultDir(id int32) record.UUID {
	b, ok := m.image().Broker(id)
	switch {
	case !ok || len(b.Dirs) > 1:
		return metadata.DirUnassigned
	case len(b.Dirs) == 0:
		return metadata.DirMigrating
	default:
		return b.Dirs[0]
	}
}
