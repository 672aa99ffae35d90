package config

import (
	"errors"
	"maps"
	"slices"
	"strings"
)

// ParseBroker makes values from what a file and --set said (later maps win). Unknown keys come back as warnings, wrong values as one error
// that names all of them.
func ParseBroker(layers ...map[string]string) (v *Values, warnings []string, err error) {
	texts := map[string]string{}
	for _, l := range layers {
		maps.Copy(texts, l)
	}
	return parseBroker(texts, References{})
}

// parseBroker makes values from texts in which references have been looked up.
func parseBroker(texts map[string]string, refs References) (v *Values, warnings []string, err error) {
	var wrongs []error
	static := layer{FromStaticBroker, map[string]entry{}}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		k, known := Lookup(Broker, name)
		if !known {
			static.entries[name] = entry{text: trim(texts[name])}
			if warning := unknownWarning(name, texts); warning != "" {
				warnings = append(warnings, warning)
			}
			continue
		}
		parsed, err := k.parse(texts[name])
		if err != nil {
			if written, ok := refs.Texts[name]; ok {
				err = &errReferenced{k, written}
			}
			wrongs = append(wrongs, err)
			continue
		}
		static.entries[name] = entry{trim(texts[name]), parsed}
	}
	if id, ok := static.entries["node.id"]; ok && static.entries["broker.id"].parsed == nil {
		static.entries["broker.id"] = id // as Kafka does, so that DescribeConfigs tells it under both names
	}
	v = &Values{scope: Broker, layers: []layer{static}, references: refs}
	v.layers = append(v.layers, newLayer(Broker, FromDefault, defaultsFor(static.entries), keepAll))
	if len(wrongs) == 0 { // what contradicts a value that is wrong itself would only confuse
		wrongs = v.contradictions()
	}
	if err := errors.Join(wrongs...); err != nil {
		return nil, warnings, err
	}
	return v, warnings, nil
}

// defaultsFor is where leat differs from Kafka: with nothing given, one node is broker and controller at once, on the loopback
// interface, with its data beside it. Each of these defaults counts only while the user gave no value for its key (or, as said, for a
// related one). Kafka demands node.id, process.roles and controller.listener.names and has no useful listeners for a controller.
//
//	process.roles              broker,controller
//	node.id                    broker.id if given, else 1
//	controller.listener.names  CONTROLLER
//	listeners                  PLAINTEXT://127.0.0.1:9092 for a broker, CONTROLLER://127.0.0.1:9093 for a controller
//	log.dirs                   ./leat-data, unless log.dir is given
//	offsets.topic.replication.factor, transaction.state.log.replication.factor, transaction.state.log.min.isr,
//	share.coordinator.state.topic.replication.factor, share.coordinator.state.topic.min.isr,
//	leat.delay.topic.replication.factor, leat.delay.topic.min.isr,
//	leat.audit.topic.replication.factor, leat.audit.topic.min.isr
//	                           1 while neither controller.quorum.voters nor controller.quorum.bootstrap.servers is given:
//	                           a node that is alone can hold no three replicas
func defaultsFor(given map[string]entry) map[string]string {
	list := func(name, otherwise string) []string {
		if e, ok := given[name]; ok {
			return e.parsed.([]string)
		}
		return splitList(otherwise)
	}
	defaults := map[string]string{
		"process.roles":             "broker,controller",
		"node.id":                   "1",
		"controller.listener.names": "CONTROLLER",
	}
	if id, ok := given["broker.id"]; ok && id.parsed.(int64) >= 0 {
		defaults["node.id"] = id.text
	}
	var listeners []string
	roles := list("process.roles", "broker,controller")
	if slices.Contains(roles, "broker") {
		listeners = append(listeners, "PLAINTEXT://127.0.0.1:9092")
	}
	if names := list("controller.listener.names", "CONTROLLER"); slices.Contains(roles, "controller") && len(names) > 0 {
		listeners = append(listeners, names[0]+"://127.0.0.1:9093")
	}
	defaults["listeners"] = strings.Join(listeners, ",")
	if _, ok := given["log.dir"]; !ok {
		defaults["log.dirs"] = "./leat-data"
	}
	if len(list("controller.quorum.voters", "")) == 0 && len(list("controller.quorum.bootstrap.servers", "")) == 0 {
		for _, name := range aloneKeys {
			defaults[name] = "1"
		}
	}
	maps.DeleteFunc(defaults, func(name, _ string) bool {
		_, ok := given[name]
		return ok
	})
	return defaults
}

var aloneKeys = []string{
	"offsets.topic.replication.factor", "transaction.state.log.replication.factor", "transaction.state.log.min.isr",
	"share.coordinator.state.topic.replication.factor", "share.coordinator.state.topic.min.isr",
	"leat.delay.topic.replication.factor", "leat.delay.topic.min.isr",
	"leat.audit.topic.replication.factor", "leat.audit.topic.min.isr",
}

// LogDirs are the data directories: log.dirs, or else log.dir.
func (v *Values) LogDirs() []string {
	if dirs := v.List("log.dirs"); len(dirs) > 0 {
		return dirs
	}
	return v.List("log.dir")
}

// MetadataLogDir is the directory of the metadata log: metadata.log.dir, or else the first data directory.
func (v *Values) MetadataLogDir() string {
	if dir := v.String("metadata.log.dir"); dir != "" {
		return dir
	}
	return v.LogDirs()[0]
}

// HasRole tells whether process.roles names the role.
func (v *Values) HasRole(role string) bool { return slices.Contains(v.List("process.roles"), role) }

// NotBuilt lists the keys, by name, that somebody set although their feature is not built yet. Setting such a key to its default says
// nothing and is not listed.
func (v *Values) NotBuilt() []string {
	var names []string
	for _, k := range Keys(v.scope) {
		e, set := v.resolve(k)
		if !set || k.Built || !k.NoDefault && e.text == k.Default {
			continue
		}
		names = append(names, k.Name)
	}
	return names
}
