package fs

import (
	"errors"
	"syscall"
)

// IsFull reports whether err is about a full disk or quota, which may pass, unlike other failures of a disk.
func IsFull(err error) bool { return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) }
