package main

import (
	"encoding/binary"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// names turns what must differ between two brokers into words that must not: ids into the order in which they were seen or
// the names that they belong to, addresses and directories into one word, times around now into "now".
type names struct {
	port, dir, cluster string
	key                int16 // the API whose answer is rendered

	topics    map[[16]byte]string
	members   map[string]string
	producers map[int64]string
	sessions  map[int32]string
}

func newNames(port, dir string) *names {
	return &names{
		port: port, dir: dir,
		topics:    map[[16]byte]string{{}: "zero", unknownTopicID: "unknown"},
		members:   map[string]string{},
		producers: map[int64]string{},
		sessions:  map[int32]string{},
	}
}

// render flattens a response into one line per field: path and value.
func (n *names) render(resp kmsg.Response) map[string]string {
	lines := map[string]string{}
	n.key = resp.Key()
	n.value("", "", reflect.ValueOf(resp), lines)
	return lines
}

func (n *names) value(path, field string, v reflect.Value, lines map[string]string) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			lines[path] = "null"
			return
		}
		n.value(path, field, v.Elem(), lines)
	case reflect.Struct:
		n.structure(path, v, lines)
	case reflect.Slice:
		n.slice(path, field, v, lines)
	default:
		if text, shown := n.scalar(field, v); shown {
			lines[path] = text
		}
	}
}

func (n *names) structure(path string, v reflect.Value, lines map[string]string) {
	if tags, ok := v.Interface().(kmsg.Tags); ok {
		if tags.Len() > 0 {
			lines[path] = fmt.Sprintf("%d unknown tags", tags.Len())
		}
		return
	}
	n.learn(v)
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if !field.IsExported() || field.Name == "Version" || field.Name == "ThrottleMillis" {
			continue
		}
		n.value(path+"."+field.Name, field.Name, v.Field(i), lines)
	}
}

// learn remembers which topic an id belongs to whenever both stand side by side.
func (n *names) learn(v reflect.Value) {
	id := v.FieldByName("TopicID")
	if !id.IsValid() || id.IsZero() {
		return
	}
	for _, field := range []string{"Topic", "Name"} {
		name := v.FieldByName(field)
		if name.IsValid() && name.Kind() == reflect.Pointer {
			name = name.Elem()
		}
		if name.IsValid() && name.String() != "" && id.Interface() != unknownTopicID {
			n.topics[id.Interface().([16]byte)] = "of " + name.String()
		}
	}
}

// slice renders elements under what names them instead of under their place: brokers may order them as they like.
func (n *names) slice(path, field string, v reflect.Value, lines map[string]string) {
	if raw, ok := v.Interface().([]byte); ok {
		lines[path] = n.bytes(field, raw)
		return
	}
	lines[path+".len"] = fmt.Sprint(v.Len())
	if v.IsNil() && v.Len() == 0 {
		lines[path+".len"] = "0"
	}
	if v.Type().Elem().Kind() != reflect.Struct {
		parts := make([]string, v.Len())
		for i := range parts {
			parts[i], _ = n.scalar(field, v.Index(i))
		}
		if sortedScalars[field] {
			slices.Sort(parts)
		}
		lines[path] = strings.Join(parts, " ")
		return
	}
	seen := map[string]int{}
	for i := range v.Len() {
		key := n.elementKey(v.Index(i))
		seen[key]++
		if seen[key] > 1 {
			key = fmt.Sprintf("%s#%d", key, seen[key])
		}
		n.value(path+"["+key+"]", field, v.Index(i), lines)
	}
}

// sortedScalars are lists whose order means nothing.
var sortedScalars = map[string]bool{"OfflineReplicas": true, "SubscribedTopics": true, "SubscribedTopicNames": true}

// keyFields name an element of a list, in this order; all that exist are used.
var keyFields = []string{
	"Topic", "Name", "TopicID", "Group", "GroupID", "TransactionalID", "ResourceName", "ResourceType", "Partition", "PartitionIndex", "ApiKey",
	"NodeID", "MemberID", "InstanceID", "Dir", "ConfigName", "ReplicaID", "Key", "BrokerID", "ProducerID", "Type", "User", "Mechanism",
}

func (n *names) elementKey(v reflect.Value) string {
	n.learn(v)
	var parts []string
	for _, field := range keyFields {
		f := v.FieldByName(field)
		for f.IsValid() && f.Kind() == reflect.Pointer && !f.IsNil() {
			f = f.Elem()
		}
		if f.IsValid() && f.Kind() != reflect.Pointer && f.Kind() != reflect.Slice && f.Kind() != reflect.Struct {
			text, _ := n.scalar(field, f)
			parts = append(parts, text)
		}
	}
	if entity := v.FieldByName("Entity"); entity.IsValid() { // of quotas
		for i := range entity.Len() {
			parts = append(parts, n.elementKey(entity.Index(i)))
		}
		slices.Sort(parts)
	}
	return strings.Join(parts, " ")
}

var (
	otherPort = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)
	shortID   = regexp.MustCompile(`^[A-Za-z0-9_-]{22}$`)
	uuidText  = regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`)
	timeNames = map[string]bool{
		"Timestamp": true, "LogAppendTime": true, "LastTimestamp": true, "LastFetchTimestamp": true, "LastCaughtUpTimestamp": true,
		"CommitTimestamp": true, "StartTimestamp": true,
	}
	sizeNames = map[string]bool{"TotalBytes": true, "UsableBytes": true, "BrokerEpoch": true, "FinalizedFeaturesEpoch": true}
)

func (n *names) scalar(field string, v reflect.Value) (string, bool) {
	switch x := v.Interface().(type) {
	case string:
		return n.text(field, x), true
	case [16]byte:
		if name, ok := n.topics[x]; ok {
			return name, true
		}
		return "some id", true
	case int64:
		return n.long(field, x), true
	case uint16:
		if field == "Port" {
			return n.portName(fmt.Sprint(x)), true
		}
	case int32:
		switch {
		case field == "Port" && x >= 0:
			return n.portName(fmt.Sprint(x)), true
		case field == "SessionID" && x != 0:
			return remember(n.sessions, x, "session"), true
		}
	}
	return fmt.Sprint(v.Interface()), true
}

func (n *names) portName(port string) string {
	if port == n.port {
		return "PORT"
	}
	return "OTHER PORT"
}

func (n *names) long(field string, x int64) string {
	age := time.Since(time.UnixMilli(x))
	switch {
	case timeNames[field] && age > -time.Hour && age < time.Hour:
		return "now"
	case sizeNames[field] && x > 0:
		return "positive"
	case n.key == int16(kmsg.DescribeQuorum) && (field == "LogEndOffset" || field == "HighWatermark") && x > 0:
		return "positive" // how long the metadata log is
	case field == "ProducerID" && x >= 0:
		return remember(n.producers, x, "producer")
	}
	return fmt.Sprint(x)
}

func remember[K comparable](known map[K]string, key K, word string) string {
	name, ok := known[key]
	if !ok {
		name = fmt.Sprintf("%s %d", word, len(known))
		known[key] = name
	}
	return name
}

func (n *names) text(field, x string) string {
	switch {
	case field == "ErrorMessage", field == "Documentation":
		return "some text"
	case field == "ClusterID" && x == n.cluster:
		return "CLUSTER"
	}
	if (field == "MemberID" || field == "LeaderID") && shortID.MatchString(x) {
		return remember(n.members, x, "id")
	}
	x = strings.ReplaceAll(x, n.dir, "DIR")
	x = strings.ReplaceAll(x, ":"+n.port, ":PORT")
	x = otherPort.ReplaceAllString(x, "127.0.0.1:OTHER")
	x = uuidText.ReplaceAllStringFunc(x, func(id string) string { return remember(n.members, id, "uuid") })
	return fmt.Sprintf("%q", x)
}

// bytes renders a byte field; record batches without what differs from broker to broker.
func (n *names) bytes(field string, raw []byte) string {
	if raw == nil {
		return "null"
	}
	if field != "RecordBatches" {
		return fmt.Sprintf("%x", raw)
	}
	var parts []string
	for len(raw) >= 61 {
		size := 12 + int(binary.BigEndian.Uint32(raw[8:]))
		if size > len(raw) {
			break
		}
		parts = append(parts, n.batch(slices.Clone(raw[:size])))
		raw = raw[size:]
	}
	if len(raw) > 0 {
		parts = append(parts, fmt.Sprintf("%d bytes of a torn batch", len(raw)))
	}
	return strings.Join(parts, "; ")
}

// batch blanks the producer id, times around now, and then the checksum, which covers them.
func (n *names) batch(b []byte) string {
	blank := false
	for _, at := range []int{27, 35} {
		age := time.Since(time.UnixMilli(int64(binary.BigEndian.Uint64(b[at:]))))
		if age > -time.Hour && age < time.Hour {
			binary.BigEndian.PutUint64(b[at:], 1)
			blank = true
		}
	}
	producer := int64(binary.BigEndian.Uint64(b[43:]))
	if producer >= 0 {
		binary.BigEndian.PutUint64(b[43:], 1)
		blank = true
	}
	if blank {
		binary.BigEndian.PutUint32(b[17:], 0)
	}
	return fmt.Sprintf("%x", b)
}
