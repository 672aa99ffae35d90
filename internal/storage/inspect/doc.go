// Package inspect looks at log directories without a broker: it walks segments, reads indexes, snapshots and checkpoints, and checks
// that they agree. It opens files only for reading and never repairs: opening a log as a broker does would cut, rebuild and remove what
// somebody may want to look at first.
//
// Terms. A finding is one thing that is not as it should be, with the file and position, and what to do. A finding's severity says what the
// next start makes of it: Damage stays until somebody acts, Repair is mended by the start itself (what was never synced, an index that is
// built anew, files left over), Note is worth knowing.
//
// Invariant: memory is bounded by the number of workers and the size of their buffers, whatever the files say.
package inspect
