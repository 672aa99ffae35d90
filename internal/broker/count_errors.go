package broker

import (
	"reflect"
	"sync"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// errorFields remembers by response type where its error code is: an index path, nil if it has none of its own.
var errorFields sync.Map

// topLevelError is the error code of a whole response, 0 if it has none or only its parts have.
func topLevelError(resp kmsg.Response) int16 {
	v := reflect.ValueOf(resp).Elem()
	known, ok := errorFields.Load(v.Type())
	if !ok {
		var index []int
		if f, has := v.Type().FieldByName("ErrorCode"); has && f.Type.Kind() == reflect.Int16 {
			index = f.Index
		}
		known, _ = errorFields.LoadOrStore(v.Type(), index)
	}
	index := known.([]int)
	if index == nil {
		return 0
	}
	return int16(v.FieldByIndex(index).Int())
}
