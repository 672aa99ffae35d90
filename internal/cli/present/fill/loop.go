package fill

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"text/template/parse"
)

// loop is range: over a list, over a map in the order of its names, or that many times.
func (e *execution) loop(dot any, n *parse.RangeNode) error {
	defer e.forget(len(e.variables))
	declared := n.Pipe.Decl
	v, err := e.value(dot, n.Pipe)
	if err != nil {
		return err
	}
	keys, values, err := items(v)
	if err != nil {
		return fmt.Errorf("%s: %w", n.Pipe, err)
	}
	if len(values) == 0 {
		return e.list(dot, n.ElseList)
	}
	for i := range values {
		before := len(e.variables)
		switch len(declared) {
		case 1:
			e.declare(declared[0], values[i])
		case 2:
			e.declare(declared[0], keys[i])
			e.declare(declared[1], values[i])
		}
		err := e.list(values[i], n.List)
		e.forget(before)
		switch {
		case errors.Is(err, errBreak):
			return nil
		case err != nil && !errors.Is(err, errContinue):
			return err
		}
	}
	return nil
}

func (e *execution) declare(n *parse.VariableNode, v any) {
	e.variables = append(e.variables, variable{n.Ident[0], v})
}

// mostTurns bounds a loop over a number.
const mostTurns = 1 << 20

// items are what a value consists of.
func items(v any) (keys, values []any, err error) {
	if m, isMap := namesOf(v); isMap {
		for _, name := range slices.Sorted(maps.Keys(m)) {
			keys, values = append(keys, name), append(values, m[name])
		}
		return keys, values, nil
	}
	switch v := v.(type) {
	case nil:
		return nil, nil, nil
	case []any:
		for i, one := range v {
			keys, values = append(keys, i), append(values, one)
		}
		return keys, values, nil
	}
	n, whole := integer(v)
	if !whole || n > mostTurns {
		return nil, nil, fmt.Errorf("%s is no list", text(v))
	}
	for i := range n {
		keys, values = append(keys, i), append(values, i)
	}
	return keys, values, nil
}
