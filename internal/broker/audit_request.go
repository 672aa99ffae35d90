package broker

import (
	"encoding/json"
	"reflect"
	"slices"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/audit"
	"leat/internal/config"
	"leat/internal/record"
)

// What an administrative request asked is told field by field, under the names of the protocol. What may be a secret is not: bytes (salts, passwords,
// tokens), and the values of configs that are sensitive, or that nobody knows.

const (
	auditListMost = 200   // of a list
	auditTextMost = 2000  // bytes of a text
	auditMost     = 32768 // bytes of all of it
	hidden        = "[hidden]"
)

// auditAsked tells what a request asks for, and of which resources.
func (h *Handlers) auditAsked(c *Call) (json.RawMessage, []audit.Resource) {
	v := reflect.ValueOf(c.Body).Elem()
	t := teller{left: auditMost}
	asked, _ := json.Marshal(t.fields(v))
	if n := len(asked) + t.over; n > auditMost {
		asked, _ = json.Marshal(map[string]int{"bytes_left_out": n})
	}
	var r resourcesFound
	r.walk(c, v)
	if len(r.all) == 0 {
		r.add("cluster", "kafka-cluster")
	}
	return asked, r.all
}

// teller tells the values of a request. A request of megabytes, which whoever may connect can send, must not become a hundred times as much: when the values
// told come to more than may be kept, those that follow are only counted.
type teller struct{ left, over int }

// room reports whether a value of a size is told.
func (t *teller) room(size int) bool {
	if t.left -= size; t.left >= 0 {
		return true
	}
	t.over += size
	return false
}

// fields are those of a struct that say something.
func (t *teller) fields(v reflect.Value) map[string]any {
	out := map[string]any{}
	if !t.room(1) {
		return out
	}
	of := v.Type()
	for i := range of.NumField() {
		name := of.Field(i).Name
		if name == "Version" || name == "UnknownTags" || strings.HasPrefix(name, "TimeoutMillis") {
			continue
		}
		if name == "Value" && secretConfig(v) {
			out["value"] = hidden
			continue
		}
		if value := t.value(v.Field(i)); value != nil {
			out[lowerFirst(name)] = value
		}
	}
	return out
}

// value is one of a request; nil if it says nothing.
func (t *teller) value(v reflect.Value) any {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return t.value(v.Elem())
	case reflect.Struct:
		return t.fields(v)
	case reflect.Array:
		if id, ok := v.Interface().([16]byte); ok && id != [16]byte{} {
			return record.UUID(id).String()
		}
		return nil
	case reflect.Slice:
		return t.list(v)
	case reflect.String:
		if text := cutText(v.String()); t.room(len(text) + 2) {
			return text
		}
		return nil
	case reflect.Bool, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64, reflect.Uint16, reflect.Uint32, reflect.Float64:
		if !t.room(1) {
			return nil
		}
		return v.Interface()
	default:
		return nil
	}
}

func (t *teller) list(v reflect.Value) any {
	if v.Len() == 0 {
		return nil
	}
	if v.Type().Elem().Kind() == reflect.Uint8 {
		return hidden
	}
	var list []any
	for i := range min(v.Len(), auditListMost) {
		if t.left < 0 {
			break // it is not told as a whole any more
		}
		list = append(list, t.value(v.Index(i)))
	}
	if left := v.Len() - auditListMost; left > 0 {
		list = append(list, map[string]int{"left_out": left})
	}
	return list
}

func cutText(s string) string {
	if len(s) > auditTextMost {
		return strings.ToValidUTF8(s[:auditTextMost], "") + "..."
	}
	return s
}

func lowerFirst(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// secretConfig reports whether a struct with a value is a config of which the value must not be told.
func secretConfig(v reflect.Value) bool {
	field := v.FieldByName("Name")
	if !field.IsValid() || field.Kind() != reflect.String {
		return false
	}
	name := field.String()
	for _, scope := range []config.Scope{config.Topic, config.Broker, config.Group, config.ClientMetrics} {
		if k, ok := config.Lookup(scope, name); ok {
			return k.Sensitive()
		}
	}
	return config.SecretName(name)
}

// resourcesFound are the resources that a request names.
type resourcesFound struct {
	all    []audit.Resource
	looked int // how many were named, some of them again
}

// auditLooks is at how many names of resources of one request the audit log looks.
const auditLooks = 10 * auditListMost

// full reports whether no further resources are looked for.
func (r *resourcesFound) full() bool { return len(r.all) >= auditListMost || r.looked >= auditLooks }

func (r *resourcesFound) add(kind, name string) {
	r.looked++
	found := audit.Resource{Type: kind, Name: cutText(name)}
	if len(r.all) < auditListMost && !slices.Contains(r.all, found) {
		r.all = append(r.all, found)
	}
}

// namedBy are the fields that name resources, wherever they stand.
var namedBy = map[string]string{"Topic": "topic", "TopicNames": "topic", "Group": "group", "Groups": "group", "GroupID": "group", "TransactionalID": "transactional-id"}

// walk looks for resources in a part of a request.
func (r *resourcesFound) walk(c *Call, v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if !v.IsNil() {
			r.walk(c, v.Elem())
		}
	case reflect.Slice:
		if k := v.Type().Elem().Kind(); k != reflect.Struct && k != reflect.Pointer {
			return // numbers, bytes and texts that name nothing
		}
		for i := range v.Len() {
			if r.full() {
				return
			}
			r.walk(c, v.Index(i))
		}
	case reflect.Struct:
		r.special(c, v)
		t := v.Type()
		for i := range t.NumField() {
			if kind, ok := namedBy[t.Field(i).Name]; ok && r.names(kind, v.Field(i)) {
				continue
			}
			r.walk(c, v.Field(i))
		}
	default:
	}
}

// names takes what is a name or a list of names.
func (r *resourcesFound) names(kind string, v reflect.Value) bool {
	switch of := v.Interface().(type) {
	case string:
		r.add(kind, of)
	case *string:
		if of != nil {
			r.add(kind, *of)
		}
	case []string:
		for _, name := range of[:min(len(of), auditListMost)] {
			r.add(kind, name)
		}
	default:
		return false
	}
	return true
}

// special takes resources that are named by more than one field.
func (r *resourcesFound) special(c *Call, v reflect.Value) {
	switch of := v.Interface().(type) {
	case kmsg.DeleteTopicsRequestTopic:
		if topic, ok := c.Image.TopicByID(of.TopicID); ok && of.Topic == nil {
			r.add("topic", topic.Name)
		}
	case kmsg.AlterConfigsRequestResource:
		r.add(configResourceWord(of.ResourceType), of.ResourceName)
	case kmsg.IncrementalAlterConfigsRequestResource:
		r.add(configResourceWord(of.ResourceType), of.ResourceName)
	case kmsg.CreateACLsRequestCreation:
		r.add(aclResourceWord(int(of.ResourceType)), of.ResourceName)
	case kmsg.DeleteACLsRequestFilter:
		if of.ResourceName != nil {
			r.add(aclResourceWord(int(of.ResourceType)), *of.ResourceName)
		}
	case kmsg.AlterUserSCRAMCredentialsRequestDeletion:
		r.add("user", of.Name)
	case kmsg.AlterUserSCRAMCredentialsRequestUpsertion:
		r.add("user", of.Name)
	case kmsg.AlterClientQuotasRequestEntryEntity:
		name := "<default>"
		if of.Name != nil {
			name = *of.Name
		}
		r.add(of.Type, name)
	}
}

func configResourceWord(t kmsg.ConfigResourceType) string { return strings.ToLower(t.String()) }

func aclResourceWord(t int) string {
	if t < 0 || t >= len(resourceTypeWords) {
		return resourceTypeWords[0]
	}
	return resourceTypeWords[t]
}

// auditOutcome is what became of a request: which parts failed and why, and whether that is because somebody may not.
func auditOutcome(resp kmsg.Response) ([]audit.Problem, audit.Outcome) {
	var found problemsFound
	found.walk(reflect.ValueOf(resp).Elem(), "")
	switch {
	case len(found.all) == 0:
		return nil, audit.Success
	case found.denied:
		return found.all, audit.Denied
	}
	return found.all, audit.Failure
}

// problemsFound are the errors in an answer.
type problemsFound struct {
	all    []audit.Problem
	denied bool // some of them are refusals
}

// walk looks for error codes; name is that of what stands around.
func (p *problemsFound) walk(v reflect.Value, name string) {
	switch v.Kind() {
	case reflect.Slice:
		for i := range v.Len() {
			p.walk(v.Index(i), name)
		}
	case reflect.Struct:
		name = nameOf(v, name)
		if code := v.FieldByName("ErrorCode"); code.IsValid() && code.Kind() == reflect.Int16 && code.Int() != 0 {
			p.denied = p.denied || refusals[int16(code.Int())]
			if len(p.all) < auditListMost {
				p.all = append(p.all, audit.Problem{Resource: name, Error: errorWord(int16(code.Int()))})
			}
		}
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "UnknownTags" {
				p.walk(v.Field(i), name)
			}
		}
	default:
	}
}

// nameOf is what a part of an answer is about.
func nameOf(v reflect.Value, around string) string {
	for _, name := range []string{"Topic", "ResourceName", "Group", "GroupID", "User", "Name"} {
		f := v.FieldByName(name)
		if f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() {
			f = f.Elem()
		}
		if f.IsValid() && f.Kind() == reflect.String && f.String() != "" {
			return cutText(f.String())
		}
	}
	return around
}
