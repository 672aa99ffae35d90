package fs

import "errors"

// Kinds of failure of a File that holds its content in a form of its own, encrypted for example (package sealed).
var (
	// ErrDamaged means that bytes are there but are not what was written. The error says in which file and where.
	ErrDamaged = errors.New("file damaged")
	// ErrNoKey means that the key is missing which the content is, or has to be, encrypted with. It says nothing about the disk.
	ErrNoKey = errors.New("no key")
)
