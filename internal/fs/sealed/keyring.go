package sealed

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"leat/internal/fs"
)

// A keyring lies twice in its log directory, written one after the other, because without it every encrypted record below is lost.
const (
	ringFile       = "leat-keys.json"
	ringBackupFile = "leat-keys.backup.json"
	ringVersion    = 1
)

// ring is the data keys of one log directory. It is not changed once published.
type ring struct {
	keys    []dataKey // the last one is current
	rewrite bool      // a copy on disk is missing or damaged
}

// dataKey is a key that files' keys are derived from.
type dataKey struct {
	id      keyID
	raw     []byte
	kek     string // id of the key that wrapped it
	wrapped []byte
	created time.Time
}

// ringForm is a keyring on disk.
type ringForm struct {
	Version int       `json:"version"`
	Keys    []keyForm `json:"keys"`
}

type keyForm struct {
	ID      string    `json:"id"`
	KEK     string    `json:"kek"`
	Wrapped []byte    `json:"wrapped"`
	Check   string    `json:"check"` // of the unwrapped key
	Created time.Time `json:"created"`
}

var (
	errUnreadable  = errors.New("keyring not readable")
	errRingDamaged = errors.New("keyring damaged")
)

// check tells the right data key from another one.
func check(id keyID, raw []byte) string {
	mac := hmac.New(sha256.New, raw)
	mac.Write([]byte("leat data key check 1:"))
	mac.Write(id[:])
	return hex.EncodeToString(mac.Sum(nil)[:8])
}

// openRing reads and unwraps the keyring of a directory; nil if it has none.
func (s *FS) openRing(ctx context.Context, dir string) (*ring, error) {
	r, err := s.openRingFile(ctx, filepath.Join(dir, ringFile))
	if err == nil {
		_, statErr := s.FS.Stat(filepath.Join(dir, ringBackupFile))
		r.rewrite = errors.Is(statErr, os.ErrNotExist)
		return r, nil
	}
	if errors.Is(err, errUnreadable) {
		return nil, err
	}
	r, backupErr := s.openRingFile(ctx, filepath.Join(dir, ringBackupFile))
	if backupErr == nil {
		r.rewrite = true
		s.cfg.Logger.Warn("keyring missing or damaged, its backup is used and it is written again", "dir", dir, "err", err)
		return r, nil
	}
	if errors.Is(err, os.ErrNotExist) {
		err = backupErr
	}
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	return nil, fmt.Errorf("log directory %s: %w", dir, err)
}

func (s *FS) openRingFile(ctx context.Context, path string) (*ring, error) {
	b, err := fs.ReadFile(s.FS, path)
	if errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errUnreadable, err)
	}
	var form ringForm
	decoder := json.NewDecoder(bytes.NewReader(b))
	decoder.DisallowUnknownFields()
	err = decoder.Decode(&form)
	if err == nil && len(form.Keys) == 0 {
		err = errors.New("it has no key")
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w (%w): put the copy of a backup in its place", path, errRingDamaged, err)
	}
	if form.Version != ringVersion {
		return nil, fmt.Errorf("%s has version %d, this version reads %d: a newer one wrote it", path, form.Version, ringVersion)
	}
	r := &ring{}
	for _, k := range form.Keys {
		key, err := s.unwrap(ctx, k)
		if err != nil {
			return nil, fmt.Errorf("%s: data key %s: %w", path, k.ID, err)
		}
		r.keys = append(r.keys, key)
	}
	return r, nil
}

func (s *FS) unwrap(ctx context.Context, k keyForm) (dataKey, error) {
	key := dataKey{kek: k.KEK, wrapped: k.Wrapped, created: k.Created}
	if n, err := hex.Decode(key.id[:], []byte(k.ID)); err != nil || n != len(key.id) || len(k.ID) != 2*len(key.id) {
		return key, fmt.Errorf("its id is not %d hexadecimal digits: %w", 2*len(key.id), errRingDamaged)
	}
	if s.cfg.Keys == nil {
		return key, fmt.Errorf("segments here may be encrypted with it, and it is wrapped by key %q: "+
			"set leat.encryption.key.file or leat.encryption.key.command: %w", k.KEK, fs.ErrNoKey)
	}
	raw, err := s.cfg.Keys.Unwrap(ctx, k.KEK, k.Wrapped)
	if err != nil {
		return key, fmt.Errorf("not unwrapped with key %q: %w", k.KEK, err)
	}
	if len(raw) != keySize || check(key.id, raw) != k.Check {
		return key, fmt.Errorf("key %q unwraps it to something else: it is not the key that wrapped it, or the keyring was changed: %w", k.KEK, fs.ErrNoKey)
	}
	key.raw = raw
	return key, nil
}

// Refresh asks the key service for the current key, wraps the data keys of all keyrings with it that were wrapped with another, and
// makes new data keys where there is none, where the current one is too old, or where the wrapping key changed. No segment is
// written. It returns errors of the key service; a directory that cannot be written keeps its keyring as it is.
func (s *FS) Refresh(ctx context.Context) error {
	if s.cfg.Keys == nil {
		return nil
	}
	s.ringMu.Lock()
	defer s.ringMu.Unlock()
	kek, err := s.cfg.Keys.Current(ctx)
	if err != nil {
		return err
	}
	for _, dir := range s.cfg.Dirs {
		if err := s.refreshRing(ctx, filepath.Clean(dir), kek); err != nil {
			return fmt.Errorf("log directory %s: %w", dir, err)
		}
	}
	return nil
}

// refreshRing brings the keyring of one directory up to date, with ringMu held.
func (s *FS) refreshRing(ctx context.Context, dir, kek string) error {
	s.mu.RLock()
	old := s.rings[dir]
	_, failed := s.failed[dir]
	s.mu.RUnlock()
	if failed { // what lies there must not be replaced
		return nil
	}
	next := &ring{}
	changed, fresh := old == nil || old.rewrite, old == nil
	if old != nil {
		next.keys = slices.Clone(old.keys)
	}
	for i := range next.keys {
		k := &next.keys[i]
		if k.kek == kek {
			continue
		}
		wrapped, err := s.cfg.Keys.Wrap(ctx, kek, k.raw)
		if err != nil {
			return fmt.Errorf("data key %s not wrapped with key %q: %w", k.id, kek, err)
		}
		s.cfg.Logger.Info("data key wrapped again", "dir", dir, "data_key", k.id.String(), "kek", kek, "previous_kek", k.kek)
		k.kek, k.wrapped = kek, wrapped
		changed, fresh = true, true
	}
	if fresh || s.tooOld(next) {
		k, err := s.newDataKey(ctx, kek)
		if err != nil {
			return err
		}
		next.keys = append(next.keys, k)
		changed = true
		s.cfg.Logger.Info("data key made", "dir", dir, "data_key", k.id.String(), "kek", kek)
	}
	if !changed {
		return nil
	}
	if err := s.writeRing(dir, next); err != nil {
		s.cfg.Logger.Error("keyring not written, it stays as it was", "dir", dir, "err", err)
		return nil
	}
	s.mu.Lock()
	s.rings[dir] = next
	s.mu.Unlock()
	return nil
}

func (s *FS) tooOld(r *ring) bool {
	return s.cfg.Rotation > 0 && time.Since(r.keys[len(r.keys)-1].created) > s.cfg.Rotation
}

func (s *FS) newDataKey(ctx context.Context, kek string) (dataKey, error) {
	k := dataKey{kek: kek, raw: make([]byte, keySize), created: time.Now().UTC().Truncate(time.Second)}
	rand.Read(k.id[:]) // never fails, nor does the next
	rand.Read(k.raw)
	var err error
	if k.wrapped, err = s.cfg.Keys.Wrap(ctx, kek, k.raw); err != nil {
		return k, fmt.Errorf("new data key not wrapped with key %q: %w", kek, err)
	}
	return k, nil
}

// writeRing replaces both copies, one after the other.
func (s *FS) writeRing(dir string, r *ring) error {
	form := ringForm{Version: ringVersion}
	for _, k := range r.keys {
		form.Keys = append(form.Keys, keyForm{ID: k.id.String(), KEK: k.kek, Wrapped: k.wrapped, Check: check(k.id, k.raw), Created: k.created})
	}
	b, err := json.MarshalIndent(form, "", "  ")
	if err != nil {
		return err
	}
	b = append(b, '\n')
	for _, name := range [...]string{ringFile, ringBackupFile} {
		if err := fs.WriteFile(s.FS, filepath.Join(dir, name), b, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// dataKey finds the key of a file.
func (s *FS) dataKey(dir string, id keyID) ([]byte, error) {
	s.mu.RLock()
	r := s.rings[dir]
	s.mu.RUnlock()
	if r != nil {
		for _, k := range r.keys {
			if k.id == id {
				return k.raw, nil
			}
		}
	}
	return nil, fmt.Errorf("encrypted with data key %s, which %s does not have: put the copy of a backup in its place, with the keys that it needs: %w",
		id, filepath.Join(dir, ringFile), fs.ErrNoKey)
}

// beginFile appends the header of a new file.
func (s *FS) beginFile(b []byte, name string) ([]byte, *cryptor, error) {
	dir := s.where.dirOf(name)
	s.mu.RLock()
	r, failed := s.rings[dir], s.failed[dir]
	s.mu.RUnlock()
	if r == nil {
		why := "set leat.encryption.key.file or leat.encryption.key.command"
		if failed != nil {
			why = strings.TrimPrefix(failed.Error(), "log directory ")
		}
		return b, nil, fmt.Errorf("it is to be encrypted, and %s has no keys: %s: %w", dir, why, fs.ErrNoKey)
	}
	if s.tooOld(r) {
		s.replaceKey()
	}
	k := r.keys[len(r.keys)-1]
	return appendHeader(b, k.id, k.raw)
}

// replaceKey makes a new data key without letting the caller wait: the old one does for as long as that takes.
func (s *FS) replaceKey() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.making || s.closed {
		return
	}
	s.making = true
	s.wg.Go(func() {
		if err := s.Refresh(context.Background()); err != nil {
			s.cfg.Logger.Warn("data key not replaced, the old one stays in use", "err", err)
		}
		s.mu.Lock()
		s.making = false
		s.mu.Unlock()
	})
}
