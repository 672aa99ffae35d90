package wire

import (
	"reflect"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// fill sets every field of a message to something that is not its default; arrays get two elements.
func fill(msg any) {
	seed := 0
	fillValue(reflect.ValueOf(msg).Elem(), &seed, true)
}

func fillValue(v reflect.Value, seed *int, top bool) {
	*seed++
	switch v.Kind() {
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[kmsg.Tags]() {
			return
		}
		for i := range v.NumField() {
			name := v.Type().Field(i).Name
			if v.Type().Field(i).PkgPath != "" || top && name == "Version" {
				continue
			}
			fillValue(v.Field(i), seed, false)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillValue(v.Elem(), seed, false)
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fillValue(v.Index(i), seed, false)
		}
	case reflect.Array:
		for i := range v.Len() {
			v.Index(i).SetUint(uint64(*seed+i)%255 + 1)
		}
	case reflect.String:
		v.SetString("text" + string(rune('a'+*seed%26)))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Float64:
		v.SetFloat(float64(*seed) + 0.5)
	case reflect.Uint8, reflect.Uint16, reflect.Uint32:
		v.SetUint(uint64(*seed%200 + 1))
	default:
		v.SetInt(int64(*seed%100 + 1))
	}
}

// versions yields every key and version of the table.
func versions(yield func(*API, int16) bool) {
	for i := range APIs {
		api := &APIs[i]
		for v := api.Min; v <= api.Max; v++ {
			if !yield(api, v) {
				return
			}
		}
	}
}
