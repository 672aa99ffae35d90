package broker

import (
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Requests and their answers are built alike: what a request lists, the answer lists under the same names. So one function forms the answer that refuses
// each part of a request. It costs some reflection, and only those who are refused.

// identifies are the fields by which an answer says which part of the request it is about.
var identifies = map[string]bool{"Topic": true, "TopicID": true, "Partition": true, "Group": true, "GroupID": true, "TransactionalID": true, "ProducerID": true,
	"ResourceType": true, "ResourceName": true}

// mirror answers every part of a request with an error: the innermost things that the answer lists, or if it lists nothing the answer itself.
func mirror(rq kmsg.Request, code *kerr.Error) kmsg.Response {
	resp := rq.ResponseKind()
	mirrorInto(reflect.ValueOf(resp).Elem(), reflect.ValueOf(rq).Elem(), code.Code)
	return resp
}

func mirrorInto(to, from reflect.Value, code int16) {
	lists := false
	for i := range to.NumField() {
		field, name := to.Field(i), to.Type().Field(i).Name
		source := from.FieldByName(name)
		if !source.IsValid() {
			continue
		}
		switch {
		case field.Kind() == reflect.Slice && source.Kind() == reflect.Slice && field.Type().Elem().Kind() == reflect.Struct:
			lists = true
			mirrorList(field, source, name, code)
		case identifies[name] && field.Type() == source.Type():
			field.Set(source)
		}
	}
	if own := to.FieldByName("ErrorCode"); own.IsValid() && !lists {
		own.SetInt(int64(code))
	}
}

// mirrorList lists what a request lists, be it parts or mere names and numbers.
func mirrorList(to, from reflect.Value, name string, code int16) {
	out := reflect.MakeSlice(to.Type(), from.Len(), from.Len())
	for i := range from.Len() {
		element := out.Index(i)
		element.Addr().MethodByName("Default").Call(nil)
		if source := from.Index(i); source.Kind() == reflect.Struct {
			mirrorInto(element, source, code)
		} else {
			if named := element.FieldByName(strings.TrimSuffix(name, "s")); named.IsValid() {
				named.Set(source)
			}
			element.FieldByName("ErrorCode").SetInt(int64(code))
		}
	}
	to.Set(out)
}

// refuseTop answers a request by the error code of the answer alone, which has one.
func refuseTop(rq kmsg.Request, code *kerr.Error) kmsg.Response {
	resp := rq.ResponseKind()
	reflect.ValueOf(resp).Elem().FieldByName("ErrorCode").SetInt(int64(code.Code))
	return resp
}

// setMessage sets the text of an answer's error, if it has one.
func setMessage(resp kmsg.Response, text string) {
	v := reflect.ValueOf(resp).Elem()
	if code := v.FieldByName("ErrorCode"); !code.IsValid() || code.Int() == 0 {
		return
	}
	if field := v.FieldByName("ErrorMessage"); field.IsValid() && field.Type() == reflect.TypeFor[*string]() {
		field.Set(reflect.ValueOf(&text))
	}
}

// eachPartition calls do for each partition of an answer that lists topics with partitions.
func eachPartition(resp kmsg.Response, do func(reflect.Value)) {
	topics := reflect.ValueOf(resp).Elem().FieldByName("Topics")
	for i := range topics.Len() {
		partitions := topics.Index(i).FieldByName("Partitions")
		for j := range partitions.Len() {
			do(partitions.Index(j))
		}
	}
}

// failedWhole reports whether an answer refuses a request as a whole.
func failedWhole(resp kmsg.Response) bool {
	code := reflect.ValueOf(resp).Elem().FieldByName("ErrorCode")
	return code.IsValid() && code.Int() != 0
}

// appendList appends what one answer lists to another of the same kind.
func appendList(to, more kmsg.Response, name string) {
	list := reflect.ValueOf(to).Elem().FieldByName(name)
	list.Set(reflect.AppendSlice(list, reflect.ValueOf(more).Elem().FieldByName(name)))
}

// divide keeps in a request those elements of a list that keep says, and returns a copy of the request with the others; nil: there are none. The list is
// not nil afterwards, which often means all.
func divide(rq kmsg.Request, name string, keep func(element reflect.Value) bool) (others kmsg.Request, kept int) {
	v := reflect.ValueOf(rq).Elem()
	list := v.FieldByName(name)
	good, bad := reflect.MakeSlice(list.Type(), 0, list.Len()), reflect.MakeSlice(list.Type(), 0, 0)
	for i := range list.Len() {
		if keep(list.Index(i)) {
			good = reflect.Append(good, list.Index(i))
		} else {
			bad = reflect.Append(bad, list.Index(i))
		}
	}
	if bad.Len() == 0 {
		return nil, good.Len()
	}
	other := reflect.New(v.Type())
	other.Elem().Set(v)
	other.Elem().FieldByName(name).Set(bad)
	list.Set(good)
	return other.Interface().(kmsg.Request), good.Len()
}
