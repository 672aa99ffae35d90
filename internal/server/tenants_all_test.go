package server

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"leat/internal/wire"
)

// asked is what requests of a tenant's client name.
type asked struct {
	topic, group, transaction string
	id                        [16]byte
	empty                     bool // lists are empty, or null where that means all
}

// fill makes a request name what is asked.
func (a *asked) fill(v reflect.Value) {
	for i := range v.NumField() {
		f, name := v.Field(i), v.Type().Field(i).Name
		switch {
		case name == "Version" || name == "UnknownTags":
		case f.Kind() == reflect.Slice && f.Type().Elem().Kind() != reflect.Uint8:
			if !a.empty {
				f.Set(reflect.MakeSlice(f.Type(), 1, 1))
				a.set(f.Index(0), name)
			}
		default:
			a.set(f, name)
		}
	}
}

func (a *asked) set(f reflect.Value, name string) {
	switch f.Kind() {
	case reflect.Struct:
		if d := f.Addr().MethodByName("Default"); d.IsValid() {
			d.Call(nil)
		}
		a.fill(f)
	case reflect.Pointer:
		if f.Type().Elem().Kind() == reflect.String && !a.empty {
			f.Set(reflect.New(f.Type().Elem()))
			a.set(f.Elem(), name)
		}
	case reflect.String:
		f.SetString(a.name(name))
	case reflect.Array:
		f.Set(reflect.ValueOf(a.id))
	case reflect.Int16:
		if name == "Acks" {
			f.SetInt(1) // or it would not be answered
		}
	case reflect.Int8:
		if name == "ResourceType" || name == "ResourcePatternType" || name == "Operation" || name == "PermissionType" {
			f.SetInt(2)
		}
	}
}

func (a *asked) name(field string) string {
	switch {
	case strings.Contains(field, "Transaction"):
		return a.transaction
	case strings.Contains(field, "Group") || strings.Contains(field, "Coordinator"):
		return a.group
	case strings.Contains(field, "Topic") || strings.Contains(field, "Resource"):
		return a.topic
	case field == "Host":
		return "*"
	}
	return "x"
}

// answer sends one request by a connection of its own; nil: it was closed, or nothing came.
func (y *tenancy) answer(port string, rq kmsg.Request) []byte {
	y.t.Helper()
	conn, err := y.from.DialContext(y.t.Context(), "tcp", net.JoinHostPort(y.node.host.IP().String(), port))
	if err != nil {
		y.t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := conn.Write(kmsg.NewRequestFormatter(kmsg.FormatterClientID("red-client")).AppendRequest(nil, rq, 7)); err != nil {
		y.t.Fatal(err)
	}
	var size [4]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil
	}
	body := make([]byte, binary.BigEndian.Uint32(size[:]))
	if _, err := io.ReadFull(conn, body); err != nil {
		y.t.Errorf("API key %d: the answer ends: %v", rq.Key(), err)
	}
	return body
}

// live is what a tenant has.
func (y *tenancy) live(port, id string) {
	y.t.Helper()
	ctx := y.ctx()
	cl := y.client(port, kgo.ClientID(id), kgo.TransactionalID("pay"))
	defer cl.Close()
	if err := transact(ctx, cl, "orders", id+"-secret", true, 0); err != nil {
		y.t.Fatal(err)
	}
	y.read(port, 1, kgo.ClientID(id), kgo.ConsumerGroup("workers"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchIsolationLevel(kgo.ReadCommitted()))
}

// Whatever API red tries, in whatever version, nothing of blue is in the answer, nor any name as the cluster keeps it; and blue keeps all it has.
func TestNothingOfOneTenantIsVisibleToTheOther(t *testing.T) {
	newTenancy(t, map[string]string{"transaction.state.log.num.partitions": "1", "offsets.topic.num.partitions": "1"}, func(y *tenancy) {
		ctx := y.ctx()
		y.live(atRed, "red-client")
		y.live(atBlue, "blue-client")
		blue := kadm.NewClient(y.client(atBlue, kgo.ClientID("blue-client")))
		defer blue.Close()
		if _, err := blue.CreateTopic(ctx, 1, 1, map[string]*string{"retention.ms": kadm.StringPtr("777777777")}, "vault"); err != nil {
			t.Fatal(err)
		}
		y.read(atBlue, 1, kgo.ClientID("blue-client"), kgo.ConsumerGroup("spies"), kgo.ConsumeTopics("orders"), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		red := kadm.NewClient(y.client(atRed))
		defer red.Close()
		before, own := y.held(blue), y.held(red)
		secrets := [][]byte{[]byte("zblue"), []byte("zred."), []byte("blue-client"), []byte("vault"), []byte("spies"), []byte("777777777")}
		answered := map[int16]bool{}
		try := func(a asked, destroying bool, secrets [][]byte) {
			for _, api := range wire.APIs {
				if !api.Advertised || !api.Broker || destroys[api.Key] != destroying {
					continue
				}
				for version := api.Min; version <= api.Max; version++ {
					rq := kmsg.RequestForKey(api.Key)
					rq.SetVersion(version)
					if d := reflect.ValueOf(rq).MethodByName("Default"); d.IsValid() {
						d.Call(nil)
					}
					a.fill(reflect.ValueOf(rq).Elem())
					body := y.answer(atRed, rq)
					answered[api.Key] = answered[api.Key] || body != nil
					for _, secret := range secrets {
						if bytes.Contains(body, secret) {
							t.Errorf("%s version %d of red is answered with %q in %q", api.Name, version, secret, body)
						}
					}
				}
			}
		}
		orders, vault := before.ids["orders"], before.ids["vault"]
		ids := [][]byte{orders[:], vault[:]}
		mine := asked{topic: "orders", group: "workers", transaction: "pay", id: own.ids["orders"]}
		all := mine
		all.empty = true
		for _, destroying := range []bool{false, true} {
			try(all, destroying, append(ids, secrets...))
			try(mine, destroying, append(ids, secrets...))
		}
		// From here on red has topics and groups of its own that are called as blue's are.
		for _, theirs := range []asked{
			{topic: "vault", group: "spies", transaction: "pay", id: orders},
			{topic: "zblue.vault", group: "zblue.spies", transaction: "zblue.pay", id: vault},
		} {
			for _, destroying := range []bool{false, true} {
				try(theirs, destroying, [][]byte{[]byte("zred."), []byte("blue-client"), []byte("777777777")})
			}
		}
		for _, api := range wire.APIs {
			if api.Advertised && api.Broker && !answered[api.Key] {
				t.Errorf("%s was never answered", api.Name)
			}
		}
		if after := y.held(blue); !reflect.DeepEqual(before, after) {
			t.Errorf("blue had %+v and has %+v", before, after)
		}
	})
}

// destroys are the keys that are tried last, because they take away what the others look at.
var destroys = map[int16]bool{20: true, 21: true, 31: true, 42: true, 47: true}

// holding is what a tenant has.
type holding struct {
	ids    map[string][16]byte
	groups []string
	ends   map[string]int64
}

func (y *tenancy) held(adm *kadm.Client) holding {
	y.t.Helper()
	ctx := y.ctx()
	topics, err := adm.ListTopicsWithInternal(ctx)
	if err != nil {
		y.t.Fatal(err)
	}
	h := holding{ids: map[string][16]byte{}, ends: map[string]int64{}}
	for name, topic := range topics {
		h.ids[name] = topic.ID
	}
	groups, err := adm.ListGroups(ctx)
	if err != nil {
		y.t.Fatal(err)
	}
	h.groups = groups.Groups()
	slices.Sort(h.groups)
	ends, err := adm.ListEndOffsets(ctx, topics.Names()...)
	if err != nil {
		y.t.Fatal(err)
	}
	ends.Each(func(o kadm.ListedOffset) { h.ends[o.Topic] += o.Offset })
	return h
}
