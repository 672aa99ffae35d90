// Package config is the table of every configuration key (Kafka's and leat's own), and typed, validated snapshots of their values.
// From a row come parsing, errors, DescribeConfigs, --set, completion and the reference page.
//
// Other rooms receive typed structs built from a snapshot by package server, never maps or strings.
package config

import "time"

// Scope says where a key lives.
type Scope int8

// The scopes: one table each.
const (
	Broker Scope = iota
	Topic
	Group
	ClientMetrics
)

// Type is the type of a key's value, with Kafka's numbers in DescribeConfigs.
type Type int8

// Types of values.
const (
	Unknown  Type = 0
	Boolean  Type = 1
	String   Type = 2
	Int      Type = 3
	Short    Type = 4
	Long     Type = 5
	Double   Type = 6
	List     Type = 7
	Class    Type = 8
	Password Type = 9
)

// Mode says when a broker key may change.
type Mode int8

// Modes of change.
const (
	ReadOnly Mode = iota
	PerBroker
	ClusterWide
	PerTopic // all topic keys
	PerGroup
)

// Key is one row.
type Key struct {
	Name       string
	Type       Type
	Default    string // as DescribeConfigs prints it
	NoDefault  bool   // null
	Valid      Rule   // nil: anything of the type
	Mode       Mode
	Importance string
	Internal   bool
	Doc        string   // one sentence
	Synonyms   []string // broker keys that supply a topic key's default, nearest first
	Built      bool     // false: accepted, but its feature is not built yet (named in a warning at start)
}

// Rule checks a parsed value and describes what is right ("[0,...]", "one of a, b").
type Rule interface {
	Check(value any) error
	String() string
}

// Lookup finds a row; listener.name.X. prefixes and Kafka's old names are not resolved here.
func Lookup(s Scope, name string) (*Key, bool) { panic("unbuilt") }

// Keys lists a scope's rows by name.
func Keys(s Scope) []*Key { panic("unbuilt") }

// Nearest returns the known key most like name, for warnings; "" if none is near.
func Nearest(s Scope, name string) string { panic("unbuilt") }

// Check parses and validates one value; the error names key, value and what would be right.
func Check(s Scope, name, value string) error { panic("unbuilt") }

// Values is an immutable set of values of one scope: what is set, over the defaults. Getters panic on a key that is not in
// the table or of another type, because that is a bug of the caller.
type Values struct{ unbuilt int }

// ParseBroker makes values from what a file and --set said (later maps win). Unknown keys come back as warnings, wrong values as one error
// that names all of them.
func ParseBroker(layers ...map[string]string) (v *Values, warnings []string, err error) {
	panic("unbuilt")
}

// ReadProperties reads a file in java.util.Properties format.
func ReadProperties(data []byte) (map[string]string, error) { panic("unbuilt") }

// With returns broker values with dynamic overrides on top (cluster-wide defaults, then per-broker).
func (v *Values) With(overrides ...map[string]string) *Values { panic("unbuilt") }

// ForTopic returns topic values: overrides, then the broker synonyms set in v, then defaults.
func (v *Values) ForTopic(overrides map[string]string) *Values { panic("unbuilt") }

// ForGroup is the same for group configs.
func (v *Values) ForGroup(overrides map[string]string) *Values { panic("unbuilt") }

func (v *Values) Bool(name string) bool     { panic("unbuilt") }
func (v *Values) Int(name string) int       { panic("unbuilt") }
func (v *Values) Int64(name string) int64   { panic("unbuilt") }
func (v *Values) Float(name string) float64 { panic("unbuilt") }
func (v *Values) String(name string) string { panic("unbuilt") }
func (v *Values) List(name string) []string { panic("unbuilt") }

// Millis reads a number of milliseconds as a duration; numbers past the range become the largest Duration, -1 stays negative.
func (v *Values) Millis(name string) time.Duration { panic("unbuilt") }

// Lookup returns the text of a value and whether it was set (not a default); ok is false if it is null.
func (v *Values) Lookup(name string) (text string, set, ok bool) { panic("unbuilt") }
