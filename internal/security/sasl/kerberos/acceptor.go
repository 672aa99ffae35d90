package kerberos

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/jcmturner/gokrb5/v8/keytab"

	"leat/internal/security/sasl"
)

// Mechanism is the name by which clients ask for it.
const Mechanism = "GSSAPI"

// LoginModule is the class in login lines.
const LoginModule = "com.sun.security.auth.module.Krb5LoginModule"

// maxSkew is how far the clocks of clients may be off, as with every Kerberos.
const maxSkew = 5 * time.Minute

// maxKeytab bounds the file that is read.
const maxKeytab = 1 << 20

// Acceptor checks the tickets of clients of one listener.
type Acceptor struct {
	keytab    string // path
	principal string // of the service; "*": any that the keytab has
	rules     *Rules

	mu      sync.Mutex
	keys    *keytab.Keytab // guarded by mu
	changed time.Time      // of the file that was read last; guarded by mu
	size    int64          // of it; guarded by mu
}

// Settings are how a listener is told about Kerberos.
type Settings struct {
	Login   sasl.Login
	Service string   // sasl.kerberos.service.name; "": whatever the principal says
	Rules   []string // sasl.kerberos.principal.to.local.rules
}

// NewAcceptor reads the login line of a service and its keytab.
func NewAcceptor(s Settings) (*Acceptor, error) {
	a := &Acceptor{keytab: strings.TrimPrefix(s.Login.Options["keyTab"], "file:"), principal: s.Login.Options["principal"]}
	switch {
	case !strings.HasSuffix(s.Login.Module, "Krb5LoginModule"):
		return nil, fmt.Errorf("login module %s: for GSSAPI it is %s", s.Login.Module, LoginModule)
	case !strings.EqualFold(s.Login.Options["useKeyTab"], "true") || a.keytab == "":
		return nil, errors.New(`the login has no keytab, from which this node knows its key: write useKeyTab=true storeKey=true keyTab="/path" principal="kafka/host@REALM"`)
	case a.principal == "":
		return nil, errors.New(`the login has no principal: write principal="kafka/host@REALM", for which clients get tickets`)
	}
	name, realm, _ := strings.Cut(a.principal, "@")
	service, _, _ := strings.Cut(name, "/")
	if a.principal != "*" && realm == "" {
		return nil, fmt.Errorf("principal %s: its realm is missing: write %s@REALM", a.principal, a.principal)
	}
	if s.Service != "" && a.principal != "*" && service != s.Service {
		return nil, fmt.Errorf("sasl.kerberos.service.name=%s: the principal of the login is %s: both name the service, so they must agree", s.Service, a.principal)
	}
	keys, err := a.load()
	if err != nil {
		return nil, err
	}
	if realm == "" {
		realm = keys.Entries[0].Principal.Realm
	}
	if a.principal != "*" && !has(keys, a.principal) {
		return nil, fmt.Errorf("keytab %s: it has no key of %s: it has %s", a.keytab, a.principal, strings.Join(principals(keys), ", "))
	}
	a.rules, err = ParseRules(s.Rules, realm)
	return a, err
}

// Begin begins an exchange.
func (a *Acceptor) Begin() sasl.Server { return &server{acceptor: a} }

// load returns the keys of the keytab, which is read again when it has changed, so that keys can be renewed without a restart. What cannot be read leaves
// the keys in use that were read before.
func (a *Acceptor) load() (*keytab.Keytab, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	info, err := os.Stat(a.keytab)
	if err == nil && a.keys != nil && info.ModTime().Equal(a.changed) && info.Size() == a.size {
		return a.keys, nil
	}
	var keys *keytab.Keytab
	if err == nil {
		keys, err = readKeytab(a.keytab, info.Size())
	}
	switch {
	case err == nil:
		a.keys, a.changed, a.size = keys, info.ModTime(), info.Size()
	case a.keys == nil:
		return nil, fmt.Errorf("keytab %s: %w", a.keytab, err)
	}
	return a.keys, nil
}

func readKeytab(path string, size int64) (*keytab.Keytab, error) {
	if size > maxKeytab {
		return nil, fmt.Errorf("it has %d bytes, at most %d are read", size, maxKeytab)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	return parseKeytab(data)
}

// parseKeytab reads keys. What the library says of a bad file has its bytes in it, and so has no place in an error.
func parseKeytab(data []byte) (keys *keytab.Keytab, err error) {
	defer func() {
		if recover() != nil {
			keys, err = nil, errors.New("this is not a keytab")
		}
	}()
	keys = keytab.New()
	if keys.Unmarshal(data) != nil {
		return nil, errors.New("this is not a keytab")
	}
	if len(keys.Entries) == 0 {
		return nil, errors.New("it has no keys")
	}
	return keys, nil
}

// principals are those of a keytab, each once.
func principals(keys *keytab.Keytab) []string {
	var all []string
	seen := map[string]bool{}
	for _, e := range keys.Entries {
		if p := strings.Join(e.Principal.Components, "/") + "@" + e.Principal.Realm; !seen[p] {
			seen[p] = true
			all = append(all, p)
		}
	}
	return all
}

func has(keys *keytab.Keytab, principal string) bool {
	for _, p := range principals(keys) {
		if p == principal {
			return true
		}
	}
	return false
}
