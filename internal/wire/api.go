package wire

// API is one row of the table of API keys; everything that differs by key is derived from it.
type API struct {
	Key          int16
	Name         string
	Min, Max     int16 // versions answered
	FlexibleFrom int16 // first flexible request version, -1: none
	Broker       bool  // answered on broker listeners
	Controller   bool  // answered on controller listeners
	Forwarded    bool  // a broker hands it to the active controller
	ClusterAct   bool  // needs the ClusterAction operation
	// Advertised is false for keys that are in the table but not built yet: they are left out of ApiVersions and refused as unsupported.
	Advertised bool
}

// Lookup returns the row of a key, of Kafka's or of leat's own.
func Lookup(key int16) (*API, bool) {
	if key < 0 || int(key) >= len(apis) {
		return lookupOwn(key)
	}
	return &apis[key], true
}

// APIs is every row of Kafka's in order of keys. Nobody changes it.
var APIs = apis[:]

// Answers reports whether requests of a version are answered on a kind of listener.
func (a *API) Answers(version int16, control bool) bool {
	if control && !a.Controller || !control && !a.Broker {
		return false
	}
	return a.Advertised && version >= a.Min && version <= a.Max
}

// Flexible reports whether requests of a version have compact fields and tags.
func (a *API) Flexible(version int16) bool { return a.FlexibleFrom >= 0 && version >= a.FlexibleFrom }

// Keys with rules of their own.
const (
	keyProduce     = 0
	keyFetch       = 1
	keyApiVersions = 18
)
