package config

import (
	"errors"
	"fmt"
	"strings"
)

// leatTenantKeys say who belongs to which tenant. The limits of a tenant have its name in their key: see tenantFamily.
var leatTenantKeys = []Key{
	{Name: "leat.tenant", Type: String, Default: "", Valid: tenantName, Importance: "MEDIUM", Built: true,
		Doc: "Tenant of all clients of a listener: given as listener.name.<listener>.leat.tenant only. Brokers must not use that listener."},
	{Name: "leat.tenant.principals", Type: String, Default: "", Valid: tenantRules, Mode: ClusterWide, Importance: "MEDIUM", Built: true,
		Doc: "Which principals belong to which tenant: <tenant>=User:name, or <tenant>=Group:name for who has a token with that group, with ; between several; * stands for any characters, the first that fits counts, and super users belong to none."},
}

// tenantFamily are the keys leat.tenant.<tenant>.<what>, by what. They exist for every name that a tenant may have.
var tenantFamily = func() map[string]*Key {
	const prefix = "leat.tenant.<tenant>."
	rows := []Key{
		{Name: "administrators", Type: String, Default: "", Doc: "Principals, with ; between them, who may do everything within the tenant."},
		{Name: "consume.rate", Type: Long, Default: "-1", Valid: atLeast(-1), Doc: "Bytes per second that all clients of the tenant together read from a broker; -1: any."},
		{Name: "max.connections", Type: Int, Default: "-1", Valid: atLeast(-1), Doc: "Connections that all clients of the tenant together have to a broker; -1: any."},
		{Name: "max.partitions", Type: Int, Default: "-1", Valid: atLeast(-1), Doc: "Partitions that the topics of the tenant may have together; -1: any."},
		{Name: "max.stored.bytes", Type: Long, Default: "-1", Valid: atLeast(-1), Doc: "Bytes that a broker stores for the tenant, above which its producers are refused; -1: any."},
		{Name: "produce.rate", Type: Long, Default: "-1", Valid: atLeast(-1), Doc: "Bytes per second that all clients of the tenant together write to a broker; -1: any."},
		{Name: "request.percentage", Type: Int, Default: "-1", Valid: atLeast(-1), Doc: "Percent of the time of one processor that a broker spends on requests of all clients of the tenant together, as request_percentage of a quota; -1: any."},
	}
	family := map[string]*Key{}
	for _, k := range rows {
		what := k.Name
		k.Name, k.Mode, k.Importance, k.Built, k.Unlisted = prefix+what, ClusterWide, "MEDIUM", true, true
		value, err := k.parse(k.Default)
		if err != nil {
			panic(fmt.Sprintf("bug: default of %v", err))
		}
		k.value = value
		family[what] = &k
	}
	return family
}()

// tenantPrefix begins the keys of the family.
const tenantPrefix = "leat.tenant."

// TenantKey is the key of what a tenant may have.
func TenantKey(tenant, what string) string { return tenantPrefix + tenant + "." + what }

// lookupTenant finds the row of a key of the family.
func lookupTenant(name string) (*Key, bool) {
	rest, ok := strings.CutPrefix(name, tenantPrefix)
	if !ok {
		return nil, false
	}
	tenant, what, ok := strings.Cut(rest, ".")
	row := tenantFamily[what]
	if !ok || row == nil || CheckTenant(tenant) != nil {
		return nil, false
	}
	k := *row
	k.Name = name
	return &k, true
}

// Tenants are the names that keys of the family are set for, in no order.
func (v *Values) Tenants() []string {
	seen := map[string]bool{}
	var names []string
	for _, name := range v.tenantKeys() {
		tenant, _, _ := strings.Cut(strings.TrimPrefix(name, tenantPrefix), ".")
		if !seen[tenant] {
			seen[tenant] = true
			names = append(names, tenant)
		}
	}
	return names
}

// tenantKeys are the keys of the family that are set, each once.
func (v *Values) tenantKeys() []string {
	if v.scope != Broker {
		return nil
	}
	seen := map[string]bool{}
	var names []string
	for _, l := range v.layers {
		for name := range l.entries {
			if _, ok := lookupTenant(name); ok && !seen[name] {
				seen[name] = true
				names = append(names, name)
			}
		}
	}
	return names
}

// ListenerTenants are the tenants of listeners, by name of the listener.
func (v *Values) ListenerTenants() map[string]string {
	of := map[string]string{}
	for i := len(v.layers) - 1; i >= 0; i-- {
		for name, e := range v.layers[i].entries {
			base, ok := listenerKey(name)
			if ok && base == "leat.tenant" && e.text != "" {
				listener := strings.TrimSuffix(strings.TrimPrefix(name, "listener.name."), "."+base)
				of[strings.ToUpper(listener)] = e.text
			}
		}
	}
	return of
}

// longestTenant leaves most of the 249 characters of a topic's name to the tenant.
const longestTenant = 32

// CheckTenant says what is wrong with the name of a tenant. It has no points and no underscores, so that no names of two tenants look alike.
func CheckTenant(name string) error {
	if name == "" || len(name) > longestTenant {
		return fmt.Errorf("the name of a tenant has 1 to %d characters, %q has %d", longestTenant, name, len(name))
	}
	for i, c := range []byte(name) {
		letter := c|0x20 >= 'a' && c|0x20 <= 'z'
		if !letter && (i == 0 || c != '-' && (c < '0' || c > '9')) {
			return fmt.Errorf("the name of a tenant is made of letters, digits and -, and begins with a letter: %q is not", name)
		}
	}
	return nil
}

// TenantRule is one item of leat.tenant.principals.
type TenantRule struct{ Tenant, Pattern string }

// ParseTenantRules reads leat.tenant.principals.
func ParseTenantRules(text string) ([]TenantRule, error) {
	var rules []TenantRule
	for item := range strings.SplitSeq(text, ";") {
		if item = trim(item); item == "" {
			continue
		}
		tenant, pattern, _ := strings.Cut(item, "=")
		tenant, pattern = trim(tenant), trim(pattern)
		if kind, name, ok := strings.Cut(pattern, ":"); !ok || kind == "" || name == "" {
			return nil, fmt.Errorf("%q names no principal: write <tenant>=User:name, and ; between several", item)
		}
		if err := CheckTenant(tenant); err != nil {
			return nil, err
		}
		rules = append(rules, TenantRule{tenant, pattern})
	}
	return rules, nil
}

var tenantRules Rule = described{"rules like red=User:ann;blue=User:b-*", func(value any) error {
	_, err := ParseTenantRules(value.(string))
	return err
}}

var tenantName Rule = described{"the name of a tenant, behind listener.name.<listener>.", func(value any) error {
	if value.(string) == "" {
		return nil
	}
	return errors.New("it is given for a listener: write listener.name.<listener>.leat.tenant")
}}

// checkTenants refuses tenants of listeners that nodes use among themselves, or that are no names.
func (v *Values) checkTenants() error {
	of := v.ListenerTenants()
	if len(of) == 0 {
		return nil
	}
	ls, err := v.Listeners()
	if err != nil {
		return err
	}
	for listener, tenant := range of {
		key := "listener.name." + strings.ToLower(listener) + ".leat.tenant"
		if err := CheckTenant(tenant); err != nil {
			return wrong(key, tenant, err)
		}
		for _, l := range ls.Bind {
			if l.Name == listener && (l.Control || l.Name == ls.InterBroker) {
				return wrong(key, tenant, fmt.Errorf("nodes use this listener among themselves: give tenants another one"))
			}
		}
	}
	return nil
}
