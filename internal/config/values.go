package config

import (
	"fmt"
	"math"
	"time"
)

// Source says where a value comes from, with Kafka's numbers in DescribeConfigs.
type Source int8

// The sources of a value.
const (
	FromUnknown              Source = 0
	FromTopic                Source = 1
	FromDynamicBroker        Source = 2
	FromDynamicDefaultBroker Source = 3
	FromStaticBroker         Source = 4
	FromDefault              Source = 5
	FromDynamicBrokerLogger  Source = 6
	FromClientMetrics        Source = 7
	FromGroup                Source = 8
)

// Values is an immutable set of values of one scope: what is set, over the defaults. Getters panic on a key that is not in
// the table or of another type, because that is a bug of the caller; a key whose value is null reads as the zero value.
type Values struct {
	scope  Scope
	layers []layer // the first that has a key wins
	base   *Values // broker values behind the values of a topic or group

	references References // of broker values
}

// layer is one place that sets values. Names that are not in the table are kept as text only.
type layer struct {
	source  Source
	entries map[string]entry
}

// entry is one value as text (trimmed) and parsed; parsed is nil for an unknown name.
type entry struct {
	text   string
	parsed any
}

// newLayer parses a map. Values that do not parse are left out: they come from the metadata log, were checked before they got there, and
// a node must not stop because another one's rules were different.
func newLayer(scope Scope, source Source, texts map[string]string, keep func(*Key) bool) layer {
	l := layer{source: source, entries: make(map[string]entry, len(texts))}
	for name, text := range texts {
		k, known := Lookup(scope, name)
		if !known {
			if keep(nil) {
				l.entries[name] = entry{text: trim(text)}
			}
			continue
		}
		if !keep(k) {
			continue
		}
		if parsed, err := k.parse(text); err == nil {
			l.entries[name] = entry{trim(text), parsed}
		}
	}
	return l
}

func keepAll(*Key) bool { return true }

// With returns broker values with dynamic overrides on top: the cluster-wide defaults, then those of this broker. Overrides that v has
// already are replaced. As in Kafka, what may not change at run time, and in the cluster-wide part what is per broker, is ignored.
func (v *Values) With(overrides ...map[string]string) *Values {
	w := &Values{scope: v.scope}
	for i := len(overrides) - 1; i >= 0; i-- {
		source, texts, keep := FromDynamicDefaultBroker, overrides[i], func(k *Key) bool { return k == nil || k.Mode == ClusterWide }
		if i > 0 {
			source, keep = FromDynamicBroker, func(k *Key) bool { return k == nil || k.Mode != ReadOnly }
		} else {
			texts = forEveryBroker(texts)
		}
		w.layers = append(w.layers, newLayer(v.scope, source, texts, keep))
	}
	for _, l := range v.layers {
		if l.source != FromDynamicBroker && l.source != FromDynamicDefaultBroker {
			w.layers = append(w.layers, l)
		}
	}
	return w
}

// forEveryBroker leaves those listeners' keys out of the cluster-wide overrides that are per broker, or that nobody knows.
func forEveryBroker(overrides map[string]string) map[string]string {
	left := make(map[string]string, len(overrides))
	for name, text := range overrides {
		base, ofListener := listenerKey(name)
		if k, known := Lookup(Broker, base); !ofListener || known && k.Mode == ClusterWide {
			left[name] = text
		}
	}
	return left
}

// ForTopic returns topic values: overrides, then the broker synonyms set in v, then defaults.
func (v *Values) ForTopic(overrides map[string]string) *Values {
	return v.under(Topic, FromTopic, overrides)
}

// ForGroup is the same for group configs.
func (v *Values) ForGroup(overrides map[string]string) *Values {
	return v.under(Group, FromGroup, overrides)
}

// ForClientMetrics is the same for a client metrics subscription, which has no synonyms.
func (v *Values) ForClientMetrics(overrides map[string]string) *Values {
	return v.under(ClientMetrics, FromClientMetrics, overrides)
}

func (v *Values) under(scope Scope, source Source, overrides map[string]string) *Values {
	w := &Values{scope: scope, base: v}
	if len(overrides) > 0 {
		w.layers = []layer{newLayer(scope, source, overrides, keepAll)}
	}
	return w
}

// resolve finds the value of a key; parsed is nil for null. set tells whether anybody chose it, here or by a broker synonym.
func (v *Values) resolve(k *Key) (e entry, set bool) {
	for _, l := range v.layers {
		if e, ok := l.entries[k.Name]; ok {
			return e, l.source != FromDefault
		}
	}
	if v.base != nil {
		if e, ok := v.base.synonym(k); ok {
			return e, true
		}
	}
	return entry{k.Default, k.value}, false
}

// synonym finds what broker values say for a key of a topic or group: the nearest synonym that is set, in the key's unit. For a key without
// a default of its own the broker's default will do.
func (v *Values) synonym(k *Key) (entry, bool) {
	for _, name := range k.Synonyms {
		from := tables[Broker].byName[name]
		if e, set := v.resolve(from); (set || k.NoDefault) && e.parsed != nil {
			if e, ok := k.translate(from, e); ok {
				return e, true
			}
		}
	}
	return entry{}, false
}

// key finds the row for a getter.
func (v *Values) key(name string, types ...Type) *Key {
	k, ok := Lookup(v.scope, name)
	if !ok {
		panic(fmt.Sprintf("bug: no key %s in the table", name))
	}
	for _, t := range types {
		if k.Type == t {
			return k
		}
	}
	panic(fmt.Sprintf("bug: %s is a %s", name, k.Type))
}

// read returns a key's parsed value, or the zero value for null.
func read[T any](v *Values, name string, types ...Type) T {
	e, _ := v.resolve(v.key(name, types...))
	value, _ := e.parsed.(T)
	return value
}

// Bool reads a boolean.
func (v *Values) Bool(name string) bool { return read[bool](v, name, Boolean) }

// Int reads an int or a short.
func (v *Values) Int(name string) int { return int(read[int64](v, name, Int, Short)) }

// Int64 reads a whole number of any size.
func (v *Values) Int64(name string) int64 { return read[int64](v, name, Int, Short, Long) }

// Float reads a double.
func (v *Values) Float(name string) float64 { return read[float64](v, name, Double) }

// String reads a text: a string, the name of a class, or a password.
func (v *Values) String(name string) string { return read[string](v, name, String, Class, Password) }

// List reads a list. It is shared: do not change it.
func (v *Values) List(name string) []string { return read[[]string](v, name, List) }

// Millis reads a number of milliseconds as a duration; numbers past the range become the largest Duration, -1 stays negative.
func (v *Values) Millis(name string) time.Duration { return millis(v.Int64(name)) }

func millis(n int64) time.Duration {
	switch limit := int64(math.MaxInt64 / time.Millisecond); {
	case n > limit:
		return math.MaxInt64
	case n < -limit:
		return math.MinInt64
	}
	return time.Duration(n) * time.Millisecond
}

// Lookup returns the text of a value and whether it was set (not a default); ok is false if it is null. Names that are not in the table but
// were given are found, too.
func (v *Values) Lookup(name string) (text string, set, ok bool) {
	if k, known := Lookup(v.scope, name); known {
		e, set := v.resolve(k)
		return e.text, set, e.parsed != nil
	}
	for _, l := range v.layers {
		if e, found := l.entries[name]; found {
			return e.text, true, true
		}
	}
	return "", false, false
}

// Overrides returns the texts that one source sets; nil if it sets none.
func (v *Values) Overrides(source Source) map[string]string {
	var texts map[string]string
	for _, l := range v.layers {
		if l.source != source {
			continue
		}
		for name, e := range l.entries {
			if texts == nil {
				texts = map[string]string{}
			}
			texts[name] = e.text
		}
	}
	return texts
}
