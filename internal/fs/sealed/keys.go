package sealed

import (
	"context"
	"errors"
	"time"

	"leat/internal/fs"
)

// KeySource says where key-encryption keys come from: at most one of File and Command.
type KeySource struct {
	File    string
	Command string
	Timeout time.Duration // of one call of Command
}

// Open gives the service; nil if there is none.
func (k KeySource) Open(fsys fs.FS) (KeyService, error) {
	switch {
	case k.File != "" && k.Command != "":
		return nil, errors.New("leat.encryption.key.file and leat.encryption.key.command are both set: keys come from one place: remove one")
	case k.File != "":
		return FileKeys(fsys, k.File)
	case k.Command != "":
		return CommandKeys(k.Command, k.Timeout), nil
	}
	return nil, nil
}

// KeyService holds key-encryption keys: a file of them, or a command that asks a key management system. An error that is
// an fs.ErrNoKey means that the service works and does not have the key.
type KeyService interface {
	// Current is the id of the key that data keys are wrapped with from now on. It looks anew each time.
	Current(ctx context.Context) (string, error)
	// Wrap encrypts a data key with the key of the given id.
	Wrap(ctx context.Context, id string, dataKey []byte) ([]byte, error)
	// Unwrap undoes Wrap.
	Unwrap(ctx context.Context, id string, wrapped []byte) ([]byte, error)
}

// maxKeyID bounds the length of the id of a key-encryption key.
const maxKeyID = 512
