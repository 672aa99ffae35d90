package config

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
)

// Protocols are the security protocols of a listener.
var Protocols = []string{"PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"}

// Listener is a place to bind or to advertise.
type Listener struct {
	Name     string
	Host     string // "": every address when binding, the name of this machine when advertising
	Port     int    // 0: any free port
	Protocol string // one of Protocols
	Control  bool   // for the controller protocol
	Follows  bool   // advertised as each client reached this node; Host and Port are for those who ask others
}

// String writes the listener as in the config.
func (l Listener) String() string {
	return l.Name + "://" + net.JoinHostPort(l.Host, strconv.Itoa(l.Port))
}

// Listeners are all keys about listeners, put together.
type Listeners struct {
	Bind        []Listener // listeners
	Advertised  []Listener // advertised.listeners for brokers' and controllers' own; by default what is bound
	InterBroker string     // the name of the listener that brokers use among themselves
	Controllers []string   // controller.listener.names
	Protocols   map[string]string
}

// parseListener reads NAME://host:port.
func parseListener(text string) (Listener, error) {
	name, address, ok := strings.Cut(text, "://")
	if !ok || name == "" {
		return Listener{}, fmt.Errorf("%q is not NAME://host:port: write for instance PLAINTEXT://127.0.0.1:9092", text)
	}
	host, port, err := splitHostPort(address)
	return Listener{Name: strings.ToUpper(name), Host: host, Port: port}, err
}

// splitHostPort reads host:port, where the host may be empty, or an IPv6 address with or without brackets.
func splitHostPort(address string) (string, int, error) {
	colon := strings.LastIndexByte(address, ':')
	if colon < 0 || strings.HasSuffix(address, "]") {
		return "", 0, fmt.Errorf("%q has no port: write host:port", address)
	}
	host, digits := address[:colon], address[colon+1:]
	port, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return "", 0, fmt.Errorf("%q has the port %q: a port is a number from 0 to 65535", address, digits)
	}
	if inner, ok := strings.CutPrefix(host, "["); ok {
		if host, ok = strings.CutSuffix(inner, "]"); !ok {
			return "", 0, fmt.Errorf("%q has no closing bracket: write [::1]:9092", address)
		}
	}
	if strings.ContainsAny(host, "/[] \t") || strings.Contains(host, ":") && net.ParseIP(zoneless(host)) == nil {
		return "", 0, fmt.Errorf("%q has the host %q, which is neither a name nor an address", address, host)
	}
	return host, int(port), nil
}

func zoneless(host string) string {
	bare, _, _ := strings.Cut(host, "%")
	return bare
}

// parseMap reads listener.security.protocol.map: NAME:PROTOCOL pairs.
func parseMap(text string) (map[string]string, error) {
	protocols := map[string]string{}
	for _, pair := range splitList(text) {
		name, protocol, ok := strings.Cut(pair, ":")
		name, protocol = strings.ToUpper(trim(name)), strings.ToUpper(trim(protocol))
		switch {
		case !ok || name == "":
			return nil, fmt.Errorf("%q is not NAME:PROTOCOL", pair)
		case !slices.Contains(Protocols, protocol):
			return nil, fmt.Errorf("%q names no security protocol: the protocols are %s", pair, strings.Join(Protocols, ", "))
		}
		protocols[name] = protocol
	}
	return protocols, nil
}

// Listeners puts the keys about listeners together. After ParseBroker accepted the values it does not fail, unless dynamic
// overrides brought new ones.
func (v *Values) Listeners() (Listeners, error) {
	ls := Listeners{Controllers: upper(v.List("controller.listener.names"))}
	var err error
	if ls.Protocols, err = v.protocolMap(ls.Controllers); err != nil {
		return ls, err
	}
	if ls.Bind, err = v.listenerList("listeners", &ls); err != nil {
		return ls, err
	}
	if err = v.checkBound(&ls); err != nil {
		return ls, err
	}
	if err = v.advertise(&ls); err != nil {
		return ls, err
	}
	ls.InterBroker, err = v.interBroker(&ls)
	return ls, err
}

func upper(names []string) []string {
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = strings.ToUpper(name)
	}
	return out
}

// protocolMap is the map of names to protocols. Where the user gave none and no name asks for TLS or SASL, controller listeners are
// PLAINTEXT, as in Kafka.
func (v *Values) protocolMap(controllers []string) (map[string]string, error) {
	const key = "listener.security.protocol.map"
	text, set, _ := v.Lookup(key)
	protocols, err := parseMap(text)
	if err != nil {
		return nil, wrong(key, text, err)
	}
	if set {
		return protocols, nil
	}
	names := slices.Clone(controllers)
	for _, item := range v.List("listeners") {
		name, _, _ := strings.Cut(strings.ToUpper(item), "://")
		names = append(names, name)
	}
	secured := func(name string) bool { return name != "PLAINTEXT" && slices.Contains(Protocols, name) }
	if !slices.ContainsFunc(names, secured) {
		for _, name := range controllers {
			protocols[name] = "PLAINTEXT"
		}
	}
	return protocols, nil
}

// listenerList parses one of the two lists of listeners and fills in what the other keys know of each.
func (v *Values) listenerList(key string, ls *Listeners) ([]Listener, error) {
	text, _, _ := v.Lookup(key)
	var list []Listener
	for _, item := range v.List(key) {
		l, err := parseListener(item)
		if err != nil {
			return nil, wrong(key, text, err)
		}
		if l.Protocol = ls.Protocols[l.Name]; l.Protocol == "" {
			return nil, wrong(key, text, fmt.Errorf("no security protocol for listener %s: add %s:PLAINTEXT (or another one of %s) to listener.security.protocol.map",
				l.Name, l.Name, strings.Join(Protocols[1:], ", ")))
		}
		l.Control = slices.Contains(ls.Controllers, l.Name)
		list = append(list, l)
	}
	return list, nil
}

// checkBound wants every name once, and every port once but for a pair of an IPv4 and an IPv6 address.
func (v *Values) checkBound(ls *Listeners) error {
	text := v.text("listeners")
	for i, l := range ls.Bind {
		for _, earlier := range ls.Bind[:i] {
			switch {
			case l.Name == earlier.Name:
				return wrong("listeners", text, fmt.Errorf("listener %s is named twice: every listener has a name of its own", l.Name))
			case l.Port == earlier.Port && l.Port != 0 && !otherFamily(l.Host, earlier.Host):
				return wrong("listeners", text, fmt.Errorf("%s and %s have the same port: every listener has a port of its own", earlier.Name, l.Name))
			}
		}
	}
	return nil
}

// otherFamily says that one is an IPv4 and the other an IPv6 address.
func otherFamily(a, b string) bool {
	x, y := net.ParseIP(zoneless(a)), net.ParseIP(zoneless(b))
	return x != nil && y != nil && (x.To4() == nil) != (y.To4() == nil)
}

// advertise fills Advertised: what the user gave, and for listeners that are not in it, where they are bound.
func (v *Values) advertise(ls *Listeners) error {
	const key = "advertised.listeners"
	text, set, _ := v.Lookup(key)
	given, err := v.advertised(ls)
	if err != nil {
		return err
	}
	if !v.HasRole("broker") {
		given = slices.DeleteFunc(given, func(l Listener) bool { return !l.Control })
	}
	for i, l := range given {
		same := func(o Listener) bool { return o.Name == l.Name }
		switch {
		case slices.ContainsFunc(given[:i], same):
			return wrong(key, text, fmt.Errorf("listener %s is named twice", l.Name))
		case !slices.ContainsFunc(ls.Bind, same) && !l.Control:
			return wrong(key, text, fmt.Errorf("listener %s is not in listeners: add it there, or take it out here", l.Name))
		}
	}
	ls.Advertised = given
	for _, l := range ls.Bind {
		named := func(o Listener) bool { return o.Name == l.Name }
		if slices.ContainsFunc(ls.Advertised, named) || set && !l.Control {
			continue // with advertised.listeners given, a broker listener left out of it is bound but told to nobody
		}
		ls.Advertised = append(ls.Advertised, l)
	}
	for _, l := range ls.Advertised {
		if l.Host != "0.0.0.0" || l.Control && !slices.Contains(given, l) {
			continue
		}
		if set {
			return wrong(key, text, fmt.Errorf("nobody can connect to %s: give the address that clients reach this node by", l.Host))
		}
		return wrong("listeners", v.text("listeners"), fmt.Errorf(
			"%s is bound to every address (%s), so clients must be told which to use: set advertised.listeners, for instance %s://this.host.example:%d, or auto",
			l.Name, l.Host, l.Name, l.Port))
	}
	return nil
}

// followClient is what stands for an address, or for the whole list, where clients are told the one by which they came.
const followClient = "auto"

// advertised reads the list of advertised listeners.
func (v *Values) advertised(ls *Listeners) ([]Listener, error) {
	const key = "advertised.listeners"
	if !strings.EqualFold(trim(v.text(key)), followClient) {
		given, err := v.listenerList(key, ls)
		for i := range given {
			if given[i].Host == followClient && !given[i].Control {
				given[i].follow(ls.Bind)
			}
		}
		return given, err
	}
	var all []Listener
	for _, l := range ls.Bind {
		if !l.Control {
			l.Port = 0 // the one that is bound
			l.follow(ls.Bind)
			all = append(all, l)
		}
	}
	return all, nil
}

// follow makes the listener one that is advertised as clients came to it. To others it is known by the address that it is bound to, if that is one.
func (l *Listener) follow(bind []Listener) {
	l.Follows, l.Host = true, ""
	for _, b := range bind {
		if ip := net.ParseIP(zoneless(b.Host)); b.Name == l.Name && (ip == nil || !ip.IsUnspecified()) {
			l.Host = b.Host
		}
	}
}

func (v *Values) text(key string) string {
	text, _, _ := v.Lookup(key)
	return text
}

// interBroker finds the listener that brokers use among themselves: by name, or else by protocol.
func (v *Values) interBroker(ls *Listeners) (string, error) {
	const byName, byProtocol = "inter.broker.listener.name", "security.inter.broker.protocol"
	text, set, _ := v.Lookup(byName)
	name := strings.ToUpper(text)
	if !set {
		return strings.ToUpper(v.text(byProtocol)), nil
	}
	if protocol, alsoSet, _ := v.Lookup(byProtocol); alsoSet {
		return "", wrong(byName, text, fmt.Errorf("%s=%s is set, too: only one of the two may be", byProtocol, protocol))
	}
	if ls.Protocols[name] == "" {
		return "", wrong(byName, text, fmt.Errorf("not in listener.security.protocol.map: add it there"))
	}
	return name, nil
}

// wrong is an error about a key's value that its type and rule allow.
func wrong(key, value string, reason error) error {
	return fmt.Errorf("%s=%s: %w", key, value, reason)
}
