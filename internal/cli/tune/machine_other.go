//go:build !linux

package tune

import (
	"errors"
	"runtime"
)

func thisMachine() *machine {
	return &machine{system: runtime.GOOS, read: readTrimmed, disk: func(string) (disk, error) { return disk{}, errors.ErrUnsupported }}
}
