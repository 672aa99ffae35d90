package tenant

import (
	"slices"
	"strings"
	"sync"

	"leat/internal/config"
)

// Directory knows all tenants and who belongs to them. It never changes.
type Directory struct {
	tenants   map[string]*Tenant
	listeners map[string]*Tenant
	rules     []rule
	super     map[string]bool
}

// rule binds principals to a tenant.
type rule struct {
	pattern string
	tenant  *Tenant
}

// Usages are those of all tenants, by name. They outlive directories.
type Usages struct {
	mu sync.Mutex
	of map[string]*Usage
}

func (u *Usages) usage(name string) *Usage {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.of[name] == nil {
		if u.of == nil {
			u.of = map[string]*Usage{}
		}
		u.of[name] = new(Usage)
	}
	return u.of[name]
}

// NewDirectory reads the keys leat.tenant.*; nil: there are no tenants.
func NewDirectory(v *config.Values, usages *Usages) *Directory {
	rules, _ := config.ParseTenantRules(v.String("leat.tenant.principals")) // the key's own rule has read them
	listeners := v.ListenerTenants()
	if len(rules) == 0 && len(listeners) == 0 {
		return nil
	}
	d := &Directory{tenants: map[string]*Tenant{}, listeners: map[string]*Tenant{}, super: principals(v.String("super.users"))}
	for _, r := range rules {
		d.rules = append(d.rules, rule{r.Pattern, d.tenant(r.Tenant, v, usages)})
	}
	for listener, name := range listeners {
		d.listeners[listener] = d.tenant(name, v, usages)
	}
	return d
}

func (d *Directory) tenant(name string, v *config.Values, usages *Usages) *Tenant {
	if t := d.tenants[name]; t != nil {
		return t
	}
	key := func(what string) string { return config.TenantKey(name, what) }
	t := New(name)
	t.Usage = usages.usage(name)
	t.administrators = principals(v.String(key("administrators")))
	t.Limits = Limits{
		Partitions: v.Int(key("max.partitions")), StoredBytes: v.Int64(key("max.stored.bytes")), Connections: v.Int(key("max.connections")),
		ProduceRate: v.Int64(key("produce.rate")), ConsumeRate: v.Int64(key("consume.rate")),
		RequestPercentage: v.Int(key("request.percentage")),
	}
	d.tenants[name] = t
	return t
}

// principals reads a list with semicolons.
func principals(text string) map[string]bool {
	out := map[string]bool{}
	for item := range strings.SplitSeq(text, ";") {
		if item = strings.TrimSpace(item); item != "" {
			out[item] = true
		}
	}
	return out
}

// Of is the tenant of a principal with some groups that came in by a listener; nil: none. The listener's tenant goes before that of the principal, and super
// users belong to none unless they use a tenant's listener.
func (d *Directory) Of(listener, principal string, groups []string) *Tenant {
	if t := d.listeners[listener]; t != nil {
		return t
	}
	if d.super[principal] {
		return nil
	}
	for _, r := range d.rules {
		if fits(r.pattern, principal) || slices.ContainsFunc(groups, func(group string) bool { return fits(r.pattern, groupKind+group) }) {
			return r.tenant
		}
	}
	return nil
}

// Plain is what the tenant to which an inner name belongs calls it; what is no tenant's is called what it is. A nil directory has no tenants.
func (d *Directory) Plain(inner string) string {
	if owner := d.Owner(inner); owner != "" {
		return inner[len(owner)+len(separator):]
	}
	return inner
}

// Owner is the name of the tenant to which an inner name belongs, "" if to none.
func (d *Directory) Owner(inner string) string {
	if name, _, ok := strings.Cut(inner, separator); ok && d != nil && d.tenants[name] != nil {
		return name
	}
	return ""
}

// groupKind begins a pattern of groups, which are those that a token of OAUTHBEARER names.
const groupKind = "Group:"

// fits reports whether a text is what a pattern says, in which * stands for any characters.
func fits(pattern, text string) bool {
	first, rest, any := strings.Cut(pattern, "*")
	if !any {
		return pattern == text
	}
	text, ok := strings.CutPrefix(text, first)
	if !ok {
		return false
	}
	for {
		part, more, another := strings.Cut(rest, "*")
		if !another {
			return strings.HasSuffix(text, part)
		}
		i := strings.Index(text, part)
		if i < 0 {
			return false
		}
		text, rest = text[i+len(part):], more
	}
}
