package config

import (
	"math"
	"slices"
	"strconv"
	"strings"
)

// Entry is one config as DescribeConfigs tells it. A nil Value is null, which a sensitive one always is.
type Entry struct {
	Name      string
	Value     *string
	Type      Type
	Source    Source
	Sensitive bool
	ReadOnly  bool
	Synonyms  []Synonym // what supplies the value, nearest first
	Doc       string
}

// Synonym is one place that has a value for an entry, under its own name.
type Synonym struct {
	Name   string
	Value  *string
	Source Source
}

// families are the broker keys of which the first given counts. flush is here because its default comes from the second.
var families = [][]string{
	{"log.retention.ms", "log.retention.minutes", "log.retention.hours"},
	{"log.roll.ms", "log.roll.hours"},
	{"log.roll.jitter.ms", "log.roll.jitter.hours"},
}

// Describe lists every public key, and every other one that is set, by name.
func (v *Values) Describe() []Entry {
	var entries []Entry
	for _, k := range Keys(v.scope) {
		if _, set := v.own(k.Name); set || !k.Internal && !k.Unlisted {
			entries = append(entries, v.entry(k))
		}
	}
	for _, name := range v.tenantKeys() {
		k, _ := lookupTenant(name)
		entries = append(entries, v.entry(k))
	}
	for _, name := range v.unknown() {
		entries = append(entries, v.unknownEntry(name))
	}
	slices.SortFunc(entries, func(a, b Entry) int { return strings.Compare(a.Name, b.Name) })
	return entries
}

// DescribeDefaults lists what is set dynamically for all brokers at once: the broker resource without a name.
func (v *Values) DescribeDefaults() []Entry {
	var entries []Entry
	for _, e := range v.Describe() {
		at := func(s Synonym) bool { return s.Name == e.Name && s.Source == FromDynamicDefaultBroker }
		i := slices.IndexFunc(e.Synonyms, at)
		if i < 0 {
			continue
		}
		e.Synonyms = e.Synonyms[i : i+1]
		e.Value, e.Source = e.Synonyms[0].Value, FromDynamicDefaultBroker
		entries = append(entries, e)
	}
	return entries
}

// own is what one of v's own layers sets for a name.
func (v *Values) own(name string) (Source, bool) {
	for _, l := range v.layers {
		if _, ok := l.entries[name]; ok && l.source != FromDefault {
			return l.source, true
		}
	}
	return FromDefault, false
}

// unknown lists the names that are set and in no table.
func (v *Values) unknown() []string {
	var names []string
	for _, l := range v.layers {
		for name := range l.entries {
			if _, known := Lookup(v.scope, name); !known && !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}

// unknownEntry hides the value: nobody knows whether it is a password.
func (v *Values) unknownEntry(name string) Entry {
	e := Entry{Name: name, Sensitive: true, ReadOnly: true, Source: FromDefault}
	if base, ok := listenerKey(name); ok {
		if k, known := Lookup(Broker, base); known {
			text, _, _ := v.Lookup(name)
			e.Type, e.Sensitive, e.ReadOnly, e.Doc = k.Type, k.Sensitive(), k.Mode == ReadOnly, k.Doc
			e.Value = shown(text, k.Sensitive())
		}
	}
	for _, l := range v.layers {
		if set, ok := l.entries[name]; ok {
			e.Synonyms = append(e.Synonyms, Synonym{name, shown(set.text, e.Sensitive), l.source})
		}
	}
	if len(e.Synonyms) > 0 {
		e.Source = e.Synonyms[0].Source
	}
	return e
}

// SecretName reports whether the value of a broker key that is not in the table may be a secret: all are, but those of listeners whose key is known and
// is none.
func SecretName(name string) bool {
	base, ok := listenerKey(name)
	if !ok {
		return true
	}
	k, known := Lookup(Broker, base)
	return !known || k.Sensitive()
}

func (v *Values) entry(k *Key) Entry {
	found, _ := v.resolve(k)
	e := Entry{Name: k.Name, Type: k.Type, Sensitive: k.Sensitive(), ReadOnly: k.Mode == ReadOnly, Doc: k.Doc, Source: FromDefault}
	if found.parsed != nil {
		e.Value = shown(k.format(found.parsed), e.Sensitive)
	}
	if v.scope == Broker {
		e.Synonyms = v.chain(k.Name, e.Sensitive)
	} else {
		e.Synonyms = v.chainUnder(k, e)
	}
	if len(e.Synonyms) > 0 {
		e.Source = e.Synonyms[0].Source
	}
	return e
}

// chainUnder is the chain of a key of a topic or group: its own value, then those of the broker key behind it.
func (v *Values) chainUnder(k *Key, e Entry) []Synonym {
	var chain []Synonym
	if source, set := v.own(k.Name); set {
		chain = append(chain, Synonym{k.Name, e.Value, source})
	}
	switch {
	case len(k.Synonyms) > 0:
		chain = append(chain, v.base.chain(k.Synonyms[0], e.Sensitive)...)
	case v.scope == Group && !k.NoDefault: // a group's key stands among the broker's defaults itself
		chain = append(chain, Synonym{k.Name, shown(k.Default, e.Sensitive), FromDefault})
	}
	return chain
}

// chain lists what broker values have for a name and for the other units of its family, by source, nearest first. What would come before
// the name itself is dropped: as in Kafka, log.retention.ms has no chain while only log.retention.hours is set.
func (v *Values) chain(name string, sensitive bool) []Synonym {
	names := []string{name}
	for _, family := range families {
		if slices.Contains(family, name) {
			names = family
		}
	}
	var chain []Synonym
	for _, source := range []Source{FromDynamicBroker, FromDynamicDefaultBroker, FromStaticBroker, FromDefault} {
		for _, n := range names {
			if text, ok := v.at(source, n); ok {
				chain = append(chain, Synonym{n, shown(text, sensitive), source})
			}
		}
	}
	first := slices.IndexFunc(chain, func(s Synonym) bool { return s.Name == name })
	if first < 0 {
		return nil
	}
	return chain[first:]
}

// at is the text that one source has for a name. Where leat's default differs, it stands in the place of Kafka's.
func (v *Values) at(source Source, name string) (string, bool) {
	for _, l := range v.layers {
		if e, ok := l.entries[name]; ok && l.source == source {
			return e.text, true
		}
	}
	if k, ok := Lookup(Broker, name); ok && source == FromDefault && !k.NoDefault {
		return k.Default, true
	}
	return "", false
}

func shown(text string, sensitive bool) *string {
	if sensitive {
		return nil
	}
	return &text
}

// format writes a parsed value as Kafka does.
func (k *Key) format(value any) string {
	switch v := value.(type) {
	case bool:
		return strconv.FormatBool(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return formatDouble(v)
	case []string:
		return strings.Join(v, ",")
	}
	return value.(string)
}

// formatDouble is Java's Double.toString: at least one digit after the point, an exponent below 0.001 and from ten million on.
func formatDouble(n float64) string {
	size := math.Abs(n)
	switch {
	case math.IsNaN(n):
		return "NaN"
	case math.IsInf(n, 0):
		return strings.Replace(strconv.FormatFloat(n, 'f', -1, 64), "Inf", "Infinity", 1)
	case size != 0 && (size < 1e-3 || size >= 1e7):
		mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(n, 'E', -1, 64), "E")
		power, _ := strconv.Atoi(exponent)
		return withPoint(mantissa) + "E" + strconv.Itoa(power)
	}
	return withPoint(strconv.FormatFloat(n, 'f', -1, 64))
}

func withPoint(digits string) string {
	if strings.Contains(digits, ".") {
		return digits
	}
	return digits + ".0"
}
