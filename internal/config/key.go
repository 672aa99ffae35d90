package config

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

var typeNames = [...]string{"unknown", "boolean", "string", "int", "short", "long", "double", "list", "class", "password"}

// String names the type as the reference pages do.
func (t Type) String() string { return typeNames[t] }

// Mode says when a key may change.
type Mode int8

// Modes of change.
const (
	ReadOnly Mode = iota
	PerBroker
	ClusterWide
	PerTopic // all topic keys
	PerGroup
	PerSubscription
)

var modeNames = [...]string{"read-only", "per-broker", "cluster-wide", "per-topic", "per-group", "per-subscription"}

// String spells the mode as Kafka's documentation does.
func (m Mode) String() string { return modeNames[m] }

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
	Synonyms   []string // broker keys that supply a topic or group key's default, nearest first
	Built      bool     // false: accepted, but its feature is not built yet (named in a warning at start)
	// Unlisted keys can be set, but DescribeConfigs and the reference only show them where they are.
	Unlisted bool

	value any // Default, parsed; nil for null
}

// Sensitive says that a value must never be shown.
func (k *Key) Sensitive() bool { return k.Type == Password }
