package fill

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Functions are those that every template has.
var Functions = map[string]Function{
	"and": func(a []any) (any, error) { return pick(a, func(v any) bool { return !truth(v) }) },
	"or":  func(a []any) (any, error) { return pick(a, truth) },
	"not": one(func(v any) (any, error) { return !truth(v), nil }),
	"eq": func(a []any) (any, error) {
		if len(a) < 2 {
			return nil, errFew
		}
		return slices.ContainsFunc(a[1:], func(v any) bool { return order(a[0], v) == 0 }), nil
	},
	"ne": two(func(a, b any) bool { return order(a, b) != 0 }), "lt": two(func(a, b any) bool { return order(a, b) < 0 }),
	"le": two(func(a, b any) bool { return order(a, b) <= 0 }), "gt": two(func(a, b any) bool { return order(a, b) > 0 }),
	"ge":  two(func(a, b any) bool { return order(a, b) >= 0 }),
	"len": one(length), "index": index, "print": func(a []any) (any, error) { return joined(a, ""), nil },
	"println": func(a []any) (any, error) { return joined(a, " ") + "\n", nil }, "printf": printf,
	"upper": one(func(v any) (any, error) { return strings.ToUpper(text(v)), nil }),
	"lower": one(func(v any) (any, error) { return strings.ToLower(text(v)), nil }),
	"hex":   one(func(v any) (any, error) { return hex.EncodeToString([]byte(text(v))), nil }),
	"base64": one(func(v any) (any, error) {
		return base64.StdEncoding.EncodeToString([]byte(text(v))), nil
	}),
	"json": one(func(v any) (any, error) { b, err := json.Marshal(v); return string(b), err }),
	"join": func(a []any) (any, error) {
		if len(a) != 2 {
			return nil, errFew
		}
		list, ok := a[0].([]any)
		if !ok {
			return nil, fmt.Errorf("%s is no list", text(a[0]))
		}
		return joined(list, text(a[1])), nil
	},
}

var errFew = errors.New("wrong number of arguments")

func one(f func(any) (any, error)) Function {
	return func(a []any) (any, error) {
		if len(a) != 1 {
			return nil, errFew
		}
		return f(a[0])
	}
}

func two(f func(a, b any) bool) Function {
	return func(a []any) (any, error) {
		if len(a) != 2 {
			return nil, errFew
		}
		return f(a[0], a[1]), nil
	}
}

// pick is the first that ends the search, or the last.
func pick(a []any, ends func(any) bool) (any, error) {
	if len(a) == 0 {
		return nil, errFew
	}
	if i := slices.IndexFunc(a, ends); i >= 0 {
		return a[i], nil
	}
	return a[len(a)-1], nil
}

func length(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case string:
		return len(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	case Open:
		return len(v), nil
	}
	return nil, fmt.Errorf("%s has no length", text(v))
}

func index(a []any) (any, error) {
	if len(a) == 0 {
		return nil, errFew
	}
	v := a[0]
	for _, at := range a[1:] {
		switch in := v.(type) {
		case map[string]any:
			v = in[text(at)]
		case Open:
			v = in[text(at)]
		case []any:
			i, whole := integer(at)
			if !whole || i < 0 || i >= int64(len(in)) {
				return nil, fmt.Errorf("%s is not within a list of %d", text(at), len(in))
			}
			v = in[i]
		default:
			return nil, fmt.Errorf("%s has nothing in it", text(v))
		}
	}
	return v, nil
}

func printf(a []any) (any, error) {
	if len(a) == 0 {
		return nil, errFew
	}
	args := slices.Clone(a[1:])
	for i, v := range args {
		if n, ok := v.(json.Number); ok {
			if whole, err := n.Int64(); err == nil {
				args[i] = whole
			} else if f, err := n.Float64(); err == nil {
				args[i] = f
			}
		}
	}
	return fmt.Sprintf(text(a[0]), args...), nil
}

func joined(list []any, between string) string {
	var parts []string
	for _, v := range list {
		parts = append(parts, text(v))
	}
	return strings.Join(parts, between)
}

// text is a value as it is printed.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case []any, map[string]any, Open:
		b, err := json.Marshal(v)
		if err == nil {
			return string(b)
		}
	}
	return fmt.Sprint(v)
}

// truth is what if and with ask: whether there is something.
func truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	case Open:
		return len(v) > 0
	}
	n, isNumber := number(v)
	return !isNumber || n != 0
}

// integer reads a whole number.
func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	case json.Number:
		n, err := v.Int64()
		return n, err == nil
	case float64:
		return int64(v), v == float64(int64(v))
	}
	return 0, false
}

func number(v any) (float64, bool) {
	if n, whole := integer(v); whole {
		return float64(n), true
	}
	switch v := v.(type) {
	case json.Number:
		f, err := v.Float64()
		return f, err == nil
	case float64:
		return v, true
	}
	return 0, false
}

// order compares numbers as numbers and everything else as text.
func order(a, b any) int {
	x, whole := integer(a)
	y, too := integer(b)
	if whole && too {
		return cmp.Compare(x, y)
	}
	f, ok := number(a)
	g, ok2 := number(b)
	if ok && ok2 {
		return cmp.Compare(f, g)
	}
	return cmp.Compare(text(a), text(b))
}
