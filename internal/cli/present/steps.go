package present

import (
	"context"
	"errors"
	"fmt"

	"leat/internal/cli/run"
)

// Step is one change that a command makes. With --plan it is shown, and not made.
type Step struct {
	Object string `json:"object"`           // as in "topic orders"
	Action string `json:"action"`           // as in "create", "set"
	What   string `json:"what,omitempty"`   // as in "retention.ms"; empty: the object itself
	Before string `json:"before,omitempty"` // empty: nothing, or not known
	After  string `json:"after,omitempty"`
	Done   bool   `json:"done"`
	Err    string `json:"error,omitempty"`

	// Do makes the change. Nil: the next step that has one makes this, too.
	Do func(context.Context) error `json:"-"`
}

// Steps are what a command does.
type Steps []Step

// Carry makes changes, or with --plan shows them. If they destroy something, destroys says so as a question and is asked first. A step that fails does not
// keep the others from being made; the command has failed then.
func (o *Output) Carry(ctx context.Context, steps Steps, destroys string) error {
	if o.plan {
		if err := o.Show(steps, steps.table(false)); err != nil {
			return err
		}
		o.Note("nothing was changed: this is what would be done")
		return nil
	}
	if destroys != "" && len(steps) > 0 {
		if err := o.Confirm(destroys); err != nil {
			return err
		}
	}
	err := steps.make(ctx)
	if err := o.Show(steps, steps.table(true)); err != nil {
		return err
	}
	return run.Failed(err)
}

// Planned is what people see of steps that are not made.
func (s Steps) Planned() *Table { return s.table(false) }

// make makes the changes.
func (s Steps) make(ctx context.Context) error {
	var wrong []error
	from := 0
	for i := range s {
		if s[i].Do == nil {
			continue
		}
		err := s[i].Do(ctx)
		for j := from; j <= i; j++ {
			if s[j].Done = err == nil; err != nil {
				s[j].Err = err.Error()
			}
		}
		if from = i + 1; err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", s[i].Object, err))
		}
	}
	return errors.Join(wrong...)
}

// table is what people see: without --plan only what was done, as the rest is in the error.
func (s Steps) table(made bool) *Table {
	t := NewTable("OBJECT", "ACTION", "WHAT", "BEFORE", "AFTER")
	for _, step := range s {
		if !made || step.Done {
			t.Add(step.Object, step.Action, step.What, step.Before, step.After)
		}
	}
	if t.Len() == 0 {
		t.Head = nil
		t.Notes = []string{"nothing to change"}
		if made && len(s) > 0 {
			t.Notes = []string{"nothing was changed"}
		}
	}
	return t
}
