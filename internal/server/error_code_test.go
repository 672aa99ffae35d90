package server

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// errorCode is the code of a whole answer.
func errorCode(resp kmsg.Response) int16 {
	return int16(reflect.ValueOf(resp).Elem().FieldByName("ErrorCode").Int())
}
