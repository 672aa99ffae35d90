package storage

import (
	"errors"
	"fmt"
)

// ErrNewer means that a file was written in a form that this build does not know. Nothing is changed then. It is an ErrCorrupt as well: what that
// stops is stopped.
var ErrNewer = errors.New("written by a newer version")

// newerForm is the version of something that was found, and what this build knows.
type newerForm struct {
	what  string
	found int64
	known string
}

func (e *newerForm) Error() string {
	return fmt.Sprintf("%s %d, known is %s: it was written by a newer version, use that one or a later one", e.what, e.found, e.known)
}

// Is makes it an ErrNewer and an ErrCorrupt.
func (e *newerForm) Is(target error) bool { return target == ErrNewer || target == ErrCorrupt }
