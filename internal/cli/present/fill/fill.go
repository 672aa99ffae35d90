// Package fill fills templates of the syntax that package text/template has, with values as JSON has them: maps of names, lists, texts, numbers, truth
// values and nothing.
//
// It exists because text/template calls methods by their names, so that a program that uses it must contain every exported method of every type that is
// in it: a fifth more of this one, and of its memory. Here there are no methods; what there is: fields, variables, if, with, range, break and continue,
// pipelines, and functions ([Functions] and those of the caller). A name that a value does not have is an error where all names are known ([Strict]), else
// empty.
package fill

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"text/template/parse"
)

// Open is a map in which a name that it does not have is empty, in a strict template, too.
type Open map[string]any

// Function is what a template can call.
type Function func(args []any) (any, error)

// Template is a template that was read.
type Template struct {
	root      *parse.ListNode
	functions map[string]Function
	strict    bool
}

// Option changes how a template is read.
type Option func(*Template)

// With adds functions.
func With(functions map[string]Function) Option {
	return func(t *Template) {
		for name, f := range functions {
			t.functions[name] = f
		}
	}
}

// Strict makes a name that a value does not have an error.
func Strict() Option { return func(t *Template) { t.strict = true } }

// Parse reads a template.
func Parse(text string, opts ...Option) (*Template, error) {
	t := &Template{functions: map[string]Function{}}
	for name, f := range Functions {
		t.functions[name] = f
	}
	for _, o := range opts {
		o(t)
	}
	known := map[string]any{}
	for name := range t.functions {
		known[name] = true
	}
	trees, err := parse.Parse("template", text, "", "", known)
	if err != nil {
		return nil, err
	}
	if len(trees) > 1 {
		return nil, errors.New("template: no definitions of further templates here")
	}
	if tree := trees["template"]; tree != nil {
		t.root = tree.Root
	}
	return t, nil
}

// Execute fills the template with a value.
func (t *Template) Execute(w io.Writer, v any) error {
	if t.root == nil {
		return nil
	}
	var out strings.Builder
	e := &execution{t: t, out: &out, variables: []variable{{"$", v}}}
	if err := e.list(v, t.root); err != nil {
		return fmt.Errorf("template: %w", err)
	}
	_, err := io.WriteString(w, out.String())
	return err
}

// variable is what a template gave a name.
type variable struct {
	name  string
	value any
}

// execution is one filling.
type execution struct {
	t         *Template
	out       *strings.Builder
	variables []variable
}

// Signals of a loop's body.
var (
	errBreak    = errors.New("break outside of a range")
	errContinue = errors.New("continue outside of a range")
)

func (e *execution) list(dot any, list *parse.ListNode) error {
	if list == nil {
		return nil
	}
	for _, n := range list.Nodes {
		if err := e.node(dot, n); err != nil {
			return err
		}
	}
	return nil
}

func (e *execution) node(dot any, n parse.Node) error {
	switch n := n.(type) {
	case *parse.TextNode:
		e.out.Write(n.Text)
	case *parse.CommentNode:
	case *parse.ActionNode:
		v, err := e.pipe(dot, n.Pipe)
		if err != nil {
			return err
		}
		if len(n.Pipe.Decl) == 0 {
			e.out.WriteString(text(v))
		}
	case *parse.IfNode:
		return e.branch(dot, &n.BranchNode, false)
	case *parse.WithNode:
		return e.branch(dot, &n.BranchNode, true)
	case *parse.RangeNode:
		return e.loop(dot, n)
	case *parse.BreakNode:
		return errBreak
	case *parse.ContinueNode:
		return errContinue
	default:
		return fmt.Errorf("%s: not supported here", n)
	}
	return nil
}

// branch is if, and with, which changes the dot.
func (e *execution) branch(dot any, n *parse.BranchNode, with bool) error {
	defer e.forget(len(e.variables))
	v, err := e.pipe(dot, n.Pipe)
	if err != nil {
		return err
	}
	if !truth(v) {
		return e.list(dot, n.ElseList)
	}
	if with {
		dot = v
	}
	return e.list(dot, n.List)
}

// forget drops the variables of a block that has ended.
func (e *execution) forget(before int) { e.variables = e.variables[:before] }
