package server

import (
	"encoding/hex"
	"slices"

	"leat/internal/listener"
	"leat/internal/record"
	"leat/internal/telemetry/otlp"
	"leat/internal/wire"
)

const keyProduce = 0

// So much of a request is looked at for traces of its records.
const (
	mostTracedPartitions = 8
	mostTracedRecords    = 64 // of a partition
	mostTracedBytes      = 1 << 20
)

// recordTraces are the traces that the records of a request are parts of, each once.
type recordTraces []otlp.Context

// tracesOf looks for headers "traceparent" (W3C Trace Context) in the records that a request writes. What cannot be read has none: the handler will say what is
// wrong with it.
func tracesOf(rq *listener.Request) recordTraces {
	found := recordTraces{}
	p, err := wire.ParseProduce(rq.Header, rq.Body)
	if err != nil {
		return found
	}
	left := mostTracedPartitions
	for part := range p.Partitions {
		if batch, _, err := record.Split(part.Records); err == nil && !batch.Control() {
			found = found.add(batch)
		}
		if left--; left == 0 {
			break
		}
	}
	return found
}

func (t recordTraces) add(batch record.Batch) recordTraces {
	left := mostTracedRecords
	_ = batch.Records(mostTracedBytes, func(r *record.Record) bool { // as far as it can be read
		for i := range r.Headers {
			if r.Headers[i].Key != "traceparent" {
				continue
			}
			if c, ok := parseTraceParent(r.Headers[i].Value); ok && !slices.Contains(t, c) {
				t = append(t, c)
			}
		}
		left--
		return left > 0
	})
	return t
}

// place makes a request's span go on with the trace of its records. Of several, none is the one: then it is linked with each.
func (t recordTraces) place(s *otlp.Span) {
	if len(t) == 1 {
		s.Trace, s.Parent = t[0].Trace, t[0].Span
		return
	}
	s.Links = t
}

// parseTraceParent reads "00-TRACE-SPAN-FLAGS". A trace that is not recorded by who began it is none, nor are ids of zeros.
func parseTraceParent(text []byte) (c otlp.Context, ok bool) {
	const size, recorded = 55, 1
	if len(text) < size || text[2] != '-' || text[35] != '-' || text[52] != '-' || len(text) > size && (string(text[:2]) == "00" || text[size] != '-') {
		return c, false
	}
	for _, b := range text[:size] {
		if b >= 'A' && b <= 'F' {
			return c, false
		}
	}
	var version, flags [1]byte
	for _, part := range []struct{ to, from []byte }{{version[:], text[:2]}, {c.Trace[:], text[3:35]}, {c.Span[:], text[36:52]}, {flags[:], text[53:55]}} {
		if _, err := hex.Decode(part.to, part.from); err != nil {
			return c, false
		}
	}
	return c, version[0] != 0xff && flags[0]&recorded != 0 && c.Trace != [16]byte{} && c.Span != [8]byte{}
}
