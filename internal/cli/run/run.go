// Package run is what a command of the command line is run with, and what it ends with.
//
// A command gets [Streams] and returns an error. What the error is decides the exit status of the process: nil is 0; [Failed] is 1, for what the command
// did not manage to do; [Exit] is a status of its own, of a command that has already said why; every other error is 2, for how it was called. Commands that
// stand in for Kafka's tools end as those do, which know no 2.
package run

import (
	"errors"
	"fmt"
	"io"
	"strings"
)

// Streams are those of the process. A command reads and writes nowhere else, so that a test can hand it others.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// failure is an error of what a command did.
type failure struct{ error }

func (f failure) Unwrap() error { return f.error }

// Failed marks an error as one of what the command did, not of how it was called: the process ends with status 1. Nil stays nil.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	return failure{err}
}

// IsFailed reports whether an error says that the command did not manage what it was asked for.
func IsFailed(err error) bool {
	var f failure
	return errors.As(err, &f)
}

// Hint puts what to do behind an error. Errors of the protocol are sentences with a full stop, which does not stand before a colon.
func Hint(err error, format string, args ...any) error {
	return hinted{err, fmt.Sprintf(format, args...)}
}

// hinted is an error with what to do.
type hinted struct {
	error
	hint string
}

func (h hinted) Error() string { return strings.TrimSuffix(h.error.Error(), ".") + ": " + h.hint }

func (h hinted) Unwrap() error { return h.error }

// Exit ends the process with a status; whatever there was to say has been said.
type Exit int

func (e Exit) Error() string { return fmt.Sprintf("exit status %d", int(e)) }
