package admin

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"

	"leat/internal/cli/kafka/tool"
)

// readFile reads a file that an option names.
func readFile(path string) ([]byte, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, &tool.Exception{Class: "java.io.IOException", Message: "Unable to read file " + path}
	}
	return text, nil
}

// parseJSON reads a text of JSON, with its numbers as they are written.
func parseJSON(text []byte) (any, bool) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var v any
	return v, d.Decode(&v) == nil
}

// field is a field of an object of JSON that has to be there.
func field[T any](object any, name string) (T, error) {
	var none T
	fields, ok := object.(map[string]any)
	if !ok {
		return none, tool.Saidf("Expected JSON object, received %s", jsonText(object))
	}
	v, ok := fields[name]
	if !ok {
		return none, tool.Saidf("No such field exists: `%s`", name)
	}
	t, ok := v.(T)
	if !ok {
		return none, tool.Saidf("Expected `%s` value, received %s", jsonKinds[fmt.Sprintf("%T", none)], jsonText(v))
	}
	return t, nil
}

var jsonKinds = map[string]string{"string": "String", "json.Number": "Number", "[]interface {}": "JSON array", "map[string]interface {}": "JSON object"}

// jsonInt is a whole number of an object.
func jsonInt(object any, name string) (int64, error) {
	n, err := field[json.Number](object, name)
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(n.String(), 10, 64)
}

// jsonInt32 is one that fits 32 bits.
func jsonInt32(object any, name string) (int32, error) {
	n, err := jsonInt(object, name)
	if err == nil && (n < math.MinInt32 || n > math.MaxInt32) {
		err = tool.Saidf("Expected `Integer` value, received %d", n)
	}
	return int32(n), err
}

func jsonText(v any) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return "?"
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// object is fields in the order in which Jackson writes a Java HashMap.
func object(fields map[string]string) string {
	keys := make([]string, 0, len(fields))
	for key := range fields {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	var parts []string
	for _, key := range tool.HashOrder(keys) {
		parts = append(parts, jsonText(key)+":"+fields[key])
	}
	return "{" + strings.Join(parts, ",") + "}"
}

func array(parts []string) string { return "[" + strings.Join(parts, ",") + "]" }
