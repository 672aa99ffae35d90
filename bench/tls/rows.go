package main

import (
	"fmt"

	"leat/bench/table"
)

// rows are the figures in the order of the table.
func rows() []table.Row {
	var all []table.Row
	for _, size := range sizes {
		id := fmt.Sprintf("produce/tls/%s/", size.name)
		all = append(all, table.Row{ID: id + "cpu", Label: "produce, batches of " + size.name + ": CPU s per GB", Ratio: 0.5},
			table.Row{ID: id + "rate", Label: "produce, batches of " + size.name + ": MB/s"})
	}
	for _, n := range []int{1, 4} {
		label := fmt.Sprintf("consume, %d consumers: ", n)
		if n == 1 {
			label = "consume, 1 consumer: "
		}
		id := fmt.Sprintf("consume/tls/%d/", n)
		all = append(all, table.Row{ID: id + "cpu", Label: label + "CPU s per GB", Ratio: 0.5}, table.Row{ID: id + "rate", Label: label + "MB/s"})
	}
	return append(all,
		table.Row{ID: "produce/plain/64 KB/cpu", Label: "without TLS: produce, batches of 64 KB: CPU s per GB"},
		table.Row{ID: "produce/plain/64 KB/rate", Label: "without TLS: produce, batches of 64 KB: MB/s"},
		table.Row{ID: "consume/plain/4/cpu", Label: "without TLS: consume, 4 consumers: CPU s per GB"},
		table.Row{ID: "consume/plain/4/rate", Label: "without TLS: consume, 4 consumers: MB/s"},
		table.Row{ID: "handshakes/whole/rate", Label: "new sessions: connections/s"},
		table.Row{ID: "handshakes/whole/cpu", Label: "new sessions: CPU of the broker, µs per connection", Ratio: 0.5},
		table.Row{ID: "handshakes/resumed/rate", Label: "resumed sessions: connections/s"},
		table.Row{ID: "handshakes/resumed/cpu", Label: "resumed sessions: CPU of the broker, µs per connection", Ratio: 0.5},
		table.Row{ID: "handshakes/resumed/share", Label: "resumed sessions: % of the connections that were"},
		table.Row{ID: "idle/resident", Label: "2,000 idle connections: resident memory more than without, KB each"},
		table.Row{ID: "idle/live", Label: "2,000 idle connections: live objects in the heap more than without, KB each"},
		table.Row{ID: "idle/total", Label: "2,000 idle connections: memory of the broker, MB"})
}
