package tenant

import (
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// Cluster is what turning has to know of the cluster, at one moment.
type Cluster interface {
	// TopicName finds the inner name of a topic by its id.
	TopicName(id [16]byte) (string, bool)
	// Patterns yields the resource patterns of all ACLs, some more than once.
	Patterns(yield func(Pattern) bool)
}

// Exchange is one request of a tenant's client and its answer.
type Exchange struct {
	*Tenant
	cluster Cluster
	mask    [16]byte
	key     int16
	longer  int // by how much names of the request became longer
	after   []func(kmsg.Response)
}

// ErrRequest means that a request cannot be served to a tenant.
var ErrRequest = errors.New("not for tenants")

// Begin begins an exchange. The mask is random, secret and the same for all exchanges of a process: ids of topics of others are hidden behind it.
func (t *Tenant) Begin(cluster Cluster, mask [16]byte) *Exchange {
	return &Exchange{Tenant: t, cluster: cluster, mask: mask}
}

// In turns the names of a request.
func (x *Exchange) In(rq kmsg.Request) error {
	x.key = rq.Key()
	if Treat(x.key) != Turned || len(planned().unknown[x.key]) > 0 {
		return fmt.Errorf("API key %d: %w", x.key, ErrRequest)
	}
	v := reflect.ValueOf(rq).Elem()
	if err := x.in(v, planned().requests[x.key]); err != nil {
		return err
	}
	if turn := requestsElsewhere[x.key]; turn != nil {
		return turn(x, rq)
	}
	return nil
}

// Out turns the names of the answer. What the answer shares with others is copied before it is changed.
func (x *Exchange) Out(resp kmsg.Response) {
	x.out(reflect.ValueOf(resp).Elem(), planned().responses[x.key])
	if turn := responsesElsewhere[x.key]; turn != nil {
		turn(x, resp)
	}
	for _, f := range x.after {
		f(resp)
	}
}

func (x *Exchange) in(v reflect.Value, p plan) error {
	for _, s := range p {
		if err := x.fieldIn(v.Field(s.field), s); err != nil {
			return err
		}
	}
	return nil
}

func (x *Exchange) fieldIn(v reflect.Value, s step) error {
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return x.fieldIn(v.Elem(), s)
	case listed(v.Type()):
		for i := range v.Len() {
			if err := x.fieldIn(v.Index(i), s); err != nil {
				return err
			}
		}
		return nil
	case s.sub != nil:
		return x.in(v, s.sub)
	}
	switch v.Kind() {
	case reflect.String:
		name, err := x.nameIn(s.kind, v.String())
		v.SetString(name)
		return err
	case reflect.Slice:
		turned, err := protocolNames(v.Bytes(), s.kind, x.nameOfProtocolIn)
		v.SetBytes(turned)
		return err
	default:
		id := x.TopicID(v.Interface().([16]byte))
		v.Set(reflect.ValueOf(id))
	}
	return nil
}

// nameIn is the inner name. The empty name stays what it is, because it is no name, but for groups that need none for storing offsets.
func (x *Exchange) nameIn(k kind, name string) (string, error) {
	if len(name) > longestName {
		return name, fmt.Errorf("a name of %d characters: %w", len(name), ErrRequest)
	}
	switch k {
	case topicRegex, transactions:
		return x.regexIn(name), nil
	case group:
		if name == "" && groupsWithMembers[x.key] {
			return name, nil
		}
		return x.lengthened(name)
	case topic, transactionalID:
		if name == "" {
			return name, nil
		}
		return x.lengthened(name)
	}
	return name, nil
}

// mostLonger bounds what the tenant's name adds to a request: one of a hundred megabytes that is all short names would otherwise become one of gigabytes.
const mostLonger = 16 << 20

// lengthened is the inner name, unless there were too many.
func (x *Exchange) lengthened(name string) (string, error) {
	if x.longer += len(x.prefix); x.longer > mostLonger {
		return name, fmt.Errorf("more than %d names: send fewer in one request: %w", mostLonger/len(x.prefix), ErrRequest)
	}
	return x.Inner(name), nil
}

// groupsWithMembers are the keys that refuse a group without a name; the others may take it, and then it must be the tenant's own.
var groupsWithMembers = map[int16]bool{11: true, 12: true, 13: true, 14: true, 68: true, 76: true, 78: true, 79: true, 88: true, 93: true}

func (x *Exchange) out(v reflect.Value, p plan) (own bool) {
	own = true
	for _, s := range p {
		if !x.fieldOut(v.Field(s.field), s) {
			own = false
		}
	}
	return own
}

// fieldOut turns a field and reports whether what has it is the tenant's.
func (x *Exchange) fieldOut(v reflect.Value, s step) bool {
	switch {
	case v.Kind() == reflect.Pointer:
		if v.IsNil() {
			return true
		}
		to := reflect.New(v.Type().Elem())
		to.Elem().Set(v.Elem())
		own := x.fieldOut(to.Elem(), s)
		if own {
			v.Set(to)
		} else {
			v.SetZero()
		}
		return own || s.sub != nil
	case listed(v.Type()):
		x.listOut(v, s)
		return true
	case s.sub != nil:
		return x.out(v, s.sub)
	}
	switch v.Kind() {
	case reflect.String:
		name, own := x.nameOut(s.kind, v.String())
		v.SetString(name)
		return own
	case reflect.Slice:
		turned, err := protocolNames(v.Bytes(), s.kind, x.nameOfProtocolOut)
		if err != nil {
			turned = []byte{} // it names what is not the tenant's
		}
		v.SetBytes(turned)
	default:
		v.Set(reflect.ValueOf(x.askedTopicID(v.Interface().([16]byte))))
	}
	return true
}

// listOut keeps of a list what is the tenant's.
func (x *Exchange) listOut(v reflect.Value, s step) {
	if v.Len() == 0 {
		return
	}
	list := reflect.MakeSlice(v.Type(), v.Len(), v.Len())
	reflect.Copy(list, v)
	kept := 0
	for i := range list.Len() {
		e := list.Index(i)
		if !x.fieldOut(e, s) {
			continue
		}
		if kept != i {
			list.Index(kept).Set(e)
		}
		kept++
	}
	v.Set(list.Slice(0, kept))
}

// nameOut is the plain name, "" for what is not the tenant's.
func (x *Exchange) nameOut(k kind, name string) (string, bool) {
	switch k {
	case text:
		return x.plainText(name), true
	case topicRegex:
		return x.regexOut(name), true
	case topic, transactionalID:
		if name == "" {
			return "", true
		}
	}
	return x.Plain(name)
}

// TopicID is the id to look for instead of one that a client gave: ids of topics of others are changed to such as nobody can have.
func (x *Exchange) TopicID(id [16]byte) [16]byte {
	if name, known := x.cluster.TopicName(id); known && !x.Owns(name) {
		return x.masked(id)
	}
	return id
}

// askedTopicID is the id that a client gave.
func (x *Exchange) askedTopicID(id [16]byte) [16]byte {
	if name, known := x.cluster.TopicName(id); known && x.Owns(name) {
		return id
	}
	asked := x.masked(id)
	if name, known := x.cluster.TopicName(asked); known && !x.Owns(name) {
		return asked
	}
	return id
}

// PlainTopicID is what the client calls an id that an answer is about.
func (x *Exchange) PlainTopicID(id [16]byte) [16]byte { return x.askedTopicID(id) }

// PlainText is a text for people as the client may see it.
func (x *Exchange) PlainText(s string) string { return x.plainText(s) }

func (x *Exchange) masked(id [16]byte) [16]byte {
	for i := range id {
		id[i] ^= x.mask[i]
	}
	return id
}

func (x *Exchange) nameOfProtocolIn(name string) (string, error) {
	if len(name) > longestName {
		return name, fmt.Errorf("a name of %d characters: %w", len(name), ErrRequest)
	}
	return x.lengthened(name)
}

func (x *Exchange) nameOfProtocolOut(name string) (string, error) {
	plain, own := x.Plain(name)
	if !own {
		return "", ErrRequest
	}
	return plain, nil
}

// cutPrefixed takes prefix and suffix off.
func cutAround(s, before, behind string) (string, bool) {
	s, ok := strings.CutPrefix(s, before)
	if !ok {
		return s, false
	}
	return strings.CutSuffix(s, behind)
}
