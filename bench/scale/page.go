package main

import (
	"bytes"
	"fmt"
	"strings"
)

// fill puts the tables between their marks.
func fill(page []byte, m measured) ([]byte, error) {
	for _, part := range []struct {
		name  string
		table string
	}{{"measured", m.table()}, {"checked", m.checked()}, {"model", m.model()}} {
		begin, end := []byte("<!-- "+part.name+": begin -->\n"), []byte("<!-- "+part.name+": end -->")
		before, rest, ok := bytes.Cut(page, begin)
		_, after, ok2 := bytes.Cut(rest, end)
		if !ok || !ok2 {
			return nil, fmt.Errorf("the page has no place for %s", part.name)
		}
		page = bytes.Join([][]byte{before, begin, []byte(part.table), end, after}, nil)
	}
	return page, nil
}

func (m *measured) table() string {
	var b strings.Builder
	b.WriteString("| what | figure | |\n| --- | --- | --- |\n")
	row := func(what, figure, how string) { fmt.Fprintf(&b, "| %s | %s | %s |\n", what, figure, how) }
	own, each, fetches := m.member()
	cpu, wire := m.pair()
	row("a broker without partitions: memory", fmt.Sprintf("%.0f MB", m.IdleBroker/megabyte), "measured")
	row("memory of every node for a partition of the cluster", fmt.Sprintf("%.0f B", m.Image), "measured: a broker that holds none of them")
	row("memory of a broker for a log that it holds, beside that", fmt.Sprintf("%.0f B", m.Log), "measured: the broker that holds all of them, less the other")
	row("metadata log for a new partition of one replica", fmt.Sprintf("%.0f B", m.MetaLog), "measured")
	row("snapshot of the metadata for a partition of one replica", fmt.Sprintf("%.0f B", m.Snapshot), "measured")
	row("for each further replica", fmt.Sprintf("%.0f B", replicaBytes), "computed from the record")
	row("creation of a partition until it is led", fmt.Sprintf("%.0f µs", m.Create*1e6), "measured")
	row("a broker without partitions: processor", percent(own), "measured, 20 brokers")
	row("the active controller for each broker", percent(each), "measured: 20 brokers less 3")
	row("bytes a second between a broker and its controller", fmt.Sprintf("%.0f B/s", fetches), "measured, with the headers of TCP and IP")
	row("a follower and a leader with nothing to copy: processor of both", percent(cpu), fmt.Sprintf("measured, %d such pairs", mostPairs))
	row("the same: processor for one fetch", fmt.Sprintf("%.2f ms", cpu/fetchesASecond*1000), "computed: two fetches a second")
	row("the same: bytes for one fetch, both ways", fmt.Sprintf("%.0f B", wire/fetchesASecond), "measured, with the headers of TCP and IP")
	fmt.Fprintf(&b, "\n%d partitions of one replica; %s. One run.\n", m.Partitions, m.Machine)
	return b.String()
}

// checked holds the model against measurements that it was not made from.
func (m *measured) checked() string {
	var b strings.Builder
	b.WriteString("| cluster | memory of a node, MB: model | measured | where |\n| --- | --- | --- | --- |\n")
	for _, c := range []struct {
		size
		measured, where string
	}{
		{size{1, 19_000, 1, 0}, "98; 90 after a clean restart", "[performance](performance.md), [memory](memory.md)"},
		{size{1, 100_000, 1, 0}, "457; 370 after a clean restart", "[performance](performance.md), [memory](memory.md)"},
		{size{3, 100_000, 1, 0}, "147 to 168; 133 to 293 after kills and restarts", "[replication](replication.md)"},
		{size{3, 33_000, 3, 0}, "126 to 153; 209 to 303 after kills and restarts", "[replication](replication.md)"},
		{size{3, 100_000, 3, 0}, "359 to 441; 607 to 837 after kills and restarts", "[replication](replication.md)"},
	} {
		fmt.Fprintf(&b, "| %s | %.0f | %s | %s |\n", name(c.size), m.needs(c.size).memory/megabyte, c.measured, c.where)
	}
	return b.String()
}

func (m *measured) model() string {
	var b strings.Builder
	b.WriteString("| cluster, 1,000 client connections a broker | logs a broker | memory a broker | memory of a controller by itself | snapshot | follows | processors of a broker at rest | sent by a broker at rest | active controller | create all | clean start of a broker | elections when a broker dies |\n")
	b.WriteString(strings.Repeat("| --- ", 12) + "|\n")
	for _, s := range []size{
		{3, 1000, 3, 1000}, {3, 10_000, 3, 1000}, {3, 100_000, 3, 1000}, {10, 100_000, 3, 1000}, {30, 100_000, 3, 1000}, {30, 1_000_000, 3, 1000},
		{100, 1_000_000, 3, 1000}, {300, 1_000_000, 3, 1000}, {1000, 1_000_000, 3, 1000},
	} {
		n := m.needs(s)
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %.0f | %.2f | %s/s | %.2f | %s | %s | %s |\n", name(s), grouped(int(n.logs)), amount(n.memory), amount(n.controller), amount(n.snapshot),
			n.peers, n.cpu, amount(n.wire), n.active, seconds(n.create), seconds(n.open), seconds(n.elect))
	}
	all := size{1000, 1_000_000, 3, 0}
	fmt.Fprintf(&b, "\nAll of it is computed. A client that asks for the metadata of all topics gets about %s for %s partitions.\n",
		amount(float64(all.partitions)*listedBytes), grouped(all.partitions))
	return b.String()
}

func name(s size) string {
	brokers := "brokers"
	if s.brokers == 1 {
		brokers = "broker"
	}
	replicas := "replicas"
	if s.replicas == 1 {
		replicas = "replica"
	}
	return fmt.Sprintf("%s %s, %s partitions, %d %s", grouped(s.brokers), brokers, grouped(s.partitions), s.replicas, replicas)
}

func percent(share float64) string { return fmt.Sprintf("%.2f %% of one", share*100) }

func amount(bytes float64) string {
	switch {
	case bytes >= 1e9:
		return fmt.Sprintf("%.1f GB", bytes/1e9)
	case bytes >= 1e6:
		return fmt.Sprintf("%.0f MB", bytes/1e6)
	}
	return fmt.Sprintf("%.0f KB", bytes/1e3)
}

func seconds(s float64) string {
	if s < 1 {
		return fmt.Sprintf("%.2f s", s)
	}
	return fmt.Sprintf("%.0f s", s)
}

// grouped writes a number with commas.
func grouped(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", grouped(n/1000), n%1000)
}
