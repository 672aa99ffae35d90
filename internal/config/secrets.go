package config

import (
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Values may stand elsewhere: ${file:path} is what a file holds, ${file:path:key} a key of a properties file, ${env:NAME} a variable of the environment,
// and ${dir:path:name} what a file of a directory holds. Kafka's lines work, too: config.providers names providers, config.providers.X.class says what
// they are, and ${X:path:key} asks them. What is found is taken as it is: references in it are not looked up again.

// Sources are where references lead.
type Sources struct {
	ReadFile func(name string) ([]byte, error)
	Env      func(name string) (string, bool)
}

// References are what was looked up to make values.
type References struct {
	Files []string          // that were read, by name
	Texts map[string]string // by key: the value as it was written, where it has references
}

var reference = regexp.MustCompile(`\$\{([A-Za-z0-9_.-]+):([^}]*)\}`)

// provider looks one kind of references up.
type provider struct {
	kind    string // file, dir or env
	allowed []string
	pattern *regexp.Regexp
}

const providerClasses = "org.apache.kafka.common.config.provider."

var classKinds = map[string]string{
	providerClasses + "FileConfigProvider": "file", providerClasses + "DirectoryConfigProvider": "dir", providerClasses + "EnvVarConfigProvider": "env",
}

// providers are those that are always there and those that texts name.
func providers(texts map[string]string) (map[string]provider, error) {
	all := map[string]provider{"file": {kind: "file"}, "dir": {kind: "dir"}, "env": {kind: "env"}}
	for _, name := range splitList(trim(texts["config.providers"])) {
		if name == "" {
			continue
		}
		prefix := "config.providers." + name + "."
		class := trim(texts[prefix+"class"])
		kind, ok := classKinds[class]
		if !ok {
			return nil, fmt.Errorf("%sclass=%s: no such provider: there are FileConfigProvider, DirectoryConfigProvider and EnvVarConfigProvider, all in %s", prefix, class,
				strings.TrimSuffix(providerClasses, "."))
		}
		p := provider{kind: kind}
		if paths := trim(texts[prefix+"param.allowed.paths"]); paths != "" {
			p.allowed = splitList(paths)
		}
		if pattern := trim(texts[prefix+"param.allowlist.pattern"]); pattern != "" {
			var err error
			if p.pattern, err = regexp.Compile("^(?:" + pattern + ")$"); err != nil {
				return nil, fmt.Errorf("%sparam.allowlist.pattern: %w", prefix, err)
			}
		}
		all[name] = p
	}
	return all, nil
}

// resolver looks references up, each file once.
type resolver struct {
	from      Sources
	providers map[string]provider
	files     map[string][]byte
}

// resolve returns texts with what their references lead to. The error names keys and references, and nothing that was found.
func resolve(texts map[string]string, from Sources) (map[string]string, References, error) {
	var refs References
	all, err := providers(texts)
	if err != nil {
		return texts, refs, err
	}
	r := resolver{from: from, providers: all, files: map[string][]byte{}}
	out := maps.Clone(texts)
	var wrongs []error
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		if strings.HasPrefix(name, "config.providers") || !reference.MatchString(texts[name]) {
			continue
		}
		found := false
		out[name] = reference.ReplaceAllStringFunc(texts[name], func(text string) string {
			parts := reference.FindStringSubmatch(text)
			p, known := all[parts[1]]
			if !known {
				return text // as in Kafka: nobody asked for it to be looked up
			}
			found = true
			value, err := r.look(p, parts[2])
			if err != nil {
				wrongs = append(wrongs, fmt.Errorf("%s: %s: %w", name, text, err))
			}
			return value
		})
		if found {
			if refs.Texts == nil {
				refs.Texts = map[string]string{}
			}
			refs.Texts[name] = texts[name]
		}
	}
	refs.Files = slices.Sorted(maps.Keys(r.files))
	return out, refs, errors.Join(wrongs...)
}

// look looks one reference up: path, or path:key.
func (r *resolver) look(p provider, where string) (string, error) {
	if p.kind == "env" {
		name := strings.TrimPrefix(where, ":")
		if p.pattern != nil && !p.pattern.MatchString(name) {
			return "", errors.New("param.allowlist.pattern does not allow it")
		}
		value, ok := r.from.Env(name)
		if !ok {
			return "", fmt.Errorf("the environment has no variable %s: set it first", name)
		}
		return value, nil
	}
	path, key, keyed := strings.Cut(where, ":")
	if p.kind == "dir" {
		if !keyed || key == "" || key != filepath.Base(key) {
			return "", errors.New("write ${dir:path:name} with the name of a file in the directory")
		}
		path, keyed = filepath.Join(path, key), false
	}
	if !p.allows(path) {
		return "", errors.New("param.allowed.paths does not allow it")
	}
	data, err := r.read(path)
	if err != nil {
		return "", err
	}
	if !keyed {
		return strings.TrimRight(string(data), "\r\n"), nil
	}
	found, err := ReadProperties(data)
	if err != nil {
		return "", errors.New("it is not a properties file: write ${file:path} for the whole of it")
	}
	value, ok := found[key]
	if !ok {
		return "", fmt.Errorf("the file has no key %s", key)
	}
	return value, nil
}

func (p *provider) allows(path string) bool {
	path = filepath.Clean(path)
	return p.allowed == nil || slices.ContainsFunc(p.allowed, func(dir string) bool {
		dir = filepath.Clean(dir)
		return path == dir || strings.HasPrefix(path, strings.TrimSuffix(dir, "/")+"/")
	})
}

func (r *resolver) read(path string) ([]byte, error) {
	if data, known := r.files[path]; known {
		return data, nil
	}
	data, err := r.from.ReadFile(path)
	if err == nil {
		r.files[path] = data
	}
	return data, err
}

// errReferenced says that what a reference led to is no good, without showing it.
type errReferenced struct {
	key  *Key
	text string
}

func (e *errReferenced) Error() string {
	want := e.key.Type.String()
	if e.key.Valid != nil {
		want += " (" + e.key.Valid.String() + ")"
	}
	return fmt.Sprintf("%s=%s: what stands there is not a %s", e.key.Name, e.text, want)
}

// ParseBrokerFrom is ParseBroker with references looked up. refs are also told with an error.
func ParseBrokerFrom(from Sources, layers ...map[string]string) (v *Values, warnings []string, err error) {
	texts := map[string]string{}
	for _, l := range layers {
		maps.Copy(texts, l)
	}
	resolved, refs, err := resolve(texts, from)
	if err != nil {
		return nil, nil, err
	}
	return parseBroker(resolved, refs)
}

// References are what was looked up to make the values.
func (v *Values) References() References { return v.references }

// Renewed is v with what has changed in fresh, which was made from the same texts, as far as it may change while a node runs. changed are the keys that
// have other values, later those that keep theirs until the node starts again.
func (v *Values) Renewed(fresh *Values) (renewed *Values, changed, later []string) {
	static := layer{FromStaticBroker, map[string]entry{}}
	for _, l := range v.layers {
		if l.source != FromStaticBroker {
			continue
		}
		for name, old := range l.entries {
			static.entries[name] = old
			now, ok := fresh.static(name)
			switch {
			case !ok || now.text == old.text:
			case modeOf(name) == ReadOnly:
				later = append(later, name)
			default:
				static.entries[name] = now
				changed = append(changed, name)
			}
		}
	}
	slices.Sort(changed)
	slices.Sort(later)
	out := *v
	out.layers = slices.Clone(v.layers)
	for i := range out.layers {
		if out.layers[i].source == FromStaticBroker {
			out.layers[i] = static
		}
	}
	return &out, changed, later
}

func (v *Values) static(name string) (entry, bool) {
	for _, l := range v.layers {
		if e, ok := l.entries[name]; ok && l.source == FromStaticBroker {
			return e, true
		}
	}
	return entry{}, false
}

// baseKey is the row of a broker key, also of one for a listener, or for a mechanism of a listener.
func baseKey(name string) (*Key, bool) {
	if k, ok := Lookup(Broker, name); ok {
		return k, true
	}
	base, ok := listenerKey(name)
	if !ok {
		return nil, false
	}
	if k, ok := Lookup(Broker, base); ok {
		return k, true
	}
	_, base, _ = strings.Cut(base, ".")
	return Lookup(Broker, base)
}

func modeOf(name string) Mode {
	if k, ok := baseKey(name); ok {
		return k.Mode
	}
	return ReadOnly
}

// HoldsSecrets reports whether a file has secrets in it, and not only references to them.
func HoldsSecrets(texts map[string]string) bool {
	for name, text := range texts {
		if k, ok := baseKey(name); ok && k.Sensitive() && trim(text) != "" && !reference.MatchString(text) {
			return true
		}
	}
	return false
}

// Resolve returns texts with what their references lead to, for whoever reads keys that are not a node's.
func Resolve(texts map[string]string, from Sources) (map[string]string, error) {
	resolved, _, err := resolve(texts, from)
	if err != nil {
		return nil, err
	}
	return resolved, nil
}
