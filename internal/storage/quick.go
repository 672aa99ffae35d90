package storage

import "leat/internal/fs"

// writeTail writes behind the end of a segment. The store's only directory may be written without telling the scheduler: if its disk stalls,
// there is nothing that the others could go on with.
func (l *Log) writeTail(f fs.File, p []byte, at int64) (int, error) {
	if d, ok := l.host.(*logDir); ok && len(d.store.dirs) == 1 {
		return fs.WriteQuickly(f, p, at)
	}
	return f.WriteAt(p, at)
}
