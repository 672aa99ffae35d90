package fill

import (
	"fmt"
	"text/template/parse"
)

// pipe works out a pipeline, and keeps what it declares or sets.
func (e *execution) pipe(dot any, p *parse.PipeNode) (any, error) {
	v, err := e.value(dot, p)
	if err != nil {
		return nil, err
	}
	for _, n := range p.Decl {
		if !p.IsAssign {
			e.declare(n, v)
			continue
		}
		for i := len(e.variables) - 1; i >= 0; i-- {
			if e.variables[i].name == n.Ident[0] {
				e.variables[i].value = v
				break
			}
		}
	}
	return v, nil
}

// value is that of a pipeline: each command has the value of the one before as its last argument.
func (e *execution) value(dot any, p *parse.PipeNode) (any, error) {
	if p == nil {
		return nil, nil
	}
	var last []any
	for _, c := range p.Cmds {
		v, err := e.command(dot, c, last)
		if err != nil {
			return nil, err
		}
		last = []any{v}
	}
	return last[0], nil
}

func (e *execution) command(dot any, c *parse.CommandNode, last []any) (any, error) {
	first := c.Args[0]
	name, isCall := first.(*parse.IdentifierNode)
	if !isCall {
		if len(c.Args) > 1 || len(last) > 0 {
			return nil, fmt.Errorf("%s: %s is no function", c, first)
		}
		return e.argument(dot, first)
	}
	var args []any
	for _, a := range c.Args[1:] {
		v, err := e.argument(dot, a)
		if err != nil {
			return nil, err
		}
		args = append(args, v)
		if stop := name.Ident == "and" && !truth(v) || name.Ident == "or" && truth(v); stop { // the rest is not looked at
			return v, nil
		}
	}
	v, err := e.t.functions[name.Ident](append(args, last...))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name.Ident, err)
	}
	return v, nil
}

func (e *execution) argument(dot any, n parse.Node) (any, error) {
	switch n := n.(type) {
	case *parse.DotNode:
		return dot, nil
	case *parse.FieldNode:
		return e.fields(dot, n.Ident)
	case *parse.VariableNode:
		for i := len(e.variables) - 1; i >= 0; i-- {
			if e.variables[i].name == n.Ident[0] {
				return e.fields(e.variables[i].value, n.Ident[1:])
			}
		}
		return nil, fmt.Errorf("%s: no such variable", n)
	case *parse.ChainNode:
		v, err := e.argument(dot, n.Node)
		if err != nil {
			return nil, err
		}
		return e.fields(v, n.Field)
	case *parse.PipeNode:
		return e.value(dot, n)
	case *parse.IdentifierNode:
		return e.t.functions[n.Ident](nil)
	case *parse.StringNode:
		return n.Text, nil
	case *parse.BoolNode:
		return n.True, nil
	case *parse.NilNode:
		return nil, nil
	case *parse.NumberNode:
		if n.IsInt {
			return n.Int64, nil
		}
		return n.Float64, nil
	}
	return nil, fmt.Errorf("%s: not supported here", n)
}

// fields goes from a value to one that it has, and so on.
func (e *execution) fields(v any, names []string) (any, error) {
	for _, name := range names {
		m, isMap := namesOf(v)
		next, has := m[name]
		if _, open := v.(Open); !has && e.t.strict && !open {
			return nil, fmt.Errorf(".%s: there is no such name", name)
		}
		if !isMap && v != nil {
			return nil, fmt.Errorf(".%s: %s has no names", name, text(v))
		}
		v = next
	}
	return v, nil
}

// namesOf is the map that a value is, if it is one.
func namesOf(v any) (m map[string]any, isMap bool) {
	if o, open := v.(Open); open {
		return o, true
	}
	m, isMap = v.(map[string]any)
	return m, isMap
}
