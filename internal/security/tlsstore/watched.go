package tlsstore

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
)

// Watched is the newest store of a listener that could be read.
//
// Renew is called when the settings or the files may have changed: by a timer, after a change of the configuration, on a signal. A reading that fails
// leaves what is in use in use.
type Watched struct {
	read   ReadFile
	listen bool // a listener's: it must have a key

	mu   sync.Mutex // over readings
	seen [sha256.Size]byte

	newest atomic.Pointer[loaded]
}

type loaded struct {
	store  *Store
	server *tls.Config
}

// Watch reads the store for the first time. listen: it is that of a listener.
func Watch(s *Settings, read ReadFile, listen bool) (*Watched, error) {
	w := &Watched{read: read, listen: listen}
	_, err := w.Renew(s)
	return w, err
}

// Renew reads again if settings or files differ from what was last read, and tells whether there is a new store. What failed is not tried again before something
// changes, so that it is told once.
func (w *Watched) Renew(s *Settings) (renewed bool, err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	mark, files := w.mark(s)
	if mark == w.seen {
		return false, nil
	}
	w.seen = mark
	store, err := Load(s, func(name string) ([]byte, error) {
		if f, ok := files[name]; ok {
			return f.data, f.err
		}
		return w.read(name)
	})
	if err != nil {
		return false, err
	}
	next := &loaded{store: store}
	if w.listen {
		if next.server, err = store.Server(); err != nil {
			return false, err
		}
	}
	w.newest.Store(next)
	return true, nil
}

type file struct {
	data []byte
	err  error
}

// mark is a hash over all that a store is made of. It begins with a byte that the hash of nothing has not.
func (w *Watched) mark(s *Settings) (mark [sha256.Size]byte, files map[string]file) {
	h := sha256.New()
	fmt.Fprintf(h, "%q", *s)
	files = map[string]file{}
	for _, name := range []string{s.KeystoreLocation, s.TruststoreLocation} {
		if _, seen := files[name]; name == "" || seen {
			continue
		}
		f := file{}
		f.data, f.err = w.read(name)
		files[name] = f
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(f.data))))
		h.Write(f.data)
		if f.err != nil {
			h.Write([]byte(f.err.Error()))
		}
	}
	h.Sum(mark[:0])
	return mark, files
}

// Store is the newest store.
func (w *Watched) Store() *Store { return w.newest.Load().store }

// Server is the newest configuration of the listener.
func (w *Watched) Server() *tls.Config { return w.newest.Load().server }
