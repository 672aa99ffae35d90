package tlsstore

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// errJKS says that the lengths within a store do not fit its size.
var errJKS = errors.New("its entries do not fit the length of the file")

// checkJKS walks over the entries of a JKS store without looking into them. Its reader takes the lengths in it for granted: a damaged one makes it allocate
// four gigabytes.
func checkJKS(data []byte) error {
	r := &walker{rest: data}
	r.skip(4) // magic, which the reader knows
	version, entries := r.number(4), r.number(4)
	for ; entries > 0 && !r.short; entries-- {
		tag := r.number(4)
		r.skip(r.number(2)) // alias
		r.skip(8)           // date
		certificates := 1
		if tag == 1 {
			r.skip(r.number(4)) // key
			certificates = r.number(4)
		}
		for ; certificates > 0 && !r.short; certificates-- {
			if version == 2 {
				r.skip(r.number(2)) // type
			}
			r.skip(r.number(4))
		}
	}
	if r.short {
		return errJKS
	}
	return nil
}

// walker reads numbers and steps over bytes, until something is not there.
type walker struct {
	rest  []byte
	short bool
}

func (w *walker) number(size int) int {
	at := w.rest
	if w.skip(size); w.short {
		return 0
	}
	if size == 2 {
		return int(binary.BigEndian.Uint16(at))
	}
	return int(binary.BigEndian.Uint32(at))
}

func (w *walker) skip(n int) {
	if n > len(w.rest) {
		w.short, w.rest = true, nil
		return
	}
	w.rest = w.rest[n:]
}

// guarded turns a panic of a library that reads a damaged file into an error: the file may change while the node runs.
func guarded(read func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("damaged: %v", p)
		}
	}()
	return read()
}
