package sealed

import (
	"bytes"
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"sync"

	"leat/internal/fs"
)

// keyFile is key-encryption keys in a file: a line <id>:<base64 of 32 bytes> each, the first one current.
type keyFile struct {
	fsys fs.FS
	path string

	mu   sync.Mutex
	ids  []string
	keys map[string]cipher.AEAD
}

// FileKeys reads key-encryption keys from a file, which nobody but its owner and group may be able to read.
func FileKeys(fsys fs.FS, path string) (KeyService, error) {
	k := &keyFile{fsys: fsys, path: path}
	_, err := k.Current(context.Background())
	return k, err
}

// Current reads the file again.
func (k *keyFile) Current(context.Context) (string, error) {
	ids, keys, err := readKeyFile(k.fsys, k.path)
	if err != nil {
		return "", err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.ids, k.keys = ids, keys
	return ids[0], nil
}

func readKeyFile(fsys fs.FS, path string) (ids []string, keys map[string]cipher.AEAD, err error) {
	info, err := fsys.Stat(path)
	if err != nil {
		return nil, nil, fmt.Errorf("key file: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o007 != 0 {
		return nil, nil, fmt.Errorf("key file %s has mode %04o, so everybody on this machine may use it, and its keys count as known: "+
			"chmod 0600 it, and consider new keys", path, mode)
	}
	b, err := fs.ReadFile(fsys, path)
	if err != nil {
		return nil, nil, fmt.Errorf("key file: %w", err)
	}
	defer clear(b)
	keys = make(map[string]cipher.AEAD)
	for i, line := range bytes.Split(b, []byte("\n")) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		id, aead, err := parseKeyLine(line)
		if err == nil && keys[id] != nil {
			err = fmt.Errorf("key %s stands there twice", id)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("key file %s, line %d: %w", path, i+1, err)
		}
		ids = append(ids, id)
		keys[id] = aead
	}
	if len(ids) == 0 {
		return nil, nil, fmt.Errorf("key file %s has no key: write a line <id>:<base64 of 32 random bytes>", path)
	}
	return ids, keys, nil
}

// parseKeyLine reads a line; its error never shows the key.
func parseKeyLine(line []byte) (string, cipher.AEAD, error) {
	i := bytes.LastIndexByte(line, ':')
	if i <= 0 {
		return "", nil, errors.New("expected <id>:<base64 of 32 random bytes>")
	}
	id := strings.TrimSpace(string(line[:i]))
	if id == "" || len(id) > maxKeyID {
		return "", nil, fmt.Errorf("the id of a key has 1 to %d characters", maxKeyID)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(line[i+1:])))
	if err != nil || len(key) != keySize {
		return "", nil, fmt.Errorf("key %s is not the base64 of %d bytes (openssl rand -base64 %d makes one)", id, keySize, keySize)
	}
	defer clear(key)
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", nil, err
	}
	aead, err := cipher.NewGCM(block)
	return id, aead, err
}

func (k *keyFile) key(id string) (cipher.AEAD, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if aead := k.keys[id]; aead != nil {
		return aead, nil
	}
	return nil, fmt.Errorf("key file %s has no key %q, only %q: add the line of that key below the others: %w", k.path, id, k.ids, fs.ErrNoKey)
}

// wrapContext is what else a wrapped data key is bound to.
func wrapContext(id string) []byte { return []byte("leat data key 1:" + id) }

func (k *keyFile) Wrap(_ context.Context, id string, dataKey []byte) ([]byte, error) {
	aead, err := k.key(id)
	if err != nil {
		return nil, err
	}
	nonce := make([]byte, nonceSize, nonceSize+len(dataKey)+tagSize)
	rand.Read(nonce) // never fails
	return aead.Seal(nonce, nonce, dataKey, wrapContext(id)), nil
}

func (k *keyFile) Unwrap(_ context.Context, id string, wrapped []byte) ([]byte, error) {
	aead, err := k.key(id)
	if err != nil {
		return nil, err
	}
	if len(wrapped) < nonceSize+tagSize {
		return nil, fmt.Errorf("wrapped key of %d bytes is too short", len(wrapped))
	}
	dataKey, err := aead.Open(nil, wrapped[:nonceSize], wrapped[nonceSize:], wrapContext(id))
	if err != nil {
		return nil, fmt.Errorf("key %q of %s is not the one that wrapped it, or it was changed: %w", id, k.path, fs.ErrNoKey)
	}
	return dataKey, nil
}
