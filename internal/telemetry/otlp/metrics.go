package otlp

import (
	"encoding/binary"
	"math"
	"strconv"
)

// Point is one number of a metric.
type Point struct {
	Metric     string
	Attributes []Attribute // with Text always
	Value      float64
	Counter    bool   // it only rises
	Delta      bool   // Value is what was added since the point before
	At         uint64 // nanoseconds since 1970; 0: it is not told
}

// Points calls fn for every point of gauges and sums in MetricsData. Histograms, which no client of Kafka sends, are passed over. The strings are copies.
func Points(data []byte, fn func(Point)) error {
	return each(data, func(resource field) error { // ResourceMetrics
		if resource.tag != 1 || resource.kind != bytes {
			return nil
		}
		return each(resource.data, func(scope field) error { // ScopeMetrics
			if scope.tag != 2 || scope.kind != bytes {
				return nil
			}
			return each(scope.data, func(metric field) error {
				if metric.tag != 2 || metric.kind != bytes {
					return nil
				}
				return readMetric(metric.data, fn)
			})
		})
	})
}

// readMetric reads a Metric: its name comes first, as everybody writes it, but need not.
func readMetric(data []byte, fn func(Point)) error {
	var name string
	var gauge, sum []byte
	err := each(data, func(f field) error {
		switch {
		case f.tag == 1 && f.kind == bytes:
			name = string(f.data)
		case f.tag == 5 && f.kind == bytes:
			gauge = f.data
		case f.tag == 7 && f.kind == bytes:
			sum = f.data
		}
		return nil
	})
	if err != nil {
		return err
	}
	if gauge != nil {
		return readPoints(gauge, Point{Metric: name}, fn)
	}
	counter, temporality, monotonic := Point{Metric: name}, uint64(0), uint64(0)
	if err := each(sum, func(f field) error {
		switch {
		case f.tag == 2 && f.kind == varint:
			temporality = f.number
		case f.tag == 3 && f.kind == varint:
			monotonic = f.number
		}
		return nil
	}); err != nil {
		return err
	}
	const delta = 1
	counter.Counter, counter.Delta = monotonic != 0, temporality == delta
	return readPoints(sum, counter, fn)
}

// readPoints reads the points of a Gauge or Sum.
func readPoints(data []byte, like Point, fn func(Point)) error {
	return each(data, func(f field) error {
		if f.tag != 1 || f.kind != bytes {
			return nil
		}
		p := like
		if err := each(f.data, func(f field) error {
			switch {
			case f.tag == 3 && f.kind == fixed64:
				p.At = f.number
			case f.tag == 4 && f.kind == fixed64:
				p.Value = math.Float64frombits(f.number)
			case f.tag == 6 && f.kind == fixed64:
				p.Value = float64(int64(f.number))
			case f.tag == 7 && f.kind == bytes:
				a, err := readAttribute(f.data)
				p.Attributes = append(p.Attributes, a)
				return err
			}
			return nil
		}); err != nil {
			return err
		}
		fn(p)
		return nil
	})
}

func readAttribute(data []byte) (a Attribute, err error) {
	err = each(data, func(f field) error {
		switch {
		case f.tag == 1 && f.kind == bytes:
			a.Name = string(f.data)
		case f.tag == 2 && f.kind == bytes:
			return each(f.data, func(f field) error {
				switch {
				case f.tag == 1 && f.kind == bytes:
					a.Text = string(f.data)
				case f.tag == 3 && f.kind == varint:
					a.Text = strconv.FormatInt(int64(f.number), 10)
				case f.tag == 2 && f.kind == varint:
					a.Text = strconv.FormatBool(f.number != 0)
				}
				return nil
			})
		}
		return nil
	})
	return a, err
}

// WithResource adds attributes to the resource of everything in MetricsData, so that it says whose numbers these are: messages of protobuf that stand there twice
// are one.
func WithResource(data []byte, attributes ...Attribute) ([]byte, error) {
	var resource []byte
	for _, a := range attributes {
		resource = appendAttribute(resource, 1, a)
	}
	resource = appendBytes(nil, 1, resource)
	out := make([]byte, 0, len(data)+len(resource)+16)
	err := each(data, func(f field) error {
		if f.tag != 1 || f.kind != bytes {
			return nil
		}
		out = binary.AppendUvarint(appendTag(out, 1, bytes), uint64(len(f.data)+len(resource)))
		out = append(append(out, f.data...), resource...)
		return nil
	})
	return out, err
}
