package tenant

import (
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// plan is where the names of a message are, found once by reflection.
type plan []step

// step is a field that holds a name, or something that has such fields.
type step struct {
	field int
	kind  kind
	sub   plan // of structs, and of what points to them or lists them
}

// plans are of all messages that tenants are served.
type plans struct {
	requests, responses map[int16]plan
	unknown             map[int16][]string // fields that no table knows, by key
}

var planned = sync.OnceValue(func() *plans {
	p := &plans{requests: map[int16]plan{}, responses: map[int16]plan{}, unknown: map[int16][]string{}}
	for key, treatment := range treatments {
		if treatment != Turned {
			continue
		}
		for _, side := range []struct {
			of      map[int16]plan
			message any
		}{{p.requests, kmsg.RequestForKey(key)}, {p.responses, kmsg.ResponseForKey(key)}} {
			t := reflect.TypeOf(side.message).Elem()
			f := finder{message: t.Name()}
			side.of[key] = f.plan(t, "")
			p.unknown[key] = append(p.unknown[key], f.unknown...)
		}
	}
	return p
})

// finder looks through one message.
type finder struct {
	message string
	unknown []string
}

func (f *finder) plan(t reflect.Type, path string) plan {
	var out plan
	for i := range t.NumField() {
		field := t.Field(i)
		if field.Name == "Version" || field.Name == "UnknownTags" {
			continue
		}
		at, inner := path+"."+field.Name, field.Type
		for listed(inner) || inner.Kind() == reflect.Pointer {
			if listed(inner) {
				at += "[]"
			}
			inner = inner.Elem()
		}
		switch inner.Kind() {
		case reflect.Struct:
			if sub := f.plan(inner, at); len(sub) > 0 {
				out = append(out, step{field: i, sub: sub})
			}
		case reflect.String, reflect.Array, reflect.Slice:
			if k := f.kind(field, inner, at); k != plain && k != elsewhere {
				out = append(out, step{field: i, kind: k})
			}
		}
	}
	return out
}

// listed reports whether a type is a list, and not bytes.
func listed(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() != reflect.Uint8
}

// kind looks a field up, and whether its type fits what the tables say.
func (f *finder) kind(field reflect.StructField, inner reflect.Type, path string) kind {
	k, known := kindsAt[f.message+path]
	if !known && listed(field.Type) {
		k, known = kindsAt[f.message+path[:len(path)-len("[]")]]
	}
	if !known {
		k = kinds[field.Name]
	}
	fits := true
	switch k {
	case topicID:
		fits = inner.Kind() == reflect.Array
	case subscription, assignment:
		fits = inner.Kind() == reflect.Slice
	case topic, group, transactionalID, text, topicRegex, transactions:
		fits = inner.Kind() == reflect.String
	}
	if k == unclassified || !fits {
		f.unknown = append(f.unknown, f.message+path)
	}
	return k
}
