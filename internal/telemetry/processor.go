package telemetry

import (
	"runtime"
	"time"
)

// started is when the process began, as far as metrics of idleness are concerned.
var started = time.Now()

// How busy the node is, in Kafka's terms. There are no threads of which one kind reads and writes and another handles: every connection has a
// goroutine that does all, and they share the processors. So a "network processor" is idle while no goroutine of the process runs, and a "request
// handler" while no handler does.
var (
	networkIdle = &Metric{"kafka_network_socketserver_networkprocessoravgidle_percent", Gauge, nil,
		"Part (0 to 1) of the processors' time since the last scrape that this process did not use: reading, writing and all else share them."}
	handlerIdle = &Metric{"kafka_server_kafkarequesthandlerpool_requesthandleravgidle_percent", Gauge, nil,
		"Part (0 to 1) of the processors' time since the last scrape in which no request was being handled."}
	handlerIdleCount = &Metric{"kafka_server_kafkarequesthandlerpool_requesthandleravgidlepercent_count_total", Counter, nil,
		"Nanoseconds since the start in which no request was being handled, as an average over the processors."}
	diskRead    = &Metric{"kafka_server_kafkaserver_linux_disk_read_bytes", Counter, nil, "Bytes that this process had read from disks (Linux)."}
	diskWritten = &Metric{"kafka_server_kafkaserver_linux_disk_write_bytes", Counter, nil, "Bytes that this process had written to disks (Linux)."}
)

func processorRows() []Metric {
	return []Metric{*networkIdle, *handlerIdle, *handlerIdleCount, *diskRead, *diskWritten}
}

func (s *Source) writeProcessor(w *writer, now time.Time) {
	processors := float64(runtime.GOMAXPROCS(0))
	part := func(busyRate float64) float64 { return min(1, max(0, 1-busyRate/processors)) }
	handling := s.Broker.handling()
	if used, ok := processorTime(); ok {
		w.family(networkIdle)
		w.float(networkIdle.Name, part(s.paces.of("processor", now, used.Seconds())))
	}
	w.family(handlerIdle)
	w.float(handlerIdle.Name, part(s.paces.of("handlers", now, handling.Seconds())))
	w.family(handlerIdleCount)
	w.value(handlerIdleCount.Name, max(0, int64(now.Sub(started))-int64(float64(handling)/processors)))
	if read, written, ok := diskBytes(); ok {
		w.family(diskRead)
		w.value(diskRead.Name, read)
		w.family(diskWritten)
		w.value(diskWritten.Name, written)
	}
}

// handling is how long handlers have run so far.
func (b *Broker) handling() time.Duration {
	var micros int64
	for key := range b.apis {
		if c := b.apis[key].Load(); c != nil {
			micros += c.local.sum.Load()
		}
	}
	return time.Duration(micros) * time.Microsecond
}
