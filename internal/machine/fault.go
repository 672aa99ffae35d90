package machine

import (
	"errors"
	"fmt"
	"runtime/debug"
	"time"
)

// Fault is a panic inside a machine: a bug of ours. It costs the machine, which is thrown away and loaded anew, and not the process.
//
// The caller whose event did it is told the Fault, so that the shell can answer with an error that nobody takes for a reason to ask the
// same again at once. For the others it is a leader that was lost: they get ErrUnloaded.
type Fault struct {
	Value any    // what was panicked with
	Stack []byte // where
}

func (f *Fault) Error() string { return fmt.Sprintf("internal error: %v", f.Value) }

// Catch turns a panic into a Fault. It is deferred around what calls a machine.
func Catch(err *error) {
	if p := recover(); p != nil {
		*err = &Fault{Value: p, Stack: debug.Stack()}
	}
}

func (r *Runner[E, R]) handle(now time.Time, s submission[E]) (res Result[R], err error) {
	defer Catch(&err)
	return r.cfg.Machine.Handle(now, s.build(s.ticket)), nil
}

func (r *Runner[E, R]) ticked(now time.Time) (res Result[R], err error) {
	defer Catch(&err)
	return r.cfg.Machine.Tick(now), nil
}

func (r *Runner[E, R]) due() (at time.Time, err error) {
	defer Catch(&err)
	return r.cfg.Machine.Due(), nil
}

func (r *Runner[E, R]) refused(m Refuser[R], now time.Time, records []R) (effects []Effect, err error) {
	defer Catch(&err)
	return m.Refused(now, records), nil
}

// told splits the reason why the machine was lost: for the caller whose event it was, and for the others.
func told(err error) (culprit, others error) {
	var fault *Fault
	if errors.As(err, &fault) {
		return err, ErrUnloaded
	}
	return err, err
}
